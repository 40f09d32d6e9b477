"""How unevenly objects move in this picture, compared with what the motion model assumes."""

from collections.abc import Sequence

from edge_daemon.tracking.motion import Offset

LEAST, MOST = 1.0, 4.0
"""Limits of the factor."""
USUAL = 0.8
"""Mean square of the offsets, in their standard deviations, if the model is right. Those too far away are not found."""
FARTHEST = 9.0
"""Limit of one look's mean square."""
RATE = 0.1
"""Change of the factor by one look that finds `MANY` tracks."""
MANY = 10


class Agility:
    """A factor of the noise of all velocities.

    People who walk past a fixed camera hardly change their velocity, cars before a moving one do. So the factor grows
    while detections are farther from their predictions than the model explains, and shrinks otherwise.
    """

    def __init__(self, factor: float = LEAST) -> None:
        self.factor = factor

    def note(self, offsets: Sequence[Offset]) -> None:
        """Take in the offsets of the detections of a look from the predictions of their tracks."""
        count = len(offsets)
        if count:
            squares = sum((x * x + y * y) / (deviation * deviation) for x, y, deviation in offsets)
            square = min(squares / (2 * count), FARTHEST)
            change = RATE * min(count / MANY, 1.0) * (square - USUAL)
            self.factor = min(max(self.factor * (1 + change), LEAST), MOST)
