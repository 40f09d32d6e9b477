"""One track at one border: on which side it has settled."""

from typing import NamedTuple

import msgspec

from edge_daemon.settings import ZoneSettings
from edge_daemon.zones.geometry import Border, Point, along
from edge_daemon.zones.look import Instant, Look, Seen
from edge_daemon.zones.tracked import Tracked

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
    """The path of a track since its last settled side: `net` crossings, the last one at `since`, on the way to `point`.

    A track has settled on a side when its anchor is farther from the border than a margin; if the settings have a time
    to settle, also when it has been on that side for this time. A path that crosses and comes back before that changes
    nothing.
    """

    point: Point
    instant: Instant
    since: Instant
    settled: bool = False
    known: bool = False
    net: int = 0
    certain: bool = True

    @classmethod
    def begin(cls, settings: ZoneSettings, seen: Seen, start: Instant) -> "Passage":
        """A track that is seen for the first time, and was detected at `start`."""
        return cls(seen.start(settings.anchor), start, start)

    def follow(self, earlier: "Passage", border: Border, start: Point) -> None:
        """Go on from an earlier passage of the same object, which got from its last point to `start` unseen."""
        net = earlier.net + sum(sign for _, sign in border.crossings(earlier.point, start))
        self.net += net
        self.settled, self.known = self.settled and not net, self.known or earlier.known

    def advance(self, border: Border, settings: ZoneSettings, track: Tracked, look: Look) -> list[Change]:
        """Follow the straight path to where the track is now, which begins after a rest."""
        before, start = self.point, self.instant
        point, now = self.point, self.instant = track.seen.anchor(settings.anchor), look.instant
        crossings = border.crossings(before, point)
        if self.settled and not crossings:
            return []
        if look.rest and look.rest.start == start:
            start = look.rest.end
        limits = Limits(track.margin(settings.margin), settings.settle_s, look.aspect)
        changes, done, blind = [], 0.0, start.blind_s(now) > BLIND_S
        for share, sign in crossings:
            at = start.towards(now, share)
            changes += self._settle(along(before, point, done), along(before, point, share), border, at, limits)
            self.settled, self.net, self.since, done = False, self.net + sign, at, share
            self.certain = self.certain and not blind
        return changes + self._settle(along(before, point, done), point, border, now, limits)

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


def follow(passages: dict[int, Passage], number: int, into: int, border: Border, start: Point) -> None:
    """Let the passage of a track go on as that of an earlier one, which came back to be the same object."""
    later, earlier = passages.pop(number, None), passages.get(into)
    if later is not None:
        passages[into] = later
        if earlier is not None:
            later.follow(earlier, border, start)
