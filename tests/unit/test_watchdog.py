"""The service manager's watchdog is fed while work is done or there is none, and only then."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.messages.status import CaptureReport, ProcessReport, SinkReport, WorkerReport
from edge_daemon.supervisor.watchdog import BUSY_S, SLACK_S, Watchdog, status_line
from tests.statuses import stream_counts

AWAY = ["down (refused)", "down (ended by SIGKILL)", "connecting", "finished"]


@dataclass
class Process:
    """A process as the watchdog sees it."""

    name: str
    state: str
    report: ProcessReport
    silent_s: float = 0.0


def capture(state: str, announced: int = 0, held: int = 0, name: str = "door") -> Process:
    return Process(name, state, CaptureReport(announced=announced, held=held))


def worker(silent_s: float) -> Process:
    return Process("m-0", "up", WorkerReport(), silent_s)


def sink(captured: int, delivered: int = 0, *, fps: float = 0.0, waits_for_disk: bool = False) -> Process:
    streams = {"door": {"m": stream_counts(captured, delivered, fps=fps)}}
    return Process("sink", "up", SinkReport(streams=streams, waits_for_disk=waits_for_disk))


NEW_SINK = Process("sink", "starting", SinkReport())


def test_a_stuck_dispatcher_starves_it() -> None:
    watchdog = Watchdog()
    fed = [watchdog.feed([sink(min(10 * second, 50)), capture("up", 10 * second)], second) for second in range(1, 30)]
    assert fed[:5] == [True] * 5
    assert not any(fed[5 + int(SLACK_S) :])


def test_lossless_frames_that_are_held_for_ever_starve_it() -> None:
    watchdog = Watchdog()
    assert watchdog.feed([sink(50, 50), capture("up", 54, held=4)], 1)
    assert not watchdog.feed([sink(50, 50), capture("up", 54, held=4)], 2)


def test_slow_models_do_not_starve_it() -> None:
    watchdog = Watchdog()
    assert all(watchdog.feed([sink(10 * s, s // 40), capture("up", 10 * s)], s) for s in range(1, 100))


def test_a_model_at_work_on_one_frame_for_long_is_waited_for() -> None:
    watchdog, door = Watchdog(), capture("up", 54, held=4)
    assert watchdog.feed([sink(50, 50), door, worker(0.9)], 1)
    assert watchdog.feed([sink(50, 50), door, worker(BUSY_S + 50)], 55)
    assert not watchdog.feed([sink(50, 50), door, worker(BUSY_S - 1)], 60), "it waits for frames itself"


def test_lossless_frames_may_wait_for_a_full_disk() -> None:
    watchdog, door = Watchdog(), capture("up", 54, held=4)
    full = sink(50, 50, waits_for_disk=True)
    assert watchdog.feed([full, door], 1)
    assert watchdog.feed([full, door], 100)
    assert not watchdog.feed([full, capture("up", 90, held=4)], 200), "somebody is live, and stuck"


@given(st.integers(1, 200), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_frame_now_and_then_is_enough(every_s: int, told_after: float, counted_after: float) -> None:
    """However the two reports of a frame fall, a wait of seconds is all that can come of it."""
    watchdog, hungry_s = Watchdog(), 0.0
    for second in range(1, 600):
        announced, captured = int((second - told_after) // every_s), int((second - counted_after) // every_s)
        fed = watchdog.feed([sink(max(captured, 0)), capture("up", max(announced, 0))], second)
        hungry_s = 0.0 if fed else hungry_s + 1
        assert hungry_s <= SLACK_S


@given(st.lists(st.sampled_from(AWAY), min_size=1), st.integers(1, 1000))
def test_cameras_that_are_known_to_be_away_owe_nothing(states: list[str], seconds: int) -> None:
    watchdog = Watchdog()
    captures = [capture(state, 5, held=2, name=str(number)) for number, state in enumerate(states)]
    assert watchdog.feed([sink(3), *captures], 1)
    assert watchdog.feed([sink(3), *captures], 1 + seconds)


@pytest.mark.parametrize("state", ["up", "frozen", "stalled", "opened", "starting"])
def test_one_camera_that_is_there_is_waited_for(state: str) -> None:
    watchdog = Watchdog()
    watchdog.feed([sink(5), capture("up", 5), capture("down (gone)", name="yard")], 1)
    assert not watchdog.feed([sink(5), capture(state, 50), capture("down (gone)", name="yard")], 10)


def test_before_the_first_frame_it_is_fed() -> None:
    watchdog = Watchdog()
    for second in range(1, 100):
        assert watchdog.feed([NEW_SINK, capture("starting")], second)


def test_a_run_that_waits_for_its_subscribers_is_fed() -> None:
    watchdog = Watchdog()
    assert all(watchdog.feed([sink(0), capture("opened")], second) for second in range(1, 1000))


def test_a_sink_that_comes_back_counts_as_progress_once() -> None:
    watchdog = Watchdog()
    watchdog.feed([sink(50, 40), capture("up", 50)], 1)
    assert not watchdog.feed([NEW_SINK, capture("up", 60)], 10)
    assert watchdog.feed([sink(48, 40), capture("up", 70)], 20)
    assert not watchdog.feed([sink(48, 40), capture("up", 80)], 30)


def test_the_status_line() -> None:
    captures = [capture("up"), capture("down (timed out)", name="yard")]
    assert status_line([sink(5, 5, fps=12.4), *captures]) == "1 of 2 cameras up, 12 frames/s"
    assert status_line([NEW_SINK, capture("connecting")]) == "0 of 1 camera up, 0 frames/s"
    assert status_line([sink(5, 5), capture("finished")]) == "0 of 1 camera up, 1 read to the end, 0 frames/s"
