"""The memory of a condition, from look to look."""

from collections.abc import Collection
from typing import Any

import msgspec

from edge_daemon.messages.events import FactMap
from edge_daemon.zones.geometry import Point

Place = tuple[float, float, float]
"""Camera time, and a point in metres."""


class Resting(msgspec.Struct, frozen=True, array_like=True):
    """An object at rest, as a track, whose centre is at `point` and whose box has a `height`.

    Times are times looked at: it has been at rest from `since_s` on, was last seen there at `until_s`, and its owners
    left it at `alone_s`. Since its track ended, its place was seen `free` in this number of looks, from `free_s` on.
    `people` are its owners if it was left, or those who were near when it was last seen or hidden if it may be taken.
    """

    tracker_id: int
    class_name: str
    point: Point
    height: float
    since_s: float
    until_s: float
    alone_s: float
    free: int = 0
    free_s: float = 0.0
    people: tuple[int, ...] = ()


class Memory(msgspec.Struct):
    """State of a condition, by track.

    `since` when it holds, in time looked at or camera time; `waiting` are facts of tracks that the filter has not let
    through yet; `first` and `second` are crossings of one of two lines; `rests` are objects at rest and `furniture`
    those that are gone, but belonged there; `places` are where a track was lately.
    """

    since: dict[int, float] = {}
    waiting: dict[int, FactMap] = {}
    first: dict[int, FactMap] = {}
    second: dict[int, FactMap] = {}
    rests: dict[int, Resting] = {}
    furniture: list[Resting] = []
    places: dict[int, list[Place]] = {}

    def rename(self, number: int, into: int) -> None:
        """Go on under another number: two tracks turned out to be one."""
        for mapping in (self.since, self.waiting, self.first, self.second, self.rests, self.places):
            rename(mapping, number, into)
        for facts in (self.waiting, self.first, self.second):
            if into in facts:
                facts[into] = facts[into] | {"tracker_id": into}
        for key, rest in self.rests.items():
            people = tuple(into if one == number else one for one in rest.people)
            track = into if rest.tracker_id == number else rest.tracker_id
            self.rests[key] = msgspec.structs.replace(rest, tracker_id=track, people=people)

    def keep(self, numbers: Collection[int]) -> None:
        """Forget tracks that have ended, apart from objects that may be hidden."""
        for mapping in (self.waiting, self.first, self.second, self.places):
            for number in [one for one in mapping if one not in numbers]:
                del mapping[number]


def rename(mapping: dict[int, Any], number: int, into: int) -> None:
    """Move what is known of a number to another one."""
    if number in mapping:
        mapping[into] = mapping.pop(number)
