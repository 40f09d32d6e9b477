"""When a frame was captured, on every clock."""

import time

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.capture.clock import DRIFT
from edge_daemon.capture.moment import LATE_S, PATIENCE_S, STEP_NS, Moments, WallClock

SECOND = 1_000_000_000
EPOCH = 1_700_000_000


class Clocks:
    """A monotonic and a wall clock that a test moves."""

    def __init__(self, monotonic_ns: int = 50 * SECOND, wall_ns: int = EPOCH * SECOND) -> None:
        self.monotonic_ns, self.wall_ns, self.slow_ns = monotonic_ns, wall_ns, 0

    def advance(self, by_ns: int) -> None:
        self.monotonic_ns += by_ns
        self.wall_ns += by_ns

    def monotonic(self) -> int:
        self.advance(self.slow_ns)
        return self.monotonic_ns

    def wall(self) -> int:
        return self.wall_ns

    def clock(self) -> WallClock:
        return WallClock(self.monotonic, self.wall)


def test_a_camera_s_times_count_from_its_first_frame() -> None:
    clocks = Clocks()
    moments = Moments(EPOCH, clocks.clock())
    first = moments.of_camera(50.0, 50 * SECOND)
    clocks.advance(2 * SECOND)
    second = moments.of_camera(51.5, 52 * SECOND)
    assert (first.time_s, second.time_s) == (0.0, 1.5)
    assert (second.captured_ns, second.captured_at_ns) == (51_500_000_000, EPOCH * SECOND + 1_500_000_000)


@given(st.integers(-(10**6), 10**6).filter(lambda seconds: seconds))
def test_a_wall_clock_that_is_set_is_followed(by_s: int) -> None:
    clocks = Clocks()
    wall = clocks.clock()
    assert wall.at(50 * SECOND) == EPOCH * SECOND
    clocks.wall_ns += by_s * SECOND
    assert wall.at(51 * SECOND) == (EPOCH + by_s + 1) * SECOND


def test_noise_of_looking_at_two_clocks_is_not() -> None:
    clocks = Clocks()
    wall = clocks.clock()
    clocks.wall_ns += STEP_NS // 2
    assert wall.at(50 * SECOND) == EPOCH * SECOND
    clocks.slow_ns = 100 * STEP_NS  # another process ran in between
    clocks.wall_ns += SECOND
    assert wall.at(50 * SECOND) == EPOCH * SECOND


def test_the_wall_clock_of_this_machine() -> None:
    assert abs(WallClock().at(time.monotonic_ns()) - time.time_ns()) < SECOND


@given(st.floats(0.0, 2.0), st.lists(st.floats(0, 0.4), min_size=1, max_size=200))
def test_frames_that_a_camera_always_gives_late_are_not_overdue(lag_s: float, delays: list[float]) -> None:
    """B-frames and decoders hold each frame back; what is beyond that is what ages it."""
    moments = Moments(EPOCH, Clocks().clock())
    moments.of_camera(99.9, round((99.9 + lag_s) * SECOND))
    for index, delay_s in enumerate(delays):
        captured_s = 100.0 + index / 25
        read_ns = round((captured_s + lag_s + delay_s) * SECOND)
        moment = moments.of_camera(captured_s, read_ns)
        assert moment.captured_ns <= moment.due_ns <= read_ns
        overdue_s = (read_ns - moment.due_ns) / SECOND
        assert overdue_s <= delay_s + 1e-6
        if delay_s <= LATE_S or index / 25 < PATIENCE_S:
            assert overdue_s >= delay_s - DRIFT * 10 - LATE_S - 1e-6


def test_a_camera_that_begins_to_give_its_frames_later_is_not_overdue_for_ever() -> None:
    moments = Moments(EPOCH, Clocks().clock())
    for index in range(400):
        captured_s = 100.0 + index / 25
        lag_s = 0.02 if index < 100 else 0.9
        moment = moments.of_camera(captured_s, round((captured_s + lag_s) * SECOND))
        overdue_s = lag_s - (moment.due_ns - moment.captured_ns) / SECOND
        assert overdue_s < (0.9 if 100 <= index <= 100 + 25 * PATIENCE_S else DRIFT)


def test_nothing_was_captured_in_the_future() -> None:
    moment = Moments(EPOCH, Clocks().clock()).of_camera(100.5, 100 * SECOND)
    assert (moment.captured_ns, moment.due_ns) == (100 * SECOND, 100 * SECOND)


def test_times_of_a_file_are_the_same_however_fast_it_is_read() -> None:
    slow, fast = Moments(EPOCH, Clocks().clock()), Moments(EPOCH, Clocks(77, (EPOCH + 500) * SECOND).clock())
    one, other = slow.of_file(12.5, 60 * SECOND), fast.of_file(12.5, 50 * SECOND)
    assert (one.time_s, one.captured_at_ns) == (other.time_s, other.captured_at_ns)
    assert (one.time_s, one.captured_at_ns) == (12.5, EPOCH * SECOND + 12_500_000_000)
    assert (one.captured_ns, one.due_ns) == (60 * SECOND, 60 * SECOND), "latency counts from when it was read"


def test_an_epoch_that_is_numbered_ahead_of_the_wall_clock_dates_nothing_in_the_future() -> None:
    moment = Moments(EPOCH + 10**8, WallClock()).of_file(0.0, 60 * SECOND)
    assert abs(moment.captured_at_ns - time.time_ns()) < 10 * SECOND


def test_a_played_file_is_dated_as_it_is_shown() -> None:
    moment = Moments(0, Clocks().clock()).of_played(3.0, 55 * SECOND)
    assert moment == (3.0, 55 * SECOND, (EPOCH + 5) * SECOND, 55 * SECOND)
