"""Exponential backoff: the wait before something that failed is tried again."""

FIRST_S = 0.25
LONGEST_S = 30.0
FORGIVEN_S = 2.0
"""Time of service that cancels one earlier failure, so that what works for a while restarts soon."""
_MOST = 8
"""Number of failures in a row after which the wait is the longest."""


class Backoff:
    """Doubles the wait with each failure in a row."""

    def __init__(self) -> None:
        self._failures = 0

    def failed(self, up_s: float) -> float:
        """Seconds to wait after a failure of something that had been up for `up_s`."""
        self._failures = min(max(0, self._failures - int(up_s / FORGIVEN_S)) + 1, _MOST)
        return min(FIRST_S * 2.0 ** (self._failures - 1), LONGEST_S)
