"""Everything that zones and lines remember of a track, apart from its passages."""

from math import expm1

import msgspec

from edge_daemon.settings import FilterSettings
from edge_daemon.tracking.track import PATIENCE_LOOKS, PATIENCE_S
from edge_daemon.zones.geometry import Point
from edge_daemon.zones.look import Box, Instant, Seen, at_edge
from edge_daemon.zones.travel import distance

STEPS = 100
"""Confidences are remembered in steps of one hundredth."""
MEMORY_S = 0.5
"""Time constant of the average of the velocity."""


class Tracked(msgspec.Struct, array_like=True):
    """A track: as it was first and last seen, and how often it had each confidence, in hundredths. In the look that
    found it before the last one, at `before_at`, its box was `before`.

    `velocity` is that of its centre, in shares of the picture a second; `height` is the average height of its box, and
    `doubts` by how much the box was not that high in the last look but one, and in the last. It was not found in the
    last `missed` looks, for `lost_s` of time looked at. The class of `seen` is the one with the most `votes`, which are
    sums of confidences.
    From the box `start`, where it was first seen, it is `away` by this many of its sizes; `moved` is the most by which
    it was away in two looks one after another, so that a single wrong box moves nothing.
    """

    first: Instant
    began_at_edge: bool
    last: Instant
    seen: Seen
    start: Box
    before: Box
    before_at: Instant
    velocity: Point = (0.0, 0.0)
    confidences: dict[int, int] = {}
    votes: dict[str, float] = {}
    height: float = 0.0
    doubts: tuple[float, float] = (0.0, 0.0)
    missed: int = 0
    lost_s: float = 0.0
    ignored: bool = False
    away: float = 0.0
    moved: float = 0.0

    @classmethod
    def begin(cls, seen: Seen, start: Instant, *, ignored: bool) -> "Tracked":
        """A track that is seen for the first time, and was detected at `start`."""
        box = seen.first
        return cls(start, at_edge(box), start, seen, box, box, start, height=box[3] - box[1], ignored=ignored)

    def note(self, seen: Seen, now: Instant) -> None:
        """Note that it was seen again, or for the first time."""
        _, class_name, box, confidence, _ = seen
        left, top, right, bottom = box
        left0, top0, right0, bottom0 = before = self.seen.box
        elapsed_s, height, usual = now.time_s - self.last.time_s, bottom - top, self.height
        if elapsed_s > 0:
            weight, (vx, vy) = -expm1(-elapsed_s / MEMORY_S), self.velocity
            self.height = usual = usual + weight * (height - usual)
            vx += weight * (((left + right) / 2 - (left0 + right0) / 2) / elapsed_s - vx)
            vy += weight * (((top + bottom) / 2 - (top0 + bottom0) / 2) / elapsed_s - vy)
            self.velocity = vx, vy
        away = distance(self.start, box)
        self.away, self.moved = away, max(self.moved, min(self.away, away))
        votes, confidences, step = self.votes, self.confidences, round(confidence * STEPS)
        votes[class_name] = votes.get(class_name, 0.0) + confidence
        confidences[step] = confidences.get(step, 0) + 1
        if len(votes) > 1:
            seen = seen._replace(class_name=max(votes, key=votes.__getitem__))
        doubt = 0.0 if at_edge(box) else abs(height - usual)
        self.before, self.before_at = before, self.last
        self.last, self.seen, self.doubts = now, seen, (self.doubts[1], doubt)
        if self.missed:
            self.missed, self.lost_s = 0, 0.0

    def continues(self, earlier: "Tracked") -> None:
        """Go on from an earlier track, which was the same object."""
        self.first, self.began_at_edge, self.start = earlier.first, earlier.began_at_edge, earlier.start
        self.height, self.moved = earlier.height, max(self.moved, earlier.moved)

    def miss(self, seconds: float) -> None:
        """Note a look that did not find it, after so much time looked at in which it may have moved."""
        self.missed += 1
        self.lost_s += seconds

    def margin(self, share: float) -> float:
        """Distance from a border beyond which its side is certain: a share of the height of its box, and by how much
        that is not the usual one, or was not at the other end of its path. The box of someone who is half hidden ends
        anywhere; one that the edge of the picture cuts off ends there.
        """
        return share * self.seen.height + max(self.doubts)

    @property
    def is_over(self) -> bool:
        """True if it was not found for so long that it has ended, as the tracker has it."""
        return self.missed >= PATIENCE_LOOKS and self.lost_s >= PATIENCE_S

    def expected(self, now: Instant) -> Point:
        """Where its centre is by now, if it has gone on as before."""
        (x, y), (vx, vy), away_s = self.seen.anchor("center"), self.velocity, now.time_s - self.last.time_s
        return x + vx * away_s, y + vy * away_s

    @property
    def confidence(self) -> float:
        """Median of its confidences."""
        half, below = sum(self.confidences.values()) / 2, 0
        for step in sorted(self.confidences):
            below += self.confidences[step]
            if below >= half:
                return step / STEPS
        return 0.0

    def passes(self, wanted: FilterSettings) -> bool:
        """True if this filter lets it through."""
        return self.failure(wanted) is None

    def failure(self, wanted: FilterSettings) -> str | None:
        """The condition of a filter that it does not meet, and by how much; None if it meets all."""
        if wanted.classes is not None and self.seen.class_name not in wanted.classes:
            return f"{self.seen.class_name} is not one of {', '.join(wanted.classes)}"
        if not wanted.min_size <= self.seen.height <= wanted.max_size:
            return f"size {self.seen.height:.2f} is not from {wanted.min_size:.2f} to {wanted.max_size:.2f}"
        if wanted.confidence and self.confidence < wanted.confidence:
            return f"confidence {self.confidence:.2f} is below {wanted.confidence:.2f}"
        if self.moved < wanted.moves:
            return f"it moved by {self.moved:.2f} of its size, less than {wanted.moves:.2f}"
        return None
