"""The wait before a lost camera is opened again."""

import random
from collections.abc import Callable

from edge_daemon.backoff import delay_s

FIRST_S, LONGEST_S = 0.5, 30.0
STEADY_S = 10.0
"""A camera that delivered frames for this long has recovered: its next failure counts as the first."""
_LONGEST_S = {"refused": 1.0, "ended": 1.0, "timeout": 2.0, "unreachable": 2.0}
"""Limits where a failed attempt costs little, and a camera that restarts should be seen soon."""
_FIRST_S = {"unauthorised": 30.0}
"""Cameras lock out clients that retry too often."""
_SLOWEST_S = {"unauthorised": 300.0}


class Retry:
    """Exponential backoff with a limit by reason; never gives up.

    Waits vary by a fifth at random, so that cameras that were lost together are not all opened at once.
    """

    def __init__(self, jitter: Callable[[], float] = lambda: random.uniform(0.8, 1.2)) -> None:
        self._failures, self._jitter = 0, jitter

    def failed(self, reason: str, ran_s: float) -> float:
        """Note a failure for `reason` of a camera that delivered frames for `ran_s`; returns the seconds to wait."""
        self._failures = 1 if ran_s >= STEADY_S else self._failures + 1
        longest = _LONGEST_S.get(reason, _SLOWEST_S.get(reason, LONGEST_S))
        return delay_s(self._failures, _FIRST_S.get(reason, FIRST_S), longest) * self._jitter()
