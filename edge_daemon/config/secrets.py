"""Secrets in a configuration: `${NAME}` is replaced by a systemd credential or an environment variable.

In a URL's `user:password@` and in its query a secret is percent-encoded, so that any password works unchanged.
`$${` is a literal `${`.
"""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from edge_daemon.config.problems import UNPRINTABLE, KeyPath
from edge_daemon.config.yaml import Document

Lookup = Callable[[str], str]
_REFERENCE = re.compile(r"\$(?P<escape>\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)\}|(?P<broken>\$\{)")
_IN_AUTHORITY = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@]*", re.IGNORECASE)
_IN_QUERY = re.compile(r"[a-z][a-z0-9+.-]*://[^?]*\?.*", re.IGNORECASE | re.DOTALL)
_OF_A_FOLDER = "secrets_"
"""Prefix of the names of credentials loaded from a folder: LoadCredential=secrets:/etc/edge-daemon/secrets."""
_USER_END = re.compile(r"[^/?#@]*@")


def lookup_in(environ: Mapping[str, str]) -> Lookup:
    """A lookup in systemd's credentials (LoadCredential= in systemd.exec(5)), then in `environ`."""

    def lookup(name: str) -> str:
        folder = environ.get("CREDENTIALS_DIRECTORY", "")
        for credential in (name, _OF_A_FOLDER + name) if folder else ():
            try:
                return _filled(Path(folder, credential).read_text(encoding="utf-8").rstrip("\r\n"), name)
            except FileNotFoundError:
                continue
            except (OSError, UnicodeDecodeError):
                raise ValueError(f"the credential {name} cannot be read, or is not UTF-8 text") from None
        if name not in environ:
            places = "no environment variable or systemd credential" if folder else "no environment variable"
            raise ValueError(f"${{{name}}} is not set; there is {places} of this name")
        return _filled(environ[name], name)

    return lookup


def fill(document: Document, data: dict[str, object], lookup: Lookup | None = None) -> dict[str, object]:
    """The document's `data` with secrets filled in; missing ones become problems of the document."""
    lookup = lookup or lookup_in(os.environ)
    return {key: _fill(document, value, (key,), lookup) for key, value in data.items()}


def _filled(secret: str, name: str) -> str:
    if not secret:
        raise ValueError(f"${{{name}}} is empty")
    if UNPRINTABLE.search(secret):
        raise ValueError(f"${{{name}}} contains a line break or an unprintable character")
    return secret


def _fill(document: Document, value: object, path: KeyPath, lookup: Lookup) -> object:
    match value:
        case str() if "${" in value:
            return _substituted(document, value, path, lookup)
        case list():
            return [_fill(document, item, (*path, i), lookup) for i, item in enumerate(value)]
        case dict():
            return {key: _fill(document, item, (*path, key), lookup) for key, item in value.items()}
        case _:
            return value


def _substituted(document: Document, text: str, path: KeyPath, lookup: Lookup) -> str | None:
    """`text` with its secrets filled in; None if one of them is missing or not valid."""

    def replacement(match: re.Match[str]) -> str:
        if match["escape"]:
            return "${"
        try:
            if match["broken"]:
                raise ValueError("${ is not followed by the name of a secret; write ${NAME}, or $${ for a literal ${")
            secret = lookup(match["name"])
        except ValueError as error:
            document.blame(path, str(error), void=True)
            return ""
        before, after = text[: match.start()], text[match.end() :]
        in_user = _IN_AUTHORITY.fullmatch(before) and _USER_END.match(after)
        return quote(secret, safe="") if in_user or _IN_QUERY.fullmatch(before) else secret

    filled = _REFERENCE.sub(replacement, text)
    return None if path in document.void else filled
