"""When the frames of a played file, and of a stream that arrives in pieces, are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.capture.playout import LONGEST_S, PAUSE_S, Playback, Playout


@given(frames=st.integers(2, 200), fps=st.floats(1, 60), first=st.floats(0, 1e5), start=st.floats(0, 1e6))
def test_what_comes_at_once_is_played_at_its_own_speed(frames: int, fps: float, first: float, start: float) -> None:
    playout, now, shown = Playout(), start, []
    for index in range(frames):
        now += playout.wait_s(first + index / fps, now)
        shown.append(now - start)
    assert shown == pytest.approx([index / fps for index in range(frames)], abs=1e-3)


@given(st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(0, 60)), max_size=60))
def test_no_frame_waits_long_and_what_comes_late_goes_on_at_once(frames: list[tuple[float, float]]) -> None:
    playout, now = Playout(), 0.0
    for stamp_s, later_s in frames:
        now += later_s
        wait_s = playout.wait_s(stamp_s, now)
        assert 0 <= wait_s <= LONGEST_S
        now += wait_s
        assert playout.wait_s(stamp_s, now) == pytest.approx(0, abs=1e-6)


@given(start=st.floats(0, 1e6), steps=st.lists(st.floats(0.001, 5), min_size=1, max_size=30), busy=st.floats(0, 1))
def test_a_played_file_is_shown_in_its_time_and_not_read_long_before(
    start: float, steps: list[float], busy: float
) -> None:
    played, now, time_s = Playback(start), start, 0.0
    reading_s = busy * min(0.01, *steps)
    assert played.until_read_s(now) == 0, "the first at once"
    for step in [0.0, *steps]:
        time_s += step
        read_at = now = now + max(0.0, played.until_read_s(now))
        now += reading_s
        now += max(0.0, played.until_shown_s(time_s, now))
        late_s = now - (start + time_s)
        assert -1e-6 < late_s <= reading_s + PAUSE_S + 1e-6, "no later than by the longest rest"
        if step and len(set(steps)) == 1 and step <= PAUSE_S:
            assert read_at >= start + time_s - 1e-6 or time_s == step, "a steady one is read when it is due"
