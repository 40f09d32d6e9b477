"""The health check names everything that is wrong, once, and for every kind of process."""

from dataclasses import dataclass, field

import msgspec
import pytest

from edge_daemon.messages.status import CameraStatus, ProcessStatus, Status
from edge_daemon.web.health import MAX_AGE_S, SILENT_S, Health
from tests.statuses import camera, process, stream_counts


@dataclass
class Clinic:
    """A health check that gets a status once a second."""

    health: Health = field(default_factory=Health)
    now: float = 100.0

    def after(self, status: Status | None, age_s: float = 0.0, *, dispatcher_here: bool = True) -> list[str]:
        if status:
            self.health.note(status, self.now)
        self.now += 1.0
        return self.health.problems(self.now - 1.0 + age_s, dispatcher_here=dispatcher_here)


def found(status: Status | None, age_s: float = 0.0, *, dispatcher_here: bool = True) -> list[str]:
    return Clinic().after(status, age_s, dispatcher_here=dispatcher_here)


def status(cameras: dict[str, CameraStatus], *processes: ProcessStatus) -> Status:
    return Status(at="", cameras=cameras, processes=list(processes))


def test_all_is_well() -> None:
    rows = process("sink"), process("capture", "door"), process("exporter", "once", "finished", pid=None)
    assert found(status({"door": camera()}, *rows)) == []


def test_before_the_first_status_and_after_the_last() -> None:
    assert found(None) == ["the sink has not published a status yet"]
    assert found(status({}), MAX_AGE_S + 3) == ["the sink has not published a status for 7 s"]
    assert found(status({}), dispatcher_here=False) == ["the dispatcher does not answer"]


@pytest.mark.parametrize("state", ["frozen", "ended", "finished", "connecting"])
def test_cameras_that_are_as_they_should_be(state: str) -> None:
    assert found(status({"door": camera(state)})) == []


def test_a_camera_that_is_down_is_named_once() -> None:
    row = process("capture", "door", "down (refused)")
    assert found(status({"door": camera("down (refused)")}, row)) == ["camera door is down (refused)"]


def test_processes_of_any_kind_that_are_down_are_named() -> None:
    rows = process("worker", "m-0", "down (no memory)"), process("bridge", "home", "starting", pid=None)
    assert found(status({}, *rows)) == ["worker m-0 is down (no memory)", "bridge home is starting"]


def test_results_that_cannot_be_written_are_a_problem_and_a_model_that_loads_is_none() -> None:
    rows = process("sink", state="cannot write results (No space left on device)"), process("worker", state="starting")
    assert found(status({}, *rows)) == ["sink sink is cannot write results (No space left on device)"]


def silent(role: str, name: str = "", *, s: float, longest_s: float = 0.0, state: str = "up") -> ProcessStatus:
    detail = {"longest_s": longest_s} if longest_s else {}
    return msgspec.structs.replace(process(role, name or role, state), silent_s=s, detail=detail)


def test_a_process_that_does_not_report_is_named_also_between_two_statuses() -> None:
    assert found(status({}, silent("dispatcher", s=2.0))) == []
    assert found(status({}, silent("dispatcher", s=2.0)), 1.5) == ["dispatcher has not reported for 4 s"]
    assert found(status({}, silent("capture", "door", s=20.0))) == ["capture door has not reported for 20 s"]
    assert found(status({}, silent("worker", "m-0", s=20.0, state="starting"))) == []


def test_a_worker_with_a_slow_model_may_be_silent_for_longer() -> None:
    assert found(status({}, silent("worker", "m-0", s=20.0, longest_s=8.0))) == []
    assert found(status({}, silent("worker", "m-0", s=60.0, longest_s=8.0))) == ["worker m-0 has not reported for 60 s"]


def test_a_table_that_is_old_is_the_supervisor_s_doing() -> None:
    rows = silent("sink", s=9.0), silent("dispatcher", s=9.0)
    assert found(status({}, *rows)) == ["the supervisor has not looked at its processes for 9 s"]


def door(announced: int, captured: int, held: int = 0) -> dict[str, CameraStatus]:
    one = camera(m=stream_counts(captured, captured))
    return {"door": msgspec.structs.replace(one, announced=announced, held=held)}


def test_frames_that_are_owed_and_do_not_come_through() -> None:
    clinic = Clinic()
    for second in range(10):
        assert not clinic.after(status(door(second * 5, second * 5)))
    seen = [clinic.after(status(door(50 + second, 45))) for second in range(6)]
    assert seen[0] == []
    assert seen[-1] == ["no frame of camera door has come through model m for 6 s"]
    assert seen.index(next(filter(None, seen))) <= SILENT_S + 1
    assert clinic.after(status(door(60, 46))) == []


def test_a_camera_that_offers_nothing_owes_nothing_and_a_lossless_one_what_it_holds() -> None:
    clinic = Clinic()
    assert not any(clinic.after(status(door(7, 7))) for _ in range(20))
    seen = [clinic.after(status(door(7, 7, held=3))) for _ in range(6)]
    assert seen[-1]


def test_a_camera_that_was_switched_off_owes_nothing() -> None:
    health = Health()
    health.note(status(door(1, 1)), 0.0)
    off = {"door": msgspec.structs.replace(door(2, 1)["door"], state="off")}
    health.note(status(off), 1.0)
    health.note(status(off), 60.0)
    assert health.problems(60.0, dispatcher_here=True) == []


def test_a_slow_model_is_given_time() -> None:
    clinic = Clinic()
    worker = silent("worker", "m-0", s=0.0, longest_s=8.0)
    seen = [clinic.after(status(door(second, 0), worker)) for second in range(40)]
    assert not any(seen[:20])
    assert seen[-1]
