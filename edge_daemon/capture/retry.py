"""How long to wait before a camera that is away is tried again."""

import random
from collections.abc import Callable

FIRST_S, LONGEST_S = 0.5, 30.0
STEADY_S = 10.0
"""A camera that gave frames for so long has recovered: its next failure counts as the first."""
_LONGEST_S = {"refused": 1.0, "ended": 1.0, "timeout": 2.0, "unreachable": 2.0}
"""To ask in vain costs little here, and a camera that starts again is to be seen soon."""
_FIRST_S = {"unauthorised": 30.0}
"""Cameras lock out who knocks too often."""
_SLOWEST_S = {"unauthorised": 300.0}


class Retry:
    """Doubles the wait with each failure in a row, up to a limit that the reason sets; never gives up.

    Waits differ by a fifth at random, so that cameras that went together do not all come back at once.
    """

    def __init__(self, jitter: Callable[[], float] = lambda: random.uniform(0.8, 1.2)) -> None:
        self._failures, self._jitter = 0, jitter

    def wait_s(self, reason: str, ran_s: float) -> float:
        """Seconds to wait after a failure for `reason`, the camera having given frames for `ran_s`."""
        self._failures = 1 if ran_s >= STEADY_S else self._failures + 1
        longest = _LONGEST_S.get(reason, _SLOWEST_S.get(reason, LONGEST_S))
        doubled: float = _FIRST_S.get(reason, FIRST_S) * 2.0 ** min(self._failures - 1, 20)
        return min(doubled, longest) * self._jitter()
