"""Exponential backoff: how long to wait before something that failed is tried again."""


def delay_s(failures: int, first_s: float, longest_s: float) -> float:
    """Delay after a number of failures: `first_s`, doubled with each, up to `longest_s`; 0 without a failure."""
    return min(first_s * 2.0 ** min(failures - 1, 100), longest_s) if failures > 0 else 0.0


class Backoff:
    """Counts failures in a row, and doubles the delay with each."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s, self._longest_s = first_s, longest_s
        self._failures = 0

    def failed(self, *, forgiven: int = 0) -> float:
        """Count a failure and discount up to `forgiven` earlier ones; return the delay before the next attempt.

        Failures after the longest delay is reached are not counted, so that they need not be forgiven.
        """
        self._failures = max(0, self._failures - forgiven)
        if delay_s(self._failures, self._first_s, self._longest_s) < self._longest_s:
            self._failures += 1
        return delay_s(self._failures, self._first_s, self._longest_s)

    def succeeded(self) -> None:
        """Forgive all failures."""
        self._failures = 0
