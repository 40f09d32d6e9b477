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
            offsets: of each of K detections from the prediction of its track, K x 2 float64.
            deviations: their standard deviation if the camera does not move, K float64.
            seconds: the time since the last look.
        """
        if len(offsets) < FEWEST:
            return None
        common = np.median(offsets, axis=0)
        scatter = SIGMA * np.median(np.abs(offsets - common), axis=0)
        surprise = len(offsets) * common**2 / (np.median(deviations) ** 2 + scatter**2)
        self.evidence += (min(float(surprise.mean()), MOST) - self.evidence) * min(1.0, seconds / MEMORY_S)
        belief = min(max((self.evidence - RESTS) / (MOVES - RESTS), 0.0), 1.0)
        if not belief or surprise.max() <= CHANCE:
            return None
        share = np.maximum(0.0, 1 - CHANCE / np.maximum(surprise, CHANCE)) * len(offsets) / (len(offsets) + 1)
        return np.asarray(belief * share * common, np.float64)
