"""A part of a configuration as keys and values for people, from which a reload's sentences are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from edge_daemon.config import quantities
from edge_daemon.config.section import Section
from edge_daemon.delivery.presets import PRESETS
from edge_daemon.log import redact

SECRET = ("token", "secret_key", "secret", "webhook", "server", "password", "credentials", "mqtt", *PRESETS)
"""Keys whose values are not shown."""


@dataclass(frozen=True)
class Entry:
    """The value of a key: `text` is shown for it, unless it is secret (None); entries differ if their `value` does.
    If only that differs, `alike` says so.
    """

    value: object
    text: str | None = field(default=None, compare=False)
    alike: str = field(default="", compare=False)


Entries = Mapping[str, "Entry | Entries"]
Description = Mapping[str, Entries]
"""By section, such as `camera door`."""


def described(section: Section) -> dict[str, Entry | Entries]:
    """The keys of a section that have a value."""
    fields = type(section).model_fields
    values = {name: getattr(section, name) for name in fields}
    return {name: _entry(name, fields[name], value) for name, value in values.items() if value is not None}


def _entry(name: str, info: FieldInfo, value: object) -> Entry | Entries:
    if isinstance(value, Section):
        return described(value)
    if isinstance(value, dict):
        return {str(key): _entry(name, info, item) for key, item in value.items()}
    if name in SECRET:
        return Entry(value)
    return Entry(value, redact(_text(value, is_time=_is_time(info))))


def _text(value: object, *, is_time: bool = False) -> str:
    """The value as YAML has it."""
    match value:
        case bool():
            return str(value).lower()
        case float() if is_time:
            return f"{value:g}s" if value >= 1 else f"{1e3 * value:g}ms"
        case float():
            return f"{value:g}"
        case list() | tuple():
            return f"[{', '.join(map(_text, value))}]"
        case _:
            return str(value)


def _is_time(info: FieldInfo) -> bool:
    return any(isinstance(one, BeforeValidator) and one.func is quantities.seconds for one in info.metadata)
