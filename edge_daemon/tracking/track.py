"""One tracked object."""

from typing import NamedTuple

import msgspec

from edge_daemon.tracking.motion import Motion

CONFIRMED_LOOKS = 2
"""Looks that have to find an object before it gets a number."""
DOUBTFUL_LOOKS = 1
"""Looks in a row that may not find an object which has no number yet."""
PATIENCE_S, PATIENCE_LOOKS = 2.0, 5
"""A confirmed track ends when it was not found for this long, in time looked at, and in this many looks."""


Corners = tuple[float, float, float, float]


class Begun(NamedTuple):
    """Where a track was first found: its box, `ago` looks before the one that has confirmed it."""

    box: Corners
    ago: int = 1

    def shares(self, aspect: float) -> "Begun":
        """The same in shares of a picture with this ratio of width to height, from heights of the picture."""
        left, top, right, bottom = self.box
        return Begun((left / aspect, top, right / aspect, bottom), self.ago)


class Track(msgspec.Struct):
    """An object from the first look that found it to the last; `tracker_id` is 0 until it is confirmed.

    `first_s` and `last_s` are camera time. `first` is where it was first found: left, top, right and bottom in heights
    of the picture, `motion` where it is expected. It was not found in the last `missed` looks, for `lost_s` of time
    looked at.
    """

    first_s: float
    last_s: float
    class_id: int
    first: Corners
    motion: Motion
    tracker_id: int = 0
    looks: int = 0
    missed: int = 0
    lost_s: float = 0.0
    votes: dict[int, float] = {}

    @property
    def is_over(self) -> bool:
        """True if it was not found for too long."""
        if not self.tracker_id:
            return self.missed > DOUBTFUL_LOOKS
        return self.lost_s >= PATIENCE_S and self.missed >= PATIENCE_LOOKS

    def find(self, time_s: float, class_id: int, confidence: float) -> None:
        """Note a detection. The class is the one with the highest sum of confidences."""
        self.last_s, self.missed, self.lost_s = time_s, 0, 0.0
        self.looks += 1
        weight = self.votes[class_id] = self.votes.get(class_id, 0.0) + confidence
        if weight > self.votes[self.class_id]:
            self.class_id = class_id

    def miss(self, looked_s: float) -> None:
        """Note a look that did not find it, and how much time was looked at before."""
        self.missed += 1
        self.lost_s += looked_s
