"""Tracks at one border: on which side they have settled."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar

import msgspec

from edge_daemon.settings import LineSettings, ZoneSettings
from edge_daemon.zones.geometry import TINY, Border, Point, along
from edge_daemon.zones.look import Box, Instant, Look, anchor
from edge_daemon.zones.tracked import Tracked

T = TypeVar("T")
NOWHERE = 0.0, 0.0, 0.0
BLIND_S = 1e-6
"""Time not looked at, below which a step counts as looked at."""


class Change(NamedTuple):
    """A change of the settled side: `by` crossings (+1 or -1), of which the last was at `at`; 0 if a track settles for
    the first time. It has settled at `point`.

    It is not `certain` if nobody looked when the track crossed, or if the side on which it began is not known.
    """

    by: int
    at: Instant
    settled_s: float
    certain: bool
    point: Point


class Passage(msgspec.Struct, array_like=True):
    """The path of a track since its last settled side: `net` crossings, the last one at `since`.

    A track has settled on a side when its anchor is farther from the border than a margin; if the settings have a time
    to settle, also when it has been on that side for this time. A path that crosses and comes back before that changes
    nothing.
    """

    since: Instant
    settled: bool = False
    known: bool = False
    net: int = 0
    certain: bool = True

    def follow(self, earlier: "Passage", border: Border, p: Point, q: Point) -> None:
        """Go on from an earlier passage of the same object, which went from `p` to `q` unseen."""
        net = earlier.net + sum(sign for _, sign in border.crossings(p, q))
        self.net += net
        self.settled, self.known = self.settled and not net, self.known or earlier.known

    def advance(self, border: Border, leg: "Leg", limits: "Limits") -> list[Change]:
        """Follow the straight path to where the track is now."""
        crossings = border.crossings(leg.p, leg.q)
        if self.settled and not crossings:
            return []
        changes, done, blind = [], 0.0, leg.start.blind_s(leg.end) > BLIND_S
        for share, sign in crossings:
            at = leg.start.towards(leg.end, share)
            changes += self._settle(along(leg.p, leg.q, done), along(leg.p, leg.q, share), border, at, limits)
            self.settled, self.net, self.since, done = False, self.net + sign, at, share
            self.certain = self.certain and not blind
        return changes + self._settle(along(leg.p, leg.q, done), leg.q, border, leg.end, limits)

    def _settle(self, p: Point, q: Point, border: Border, now: Instant, limits: "Limits") -> list[Change]:
        """Settle on this side if the path from `p` to `q` leaves the margin, or the track has been here for long."""
        if self.settled:
            return []
        settled_s = now.looked_s - self.since.looked_s
        point = border.beyond(p, q, limits.margin, limits.aspect)
        if point is None and (limits.settle_s is None or settled_s < limits.settle_s):
            return []
        change = Change(self.net, self.since, settled_s, self.certain and self.known, point or along(p, q, 0.5))
        is_news = change.by or not self.known
        self.settled, self.known, self.net, self.certain = True, True, 0, True
        return [change] if is_news else []


class Limits(NamedTuple):
    """When a track has settled: `margin` heights of the picture from the border, or `settle_s` of time looked at."""

    margin: float
    settle_s: float | None
    aspect: float


class Leg(NamedTuple):
    """The straight path of an anchor from `p` to `q`, and when it was there."""

    p: Point
    q: Point
    start: Instant
    end: Instant


class Passages:
    """The passages of all tracks at one border; `state` is by number of the track."""

    def __init__(self, border: Border, settings: ZoneSettings | LineSettings, state: dict[int, Passage]) -> None:
        self.state = state
        self._border = border
        self._settings = settings
        self._clear: dict[int, tuple[float, float, float]] = {}  # of tracks that have settled: a point, its distance

    def update(self, look: Look, tracks: Mapping[int, Tracked]) -> Iterator[tuple[int, Change]]:
        """The changes of a look, each with the number of its track."""
        where = self._settings.anchor
        for seen in look.seen:
            number, point = seen.tracker_id, anchor(seen.box, where)
            x, y = point
            x0, y0, distance = self._clear.get(number, NOWHERE)
            if abs(x - x0) + abs(y - y0) < distance:
                continue
            passage, track = self.state.get(number), tracks[number]
            if passage is None:
                before, start = seen.first, look.start(seen)
                passage = self.state[number] = Passage(start)
            else:
                before, start = track.before, track.before_at
            if look.rest and look.rest.start == start:
                start = look.rest.end
            limits = Limits(track.margin(self._settings.margin), self._settings.settle_s, look.aspect)
            for change in passage.advance(self._border, Leg(anchor(before, where), point, start, track.last), limits):
                yield number, change
            self._clear.pop(number, None)
            if passage.settled:
                self._clear[number] = x, y, self._border.distance(point, 1.0) - TINY

    def end(self, number: int) -> Passage | None:
        """Forget a track that has ended; return what was known of it."""
        self._clear.pop(number, None)
        return self.state.pop(number, None)

    def restart(self) -> None:
        """Let all paths begin again."""
        self._clear.clear()
        self.state.clear()

    def rename(self, number: int, into: int) -> None:
        """Let the passage of a track go on under another number."""
        self._clear.clear()
        rename(self.state, number, into)

    def follow(self, number: int, into: int, unseen: tuple[Box, Box]) -> None:
        """A track turned out to be an earlier one, which got from the one box to the other unseen."""
        later = self.end(number)
        if later is not None:
            earlier, self.state[into] = self.end(into), later
            if earlier is not None:
                p, q = (anchor(box, self._settings.anchor) for box in unseen)
                later.follow(earlier, self._border, p, q)


def rename(state: dict[int, T], tracker_id: int, into: int) -> None:
    """What is known of the earlier number goes on; what the later one had begun is forgotten."""
    state.pop(into, None)
    if tracker_id in state:
        state[into] = state.pop(tracker_id)
