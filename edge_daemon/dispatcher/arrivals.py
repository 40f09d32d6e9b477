"""Predicts the arrival of a live camera's next frame from those before it."""

MAX_INTERVAL_NS = 100_000_000
"""A next frame is predicted only if frames arrive at least this often."""


class Arrivals:
    """The time of the last frame, and the interval between frames."""

    def __init__(self) -> None:
        self._last_ns = self._interval_ns = 0

    def add(self, captured_ns: int, frames: int) -> None:
        """Note the arrival of a frame, the last of `frames` since the one before."""
        self._interval_ns, self._last_ns = (captured_ns - self._last_ns) // frames, captured_ns

    @property
    def _is_regular(self) -> bool:
        return 0 < self._interval_ns < MAX_INTERVAL_NS

    def is_due(self, now_ns: int) -> bool:
        """True if the next frame arrives in a moment."""
        return self._is_regular and now_ns < self._last_ns + self._interval_ns * 5 // 4

    def age_ns(self, now_ns: int) -> int:
        """Age of the newest frame, which may have arrived since the last that is known."""
        age_ns = now_ns - self._last_ns
        return age_ns % self._interval_ns if self._is_regular else age_ns
