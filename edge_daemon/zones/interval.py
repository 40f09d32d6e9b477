"""When the intervals of counts end."""

import msgspec

STEP_S = 1.0
"""A clock that differs by more than this from what it was has been set."""


class Interval(msgspec.Struct):
    """An interval on the monotonic clock, from `start_s` to `end_s`.

    The first one, and the first after the wall clock was set, is cut so that the next ends on a whole multiple of
    `every_s` by the wall clock: with an hour, at the full hour.
    """

    every_s: float
    start_s: float
    end_s: float
    offset_s: float

    @classmethod
    def begin(cls, every_s: float, monotonic_s: float, wall_s: float) -> "Interval":
        """The interval that begins now."""
        return cls(every_s, monotonic_s, monotonic_s + every_s - wall_s % every_s, wall_s - monotonic_s)

    def is_over(self, monotonic_s: float, wall_s: float) -> bool:
        """True if it is over. Call it more often than intervals end."""
        offset_s = wall_s - monotonic_s
        if abs(offset_s - self.offset_s) > STEP_S:
            self.end_s, self.offset_s = monotonic_s + self.every_s - wall_s % self.every_s, offset_s
        return monotonic_s >= self.end_s

    def following(self, monotonic_s: float) -> "Interval":
        """The interval after this one, which is over now. Ends that nobody waited for are left out."""
        missed = (monotonic_s - self.end_s) // self.every_s
        end_s = self.end_s + (missed + 1) * self.every_s
        return Interval(self.every_s, monotonic_s, end_s, self.offset_s)
