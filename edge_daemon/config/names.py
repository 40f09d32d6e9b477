"""Names of cameras and models: which are allowed, and how one is made from a file name or a host.

A name becomes a ZeroMQ topic and peer, a process title and a metric label.
"""

import unicodedata
from collections.abc import Iterable

MAX_CHARACTERS = 64
MAX_BYTES = 200
"""ZeroMQ gives a peer's name 255 bytes, and ours have a few in front (`capture/`)."""


def checked_name(name: str) -> str:
    """`name` itself.

    Raises:
        ValueError: it is no name; says why.
    """
    if not name:
        raise ValueError("a name must not be empty")
    if len(name) > MAX_CHARACTERS or len(name.encode(errors="replace")) > MAX_BYTES:
        raise ValueError(f"a name has at most {MAX_CHARACTERS} characters and {MAX_BYTES} bytes")
    if not (all(map(_allowed, name)) and _begins(name[0])):
        raise ValueError("a name holds letters, digits, -, _ and . only, and begins with a letter or digit")
    return name


def clean(text: str, fallback: str) -> str:
    """A name as close to `text` as is allowed; `fallback` if nothing of it is."""
    words = "".join(c if _allowed(c) else " " for c in text).split()
    name = "-".join(words)
    while name and not _begins(name[0]):
        name = name[1:]
    return _cut(name, MAX_CHARACTERS).rstrip("-_.") or fallback


def unique(names: Iterable[str]) -> list[str]:
    """The names in their order, those that came before with `-2`, `-3`, ... behind."""
    given: list[str] = []
    for name in names:
        chosen, number = name, 1
        while chosen in given:
            number += 1
            chosen = f"{_cut(name, MAX_CHARACTERS - 1 - len(str(number)))}-{number}"
        given.append(chosen)
    return given


def _allowed(character: str) -> bool:
    """Letters, digits, and the marks that many scripts write their vowels with."""
    return character in "-_." or unicodedata.category(character)[0] in "LMN"


def _begins(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN"


def _cut(name: str, characters: int) -> str:
    """At most so many characters, and few enough bytes to leave room for a number."""
    return name[:characters].encode()[: MAX_BYTES - 8].decode(errors="ignore")
