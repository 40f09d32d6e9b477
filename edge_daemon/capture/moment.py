"""When a frame was captured, on the three clocks that matter: the epoch's, the machine's and the wall's."""

import time
from collections.abc import Callable
from typing import NamedTuple

from edge_daemon.capture.clock import LeastDelay

STEP_NS, QUIET_NS = 10_000_000, 1_000_000
"""A wall clock that is this far from where it was has been set; a comparison that took longer is ignored."""
LATE_S, PATIENCE_S = 0.05, 1.0
"""If all frames are read this much later than before, for this long, the camera has begun to reorder them."""


class Moment(NamedTuple):
    """Times of a frame.

    `time_s` counts from the start of the epoch. `captured_ns` is on CLOCK_MONOTONIC; latency counts from it.
    `captured_at_ns` is on the wall clock. `due_ns`, on CLOCK_MONOTONIC, is when such a frame is read if nothing delays
    it: all frames of a camera that reorders them are read late, and none of them is stale for that.
    """

    time_s: float
    captured_ns: int
    captured_at_ns: int
    due_ns: int


class WallClock:
    """Converts moments on CLOCK_MONOTONIC to wall time, and follows when the wall clock is set."""

    def __init__(
        self, monotonic_ns: Callable[[], int] = time.monotonic_ns, wall_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._monotonic_ns, self._wall_ns = monotonic_ns, wall_ns
        self._offset_ns = wall_ns() - monotonic_ns()

    def now(self) -> int:
        """Wall time now."""
        return self.at(self._monotonic_ns())

    def at(self, moment_ns: int) -> int:
        """Wall time at `moment_ns`."""
        before_ns, wall_ns, after_ns = self._monotonic_ns(), self._wall_ns(), self._monotonic_ns()
        offset_ns = wall_ns - (before_ns + after_ns) // 2
        if after_ns - before_ns < QUIET_NS and abs(offset_ns - self._offset_ns) > STEP_NS:
            self._offset_ns = offset_ns
        return moment_ns + self._offset_ns


class Moments:
    """Dates the frames of one epoch.

    The epoch's number is its start in wall-clock seconds, unless an earlier epoch, begun while the clock was wrong, had
    a higher number.
    """

    def __init__(self, epoch: int, wall: WallClock | None = None) -> None:
        self._wall = wall or WallClock()
        self._began_ns = min(epoch * 1_000_000_000, self._wall.now())
        self._delay = LeastDelay(LATE_S, PATIENCE_S)
        self._start_ns: int | None = None

    def of_camera(self, captured_s: float, read_ns: int) -> Moment:
        """The moment of a frame captured at `captured_s` and read at `read_ns`, both on CLOCK_MONOTONIC."""
        captured_ns = min(round(captured_s * 1e9), read_ns)
        if self._start_ns is None:
            self._start_ns = captured_ns
        delay_s = self._delay.add((read_ns - captured_ns) / 1e9, read_ns / 1e9)
        due_ns = min(captured_ns + round(delay_s * 1e9), read_ns)
        return Moment((captured_ns - self._start_ns) / 1e9, captured_ns, self._wall.at(captured_ns), due_ns)

    def of_played(self, time_s: float, read_ns: int) -> Moment:
        """The moment of a frame `time_s` into a file that is played like a camera."""
        return Moment(time_s, read_ns, self._wall.at(read_ns), read_ns)

    def of_file(self, time_s: float, read_ns: int) -> Moment:
        """The moment of a frame `time_s` into a file that is read as fast as possible: the same in every run of it."""
        return Moment(time_s, read_ns, self._began_ns + round(time_s * 1e9), read_ns)
