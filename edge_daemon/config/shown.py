"""A configuration as it may be shown: as it was written, without the secrets in it."""

import re
from typing import Any

import yaml

from edge_daemon.config.problems import mask
from edge_daemon.config.schema import Config

MASKED = "***"
_SECRET = re.compile(r"token|secret|password", re.IGNORECASE)
_REFERENCE = re.compile(r"\$\{[^}]*\}")


def as_yaml(config: Config) -> str:
    """What was written, as YAML. References to secrets (`${NAME}`) stay, and values of keys for secrets are masked."""
    return yaml.safe_dump(_shown(dict(config.origin.written)), sort_keys=False, allow_unicode=True, width=110)


def _shown(value: Any, *, secret: bool = False) -> Any:
    match value:
        case dict():
            return {key: _shown(item, secret=_holds_secret(key, value, secret)) for key, item in value.items()}
        case list():
            return [_shown(item, secret=secret) for item in value]
        case str():
            return MASKED if secret and not _REFERENCE.fullmatch(value) else mask(value)
    return value


def _holds_secret(key: object, among: dict[Any, Any], inherited: bool) -> bool:
    """True for the keys of secrets, and for the names of tokens; not for what stands beside a token, such as a role."""
    return bool(_SECRET.search(str(key))) or (inherited and not any(_SECRET.search(str(other)) for other in among))
