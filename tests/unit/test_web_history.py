"""The last hour: what happened in each step, and what of it survives a restart of the web."""

import time
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.messages.published import utc
from edge_daemon.messages.status import CameraStatus, Status
from edge_daemon.web import history
from edge_daemon.web.history import DAY_S, HOUR_S, STEP_S, History, Recorder, Step, merged
from tests.statuses import camera, process, stream_counts


def status(at_s: float, **cameras: CameraStatus) -> Status:
    return Status(at=utc(int(at_s * 1e9)), cameras=cameras, processes=[])


def counted(captured: int, state: str = "up", **dropped: int) -> CameraStatus:
    delivered = captured - sum(dropped.values())
    return camera(state, m=stream_counts(captured, delivered, dropped, latency_ms={"p50": 20.0}))


def steps_of(statuses: list[Status]) -> list[Step]:
    recorder = Recorder()
    return [step for second, one in enumerate(statuses) if (step := recorder.note(one, float(second)))]


def test_a_step_has_what_came_in_it_and_not_before() -> None:
    statuses = [status(second, door=counted(10 * second, paced=2 * second)) for second in range(100, 111)]
    (step,) = steps_of(statuses)
    assert (step.at, step.duration_s) == (utc(110_000_000_000), 10.0)
    stream = step.cameras["door"].models["m"]
    assert (stream.captured, stream.delivered, stream.dropped) == (100, 80, {"paced": 20})
    assert stream.latency_ms == {"p50": 20.0}


def test_a_camera_that_was_away_for_a_part_of_it() -> None:
    states = ["up"] * 5 + ["down (refused)"] * 6
    (step,) = steps_of([status(second, door=counted(0, state)) for second, state in enumerate(states)])
    assert (step.cameras["door"].up, step.cameras["door"].state) == (0.4, "down (refused)")


@given(st.lists(st.integers(0, 50), min_size=31, max_size=60))
def test_the_steps_add_up(frames: list[int]) -> None:
    totals = [sum(frames[: index + 1]) for index in range(len(frames))]
    steps = steps_of([status(second, door=counted(total)) for second, total in enumerate(totals)])
    assert len(steps) == (len(frames) - 1) // 10
    assert sum(step.cameras["door"].models["m"].captured for step in steps) == totals[10 * len(steps)] - totals[0]


def test_counts_that_begin_again_are_not_negative() -> None:
    totals = [100] * 6 + [3, 4, 5, 6, 7]
    (step,) = steps_of([status(second, door=counted(total)) for second, total in enumerate(totals)])
    assert step.cameras["door"].models["m"].captured == 7


def test_without_statuses_for_a_while_there_is_a_gap() -> None:
    recorder, ends = Recorder(), []
    for second in [*range(21), *range(60, 85)]:
        if step := recorder.note(status(second, door=counted(second)), float(second)):
            ends.append(second)
            assert step.duration_s == 10
    assert ends == [10, 20, 70, 80]


def test_it_survives_a_restart_is_bounded_and_forgets_after_an_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "STEP_S", {HOUR_S: 1.0, DAY_S: 300.0})
    file, now_s = tmp_path / "history", time.time()
    for begin in (0, 5000):
        kept = History(file)
        for second in range(begin, begin + 4000):
            kept.note(status(now_s - 9000 + second, door=counted(second), yard=counted(second)), float(second))
    steps = History(file).read(HOUR_S, ["yard"])
    assert 3500 < len(steps) <= 3600
    assert all(one.at < other.at for one, other in pairwise(steps))
    assert set(steps[0].cameras) == {"yard"}
    assert sum(one.stat().st_size for one in tmp_path.glob("history*")) < 3 * 3600 * 300
    with file.open("ab") as cut:
        cut.write(b'{"at": "20')
    assert len(steps) - 60 < len(History(file).read()) <= len(steps)  # time goes on


def test_cpu_is_the_mean_of_each_kind_of_process() -> None:
    workers = [[process("worker", f"m-{n}", cpu=0.25 + second % 2) for n in range(2)] for second in range(11)]
    statuses = [
        msgspec.structs.replace(status(second), processes=[*of, process("web", cpu=0.1)])
        for second, of in enumerate(workers)
    ]
    (step,) = steps_of(statuses)
    assert step.cpu == {"worker": 1.5, "web": 0.1}


@given(st.lists(st.integers(0, 50), min_size=31, max_size=90))
def test_a_step_of_several_has_all_their_frames_and_the_longest_delay(frames: list[int]) -> None:
    totals = [sum(frames[: index + 1]) for index in range(len(frames))]
    statuses = [status(second, door=counted(total, paced=total // 3)) for second, total in enumerate(totals)]
    steps = steps_of(statuses)
    whole = merged(steps)
    parts = [step.cameras["door"].models["m"] for step in steps]
    of = whole.cameras["door"].models["m"]
    assert (whole.at, whole.duration_s) == (steps[-1].at, 10.0 * len(steps))
    assert (of.captured, of.delivered) == (sum(p.captured for p in parts), sum(p.delivered for p in parts))
    assert of.dropped.get("paced", 0) == sum(p.dropped.get("paced", 0) for p in parts)
    assert of.latency_ms == {"p50": 20.0}


def test_the_day_is_kept_in_longer_steps_that_a_restart_does_not_interrupt(tmp_path: Path) -> None:
    file, now_s = tmp_path / "history.jsonl", time.time()
    for begin, end in ((0, 1000), (1000, 2000)):
        kept = History(file)
        for second in range(begin, end):
            kept.note(status(now_s - 2000 + second, door=counted(second)), float(second))
    steps = kept.read(DAY_S)
    assert len(steps) == 6
    frames = [step.cameras["door"].models["m"].captured for step in steps]
    assert all(abs(count - STEP_S[DAY_S]) <= 2 * STEP_S[HOUR_S] for count in frames), frames


def test_without_a_file_nothing_is_kept() -> None:
    kept = History(None)
    for second in range(30):
        kept.note(status(second, door=counted(second)), float(second))
    assert kept.read() == kept.read(DAY_S) == []
