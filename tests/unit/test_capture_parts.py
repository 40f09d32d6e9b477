"""The window, the pace and the playout of a capture."""

import itertools
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.capture.pace import Pace
from edge_daemon.capture.picture import Picture
from edge_daemon.capture.playout import LONGEST_S, PAUSE_S, Playback, Playout
from edge_daemon.capture.window import Held, Window
from tests.waiting import eventually


def held(seq: int) -> Held:
    return Held(
        seq=seq, captured_ns=seq, captured_at_ns=seq, picture=Picture(seq, lambda: np.zeros((1, 1, 3), np.uint8))
    )


def test_live_holds_the_newest() -> None:
    window = Window(None)
    for seq in range(5):
        assert window.offer(held(seq))
    assert window.held() == [(4, 4, 0)]
    assert (frame := window.take(2))
    assert frame.seq == 4, "the oldest that will do is the newest there is"
    assert window.take(5) is None


def test_lossless_makes_the_reader_wait_for_room() -> None:
    window = Window(2)
    reader = threading.Thread(target=lambda: [window.offer(held(seq)) for seq in range(5)])
    reader.start()
    eventually(lambda: window.held() == [(0, 0, 0), (1, 1, 0)], 5)
    assert window.take(0) is not None
    assert window.held() == [(0, 0, 0), (1, 1, 0)], "taking is not letting go"
    window.release(0)
    eventually(lambda: window.held() == [(1, 1, 0), (2, 2, 0)], 5)
    window.release(4)
    eventually(lambda: window.held() == [(3, 3, 0), (4, 4, 0)], 5)
    reader.join(5)
    assert not reader.is_alive()


def test_closing_wakes_the_reader() -> None:
    window = Window(1)
    window.offer(held(0))
    answers: list[bool] = []
    reader = threading.Thread(target=lambda: answers.append(window.offer(held(1))))
    reader.start()
    window.close()
    reader.join(5)
    assert answers == [False]


@given(st.floats(0.1, 120), st.lists(st.floats(0, 1), min_size=1, max_size=300))
def test_pace_passes_one_frame_a_slot(fps: float, steps: list[float]) -> None:
    pace, now, passed = Pace(fps), 0.0, []
    for step in steps:
        now += step
        if pace.passes(now):
            passed.append(now)
    assert len(passed) <= now * fps + 1 + 1e-6
    assert passed, "the first frame passes"
    longest = max(steps)
    for earlier, later in itertools.pairwise(passed):
        assert later - earlier <= 2 / fps + longest + 1e-3


def test_without_fps_all_pass() -> None:
    assert all(Pace(None).passes(time_s) for time_s in (0.0, 0.0, -5.0))


def test_a_clock_that_jumps_back_does_not_stop_the_frames() -> None:
    pace = Pace(10)
    assert pace.passes(1000.0)
    assert not pace.passes(1000.01)
    assert pace.passes(3.0)
    assert pace.passes(3.1)


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
