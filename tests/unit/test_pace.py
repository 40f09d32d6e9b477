"""Pacing by time: how many frames pass, and how far they are apart."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.capture.pace import Pace
from edge_daemon.settings import CaptureSettings


def paced(fps: float | None) -> Pace:
    return Pace(CaptureSettings(camera="c", source="x", delivery="live", dispatcher="", fps=fps))


@given(st.floats(0.1, 120), st.lists(st.floats(0, 1), min_size=1, max_size=300))
def test_pace_passes_one_frame_a_slot(fps: float, steps: list[float]) -> None:
    pace, now, passed = paced(fps), 0.0, []
    for step in steps:
        now += step
        if pace.admit(now):
            passed.append(now)
    assert len(passed) <= now * fps + 1 + 1e-6
    assert passed, "the first frame passes"
    longest = max(steps)
    for earlier, later in itertools.pairwise(passed):
        assert later - earlier <= 2 / fps + longest + 1e-3


def test_without_fps_all_pass() -> None:
    assert all(paced(None).admit(time_s) for time_s in (0.0, 0.0, -5.0))


def test_a_clock_that_jumps_back_does_not_stop_the_frames() -> None:
    pace = paced(10)
    assert pace.admit(1000.0)
    assert not pace.admit(1000.01)
    assert pace.admit(3.0)
    assert pace.admit(3.1)
