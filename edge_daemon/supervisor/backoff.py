"""How long to wait before something that failed is tried again."""

FIRST_S = 0.25
LONGEST_S = 30.0
FORGIVEN_S = 2.0
"""Each time that it was up for so long, one failure before is forgiven: what works for a while is soon back."""
_MOST = 8
"""Failures that count: the wait after these is the longest."""


class Backoff:
    """Doubles the wait with each failure in a row."""

    def __init__(self) -> None:
        self._failures = 0

    def failed(self, up_s: float) -> float:
        """Seconds to wait, after something that had been up for `up_s` failed."""
        self._failures = min(max(0, self._failures - int(up_s / FORGIVEN_S)) + 1, _MOST)
        return min(FIRST_S * 2.0 ** (self._failures - 1), LONGEST_S)
