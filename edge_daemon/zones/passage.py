"""One track at one border: on which side it has settled."""

from typing import NamedTuple

import msgspec

from edge_daemon.settings import ZoneSettings
from edge_daemon.zones.geometry import Border, Point, along
from edge_daemon.zones.look import Instant, Look, Seen

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

    A track has settled on a side when its anchor is farther from the border than a margin, or has been on that side for
    a time. A path that crosses and comes back before that changes nothing.
    """

    point: Point
    instant: Instant
    since: Instant
    settled: bool = False
    known: bool = False
    net: int = 0
    certain: bool = True

    @classmethod
    def begin(cls, settings: ZoneSettings, seen: Seen, look: Look) -> "Passage":
        """A track that is seen for the first time."""
        point, instant = seen.start(settings.anchor, look.instant)
        return cls(point, instant, instant)

    def advance(self, border: Border, settings: ZoneSettings, seen: Seen, look: Look) -> list[Change]:
        """Follow the straight path to where the track is now, which begins after a rest."""
        before, start = self.point, self.instant
        point, now = self.point, self.instant = seen.anchor(settings.anchor), look.instant
        crossings = border.crossings(before, point)
        if self.settled and not crossings:
            return []
        if look.rest and look.rest.start == start:
            start = look.rest.end
        limits = Limits.of(settings, seen, look)
        changes = self._settle([before], border, start, limits)
        done, blind = 0.0, start.blind_s(now) > BLIND_S
        for share, sign in crossings:
            at = start.towards(now, share)
            changes += self._settle([along(before, point, (done + share) / 2)], border, at, limits)
            self.settled, self.net, self.since, done = False, self.net + sign, at, share
            self.certain = self.certain and not blind
        return changes + self._settle([point, along(before, point, (done + 1) / 2)], border, now, limits)

    def _settle(self, points: list[Point], border: Border, now: Instant, limits: "Limits") -> list[Change]:
        """Settle on this side if one of these points is far from the border, or the anchor has been here for long."""
        settled_s = now.looked_s - self.since.looked_s
        if self.settled or not (settled_s >= limits.settle_s or any(limits.hold(border, one) for one in points)):
            return []
        change = Change(self.net, self.since, settled_s, self.certain and self.known, points[0])
        is_news = change.by or not self.known
        self.settled, self.known, self.net, self.certain = True, True, 0, True
        return [change] if is_news else []


class Limits(NamedTuple):
    """When a track has settled: `margin` heights of the picture from the border, or `settle_s` of time looked at."""

    margin: float
    settle_s: float
    aspect: float

    @classmethod
    def of(cls, settings: ZoneSettings, seen: Seen, look: Look) -> "Limits":
        """The limits at a border for a track in a look."""
        return cls(settings.margin * seen.height, settings.settle_s, look.aspect)

    def hold(self, border: Border, point: Point) -> bool:
        """True if a point is farther from the border than the margin."""
        return border.distance(point, self.aspect) > self.margin
