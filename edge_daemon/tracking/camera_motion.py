"""The motion of the camera itself, as the tracked boxes show it: all of them are off in the same way."""

from collections.abc import Sequence
from statistics import median

from edge_daemon.tracking.motion import Offset

FEWEST = 4
"""Tracks that have to be found before anything is concluded from them."""
CHANCE = 2.0
"""Square of the common offset, in its standard deviations, that chance alone may explain."""
RESTS, MOVES = 1.0, 2.0
"""The same on average, of a camera that does not move, and of one that does."""
MEMORY_S = 2.0
"""Time constant of that average."""
MOST = 30.0
"""Limit of one look's part in it."""
SIGMA = 1.48
"""Standard deviation of a normal distribution in median absolute deviations."""


class CameraMotion:
    """Estimates the shift of the picture between two looks from the offsets of boxes from their predictions.

    A fixed camera, as most are, must not be taken for a moving one because people start to walk together. So the
    shift is shrunk by what chance explains (James and Stein), and is zero as long as offsets average out.
    """

    def __init__(self, evidence: float = 0.0) -> None:
        self.evidence = evidence

    def shift(self, offsets: Sequence[Offset], seconds: float) -> tuple[float, float] | None:
        """Shift in x and y since the last look; None if there is none.

        Args:
            offsets: of the detections from the predictions of their tracks.
            seconds: the time since the last look.
        """
        count = len(offsets)
        if count < FEWEST:
            return None
        *axes, deviations = zip(*offsets, strict=True)
        expected, common = median(deviations), [median(axis) for axis in axes]
        surprise = []
        for shared, axis in zip(common, axes, strict=True):
            scatter = median([abs(offset - shared) for offset in axis])
            surprise.append(count * shared**2 / (expected**2 + (SIGMA * scatter) ** 2))
        self.evidence += (min(sum(surprise) / 2, MOST) - self.evidence) * min(1.0, seconds / MEMORY_S)
        belief = min(max((self.evidence - RESTS) / (MOVES - RESTS), 0.0), 1.0)
        if not belief or max(surprise) <= CHANCE:
            return None
        x, y = (
            belief * count / (count + 1) * (1 - CHANCE / max(square, CHANCE)) * shared
            for square, shared in zip(surprise, common, strict=True)
        )
        return x, y
