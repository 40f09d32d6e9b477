"""Names of cameras and models: which are valid, and how to derive one from a file name or a host.

A name is used as ZeroMQ topic and peer, process title and metric label.
"""

import unicodedata
from collections.abc import Iterable

MAX_CHARACTERS = 64
MAX_BYTES = 200
"""ZeroMQ limits a peer's name to 255 bytes, prefix included (`capture/`)."""


def checked_name(name: str) -> str:
    """`name` if it is valid.

    Raises:
        ValueError: the name is not valid; the message gives the rule.
    """
    if not name:
        raise ValueError("a name must not be empty")
    if len(name) > MAX_CHARACTERS or len(name.encode(errors="replace")) > MAX_BYTES:
        raise ValueError(f"a name has at most {MAX_CHARACTERS} characters and {MAX_BYTES} bytes")
    if not (all(map(_allowed, name)) and _begins(name[0])):
        raise ValueError("a name may contain only letters, digits, -, _ and ., and must begin with a letter or digit")
    return name


def clean(text: str, fallback: str) -> str:
    """The valid name closest to `text`; `fallback` if no character of it is allowed."""
    words = "".join(c if _allowed(c) else " " for c in text).split()
    name = "-".join(words)
    while name and not _begins(name[0]):
        name = name[1:]
    return _cut(name, MAX_CHARACTERS).rstrip("-_.") or fallback


def unique(names: Iterable[str]) -> list[str]:
    """The names in order, with `-2`, `-3`, ... appended to those seen before."""
    given: list[str] = []
    for name in names:
        chosen, number = name, 1
        while chosen in given:
            number += 1
            chosen = f"{_cut(name, MAX_CHARACTERS - 1 - len(str(number)))}-{number}"
        given.append(chosen)
    return given


def _allowed(character: str) -> bool:
    """True for letters, digits, `-_.` and the combining marks that many scripts write vowels with."""
    return character in "-_." or unicodedata.category(character)[0] in "LMN"


def _begins(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN"


def _cut(name: str, characters: int) -> str:
    """The first `characters` characters, cut further to leave room for a number within `MAX_BYTES`."""
    return name[:characters].encode()[: MAX_BYTES - 8].decode(errors="ignore")
