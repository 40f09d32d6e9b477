"""The interface to tracking: the tracks of one look at a camera."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from edge_daemon.messages.findings import Detection
from edge_daemon.messages.tracks import TrackEnd
from edge_daemon.settings import AnchorPoint
from edge_daemon.tracking.track import Begun
from edge_daemon.zones.geometry import Point

EDGE = 0.01
"""Share of the picture within which a box touches its edge."""


class Instant(NamedTuple):
    """A moment of camera time, and how much of the time up to then was looked at; both in seconds."""

    time_s: float
    looked_s: float

    def towards(self, later: "Instant", share: float) -> "Instant":
        """Instant between this one (0) and a later one (1)."""
        return Instant(
            self.time_s + share * (later.time_s - self.time_s),
            self.looked_s + share * (later.looked_s - self.looked_s),
        )

    def blind_s(self, later: "Instant") -> float:
        """Time up to a later instant that was not looked at."""
        return max(0.0, (later.time_s - self.time_s) - (later.looked_s - self.looked_s))


Box = tuple[float, float, float, float]
"""Left, top, right, bottom as shares of the picture as shown."""


class Seen(NamedTuple):
    """A confirmed track that a look found: its number, its class, its box.

    `began` is where it was first found, if this look has confirmed it: its path begins there.
    """

    tracker_id: int
    class_name: str
    box: Box
    confidence: float
    began: Begun | None = None

    @classmethod
    def of(cls, found: Detection, size: tuple[int, int], began: Begun | None = None) -> "Seen | None":
        """The track of a detection in a picture of this width and height; None if it has none.

        `began` is where the tracker first found it, in heights of the picture (`Tracker.begun`).
        """
        if found.tracker_id is None:
            return None
        (width, height), (left, top, right, bottom) = size, found.xyxy
        box = left / width, top / height, right / width, bottom / height
        first = began.shares(width / height) if began else None
        return cls(found.tracker_id, found.class_name, box, found.confidence, first)

    @property
    def height(self) -> float:
        """Height of the box, as a share of the picture's."""
        return self.box[3] - self.box[1]

    def anchor(self, where: AnchorPoint) -> Point:
        """The point of the box that is in a zone or crosses a line."""
        return anchor(self.box, where)

    def start(self, where: AnchorPoint) -> Point:
        """Where its path begins, if it is seen for the first time now."""
        return anchor(self.first, where)

    @property
    def first(self) -> Box:
        """The box where its path begins, if it is seen for the first time now."""
        return self.began.box if self.began else self.box


def at_edge(box: Box) -> bool:
    """True if a box touches the edge of the picture."""
    left, top, right, bottom = box
    return left <= EDGE or top <= EDGE or right >= 1 - EDGE or bottom >= 1 - EDGE


def end_of(box: Box) -> TrackEnd:
    """Why a track ended that is not found any more: it left the picture if its last box touched the edge."""
    return "left" if at_edge(box) else "lost"


def anchor(box: Box, where: AnchorPoint) -> Point:
    """The point of a box that is in a zone or crosses a line."""
    left, top, right, bottom = box
    y = bottom if where == "bottom" else (top + bottom) / 2 if where == "center" else top
    return (left + right) / 2, y


class Rest(NamedTuple):
    """From `start`, the last look, until `end` nothing moved in the picture."""

    start: Instant
    end: Instant


class Look(NamedTuple):
    """One look at a camera: the tracks that it found.

    `aspect` is width by height of the picture. Other tracks are not found at the moment; they end after a time, or
    earlier where `ended` says so. `before` are the looks before, the last one first, and `rest` how long everybody
    stayed where they were since then, if they did.
    """

    instant: Instant
    aspect: float
    seen: Sequence[Seen] = ()
    ended: Mapping[int, TrackEnd] = {}
    rest: Rest | None = None
    before: Sequence[Instant] = ()

    def start(self, seen: Seen) -> Instant:
        """When a track was first detected that is seen for the first time now."""
        return start_of(seen, self.instant, self.before)


def start_of(seen: Seen, instant: Instant, before: Sequence[Instant]) -> Instant:
    """When a track was first detected that is seen for the first time at an instant; `before` are the looks before, the
    last one first.
    """
    return before[min(seen.began.ago, len(before)) - 1] if seen.began and before else instant
