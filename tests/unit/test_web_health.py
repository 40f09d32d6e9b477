"""The health check names everything that is wrong, once, and for every kind of process."""

import pytest

from edge_daemon.messages.status import CameraStatus, ProcessStatus, Status
from edge_daemon.web.health import MAX_AGE_S, problems
from tests.statuses import camera, process


def found(status: Status | None, age_s: float = 0.0, *, dispatcher_here: bool = True) -> list[str]:
    return problems(status, age_s, dispatcher_here=dispatcher_here)


def status(cameras: dict[str, CameraStatus], *processes: ProcessStatus) -> Status:
    return Status(at="", cameras=cameras, processes=list(processes))


def test_all_is_well() -> None:
    rows = process("sink"), process("capture", "door"), process("exporter", "once", "finished", pid=None)
    assert found(status({"door": camera()}, *rows)) == []


def test_before_the_first_status_and_after_the_last() -> None:
    assert found(None) == ["the sink has not published a status yet"]
    assert found(status({}), MAX_AGE_S + 3) == ["the sink has not published a status for 8 s"]
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
