"""The motion of the camera itself, as the tracked boxes show it: all of them are off in the same way."""

import numpy as np

from edge_daemon.tracking.boxes import Floats

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

    def shift(self, offsets: Floats, deviations: Floats, seconds: float) -> Floats | None:
        """Shift in x and y since the last look, 2 float64; None if there is none.

        Args:
            offsets: of each of K detections from the prediction of its track, 2 x K float64.
            deviations: their standard deviation if the camera does not move, K float64.
            seconds: the time since the last look.
        """
        count = len(deviations)
        if count < FEWEST:
            return None
        common = _medians(offsets)
        scatter = _medians(np.abs(offsets - np.array(common)[:, None]))
        (expected,) = _medians(deviations[None])
        surprise = [
            count * shared**2 / (expected**2 + (SIGMA * scattered) ** 2)
            for shared, scattered in zip(common, scatter, strict=True)
        ]
        self.evidence += (min(sum(surprise) / 2, MOST) - self.evidence) * min(1.0, seconds / MEMORY_S)
        belief = min(max((self.evidence - RESTS) / (MOVES - RESTS), 0.0), 1.0)
        if not belief or max(surprise) <= CHANCE:
            return None
        share = 1 - CHANCE / np.maximum(surprise, CHANCE)
        return np.asarray(belief * count / (count + 1) * share * common, np.float64)


def _medians(values: Floats) -> list[float]:
    """The median of each row of N x K, in a tenth of the time that `np.median` needs for a few numbers."""
    half = values.shape[1] // 2
    return [(row[half] + row[-half - 1]) / 2 for row in np.sort(values).tolist()]
