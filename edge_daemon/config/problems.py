"""Problems of a configuration: a text with its file, line and key path.

Values are quoted as they were written, without credentials.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice

from edge_daemon.log import redact

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the root to a value."""
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line breaks and lone surrogates: not allowed in keys and values."""
INVISIBLE = re.compile(
    "[\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180e\u2000-\u200f\u202a-\u202f\u205f-\u206f\u3000\ufeff]"
)
"""Spaces that are not those of the keyboard, and characters without width; they come with text that was copied."""
_LONGEST_SHOWN = 60
LISTED = 20
"""Names that a sentence lists."""
# A password with an unescaped / or # makes the URL invalid, but must be hidden all the same.
_BEFORE_LAST_AT = re.compile(r"(://).*@", re.DOTALL)


@dataclass(frozen=True)
class Problem:
    """One problem. As text: `config.yaml:7: cameras.door.fps: must be above 0 (got -3)`."""

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
    """Line and column, counted from 1, of each key of a configuration; the path () is the whole file.

    All instances compare equal: positions do not change what is configured.
    """

    file: str | None = field(default=None, compare=False)
    marks: dict[KeyPath, tuple[int, int]] = field(default_factory=dict, compare=False, repr=False)

    def problem(self, path: KeyPath, text: str) -> Problem:
        """A problem with the value at `path`, placed at the closest enclosing key that exists in the file."""
        for length in range(len(path), -1, -1):
            if mark := self.marks.get(path[:length]):
                return Problem(text, written(path), self.file, *mark)
        return Problem(text, written(path), self.file)


def written(path: KeyPath) -> str:
    """A key path as text: `cameras.door.models[0]`. Keys that could be misread are quoted."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            shown = mask(step)
            text += "." * bool(text) + (shown if re.fullmatch(r"[\w.-]+", shown) else _quoted(shown))
    return text


def got(value: object, words: Iterable[str] = (), advice: str = "") -> str:
    """` (got 'jpg'; did you mean jpeg?)`: the value, and the closest of `words`, or else `advice`."""
    guess = close(value, words) if isinstance(value, str) else None
    hint = f"did you mean {mask(guess)}?" if guess else advice
    return f" (got {_shown(value)}{'; ' * bool(hint)}{hint})"


def close(word: str, words: Iterable[str]) -> str | None:
    """The one of `words` most similar to `word`, if any is similar."""
    folded = {known.casefold(): known for known in words}
    found = get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def unknown(kind: str, name: str, known: Collection[str]) -> str:
    """`there is no camera hal; did you mean hall? There are hall, yard`; without a guess only those that there are."""
    name = name[:_LONGEST_SHOWN]
    guess = close(name, known) or next((one for one in known if name and one.startswith(name)), None)
    some = ", ".join(islice(known, LISTED)) + (f" and {len(known) - LISTED} more" if len(known) > LISTED else "")
    there = f"here {'is' if len(known) == 1 else 'are'} {some or 'none'}"
    return f"there is no {kind} {name}; " + (f"did you mean {guess}? T{there}" if guess else f"t{there}")


def either(words: Iterable[str]) -> str:
    """The words as `a, b or c`."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def mask(text: str) -> str:
    """`text` without the credentials of URLs in it, whatever characters these contain."""
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
            return "a mapping"
        case _:
            return str(value)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "...")
