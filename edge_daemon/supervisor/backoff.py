"""How long to wait before something that failed is tried again."""

FIRST_S = 0.25
LONGEST_S = 30.0
STEADY_S = 30.0
"""Whoever ran for so long has recovered: the next failure counts as the first."""


class Backoff:
    """Doubles the wait with each failure in a row."""

    def __init__(self) -> None:
        self._failures = 0

    def failed(self, ran_s: float) -> float:
        """Seconds to wait, after something that had run for `ran_s` failed."""
        self._failures = 1 if ran_s >= STEADY_S else self._failures + 1
        return min(FIRST_S * 2.0 ** min(self._failures - 1, 10), LONGEST_S)
