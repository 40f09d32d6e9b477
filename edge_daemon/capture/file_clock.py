"""The clock of a file, by which its frames are paced, played and compared."""

JUMP_S = 60.0
"""Time stamps that go on by more have jumped, unless those before did so too, as in a time-lapse."""
JITTER_S = 1.0
"""Time stamps that go back by less are out of order; those that go back by more have jumped."""

LEAST_S = 1e-6
"""Time stamps closer together are the same."""


class FileClock:
    """Follows the time stamps of a file's frames, and always runs forward.

    After a jump, whether back or ahead, the frame follows the one before as the last ones did, and the clock goes on
    from there. `step_s` is the time between frames as the file announces it.
    """

    def __init__(self, step_s: float) -> None:
        self._step_s, self._time_s, self._offset_s = step_s, -step_s, 0.0
        self._stamp_s, self._gap_s = 0.0, step_s
        self._held = False  # the last frame was out of order

    def __call__(self, stamp_s: float | None) -> float:
        """Position of the next frame, which is stamped `stamp_s`, or not at all."""
        if stamp_s is None:
            self._time_s += self._step_s
            return self._time_s
        gap_s, last_gap_s = stamp_s - self._stamp_s, self._gap_s
        self._stamp_s, self._gap_s = stamp_s, gap_s
        ahead_s = stamp_s + self._offset_s - self._time_s
        alike = 0 < last_gap_s / 2 <= gap_s <= 2 * last_gap_s
        if ahead_s > LEAST_S and (ahead_s < JUMP_S or alike):
            self._advance(ahead_s)
        elif -JITTER_S < ahead_s <= LEAST_S and not self._held:
            self._held = True
            self._time_s += self._step_s / 2
        else:
            self._time_s += self._step_s
            self._offset_s = self._time_s - stamp_s
        return self._time_s

    def _advance(self, by_s: float) -> None:
        if not self._held:
            self._step_s = by_s
        self._held = False
        self._time_s += by_s
