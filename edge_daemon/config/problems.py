"""What is wrong with a configuration, and where: the line, and the key as people write it.

Values are shown the way a person wrote them, with credentials taken out.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches

from edge_daemon.log import redact

KeyPath = tuple[str | int, ...]
"""The keys and list positions that lead to a value, from the outermost in."""
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line breaks and halves of characters: in no key and no value."""
_LONGEST_SHOWN = 60
# A password that holds / or # is not a valid part of a URL, and still nobody else's business.
_BEFORE_LAST_AT = re.compile(r"(://).*@", re.DOTALL)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. As text: `config.yaml:7: cameras.door.fps: must be above 0 (got -3)`."""

    text: str
    key: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return ": ".join(part for part in (place, self.key, self.text) if part)


@dataclass(frozen=True)
class Lines:
    """Where the values of a configuration stand: line and column, from 1, of their keys; () is the whole.

    Two are always equal: where something stands does not change what is configured.
    """

    file: str | None = field(default=None, compare=False)
    marks: dict[KeyPath, tuple[int, int]] = field(default_factory=dict, compare=False, repr=False)

    def problem(self, path: KeyPath, text: str) -> Problem:
        """A problem with the value at `path`; for a value that is not there, at the nearest one around it."""
        for length in range(len(path), -1, -1):
            if mark := self.marks.get(path[:length]):
                return Problem(text, written(path), self.file, *mark)
        return Problem(text, written(path), self.file)


def written(path: KeyPath) -> str:
    """`cameras.door.models[0]`. Keys that could be misread are quoted."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            shown = mask(step)
            text += "." * bool(text) + (shown if re.fullmatch(r"[\w.-]+", shown) else _quoted(shown))
    return text


def got(value: object, words: Iterable[str] = (), advice: str = "") -> str:
    """` (got 'jpg'; did you mean jpeg?)`: what is there, and a word that is close, or else `advice`."""
    guess = close(value, words) if isinstance(value, str) else None
    hint = f"did you mean {mask(guess)}?" if guess else advice
    return f" (got {_shown(value)}{'; ' * bool(hint)}{hint})"


def close(word: str, words: Iterable[str]) -> str | None:
    """The one of `words` that is most like `word`, if any is."""
    folded = {known.casefold(): known for known in words}
    found = get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def either(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def mask(text: str) -> str:
    """`text` without the credentials of a URL in it, whatever characters these hold."""
    return redact(_BEFORE_LAST_AT.sub(r"\1***@", text))


def _shown(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return _quoted(mask(value))
        case list():
            return "a list"
        case dict():
            return "keys of its own"
        case _:
            return str(value)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "...")
