"""Marks that people set: events and ranges of time that are kept, and events that were wrong."""

from collections.abc import Iterable
from typing import Literal

import msgspec

Range = tuple[float, float]
"""Seconds since the Unix epoch, from and to."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A mark of an event; None leaves what it had. `by` is who has set it."""

    v: Literal[1] = 1
    type: Literal["mark"] = "mark"
    event: str
    camera: str
    at: str
    by: str = ""
    keep: bool | None = None
    wrong: bool | None = None


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """What a camera has in a range of time is kept, or (`keep` false) not any more."""

    v: Literal[1] = 1
    type: Literal["hold"] = "hold"
    camera: str
    since_s: float
    until_s: float
    at: str
    by: str = ""
    keep: bool = True


def marked(marks: Iterable[Mark]) -> tuple[bool, bool]:
    """If an event with these marks, in their order, is kept, and if it was wrong."""
    keep = wrong = False
    for mark in marks:
        keep = keep if mark.keep is None else mark.keep
        wrong = wrong if mark.wrong is None else mark.wrong
    return keep, wrong


def held(holds: Iterable[Hold]) -> list[Range]:
    """The ranges of one camera that are kept, in order, after these marks in their order."""
    ranges: list[Range] = []
    for hold in holds:
        since_s, until_s = hold.since_s, hold.until_s
        if hold.keep:
            met = [one for one in ranges if one[0] <= until_s and since_s <= one[1]]
            whole = min([since_s, *(one[0] for one in met)]), max([until_s, *(one[1] for one in met)])
            ranges = [one for one in ranges if one not in met] + [whole]
        else:
            cut = [part for start, end in ranges for part in ((start, min(end, since_s)), (max(start, until_s), end))]
            ranges = [part for part in cut if part[0] < part[1]]
    return sorted(ranges)
