"""The status: what captures report and what the sink counts, joined."""

import msgspec

from edge_daemon.messages.hints import HINTS, HINTS_HERE, hint_for, reason_in
from edge_daemon.messages.status import CameraStatus, CaptureReport, MotionStatus, ProcessStatus, camera_statuses
from tests.statuses import process, stream_counts

MOTION = MotionStatus(state="still", since="2026-01-01T00:00:00.000000Z", passed=0.25)
STREAMS = {"door": {"m": stream_counts(5, 5)}, "yard": {"m": stream_counts()}}


def test_a_camera_has_the_state_and_the_figures_of_its_capture() -> None:
    report = CaptureReport(fps=25.0, width=640, height=480, motion=MOTION)
    rows = [
        process("worker", "door", "down (gone)"),  # which shares its name only
        process("capture", "door", "frozen", detail=msgspec.to_builtins(report)),
    ]
    cameras = camera_statuses(STREAMS, rows)
    assert list(cameras) == ["door", "yard"]
    door = cameras["door"]
    assert (door.state, door.fps, door.width, door.motion) == ("frozen", 25.0, 640, MOTION)
    assert door.models == STREAMS["door"]


def test_without_a_capture_the_state_is_unknown() -> None:
    assert camera_statuses(STREAMS, [])["yard"] == CameraStatus(state="unknown", models=STREAMS["yard"])


def test_titles_and_what_a_process_stands_for() -> None:
    sink, door, worker = process("sink"), process("capture", "door"), process("worker", "person-v2-0")
    assert [row.title for row in (sink, door, worker)] == ["sink", "capture door", "worker person-v2-0"]
    assert [row.camera for row in (sink, door, worker)] == [None, "door", None]
    assert [row.model for row in (sink, door, worker)] == [None, None, "person-v2"]


def test_a_reader_of_a_status_ignores_fields_that_it_does_not_know() -> None:
    text = msgspec.json.encode({**msgspec.to_builtins(process("bridge", "home")), "colour": "red"})
    assert msgspec.json.decode(text, type=type(process("sink"))).name == "home"


def test_a_camera_that_is_down_says_since_when_why_and_what_to_do() -> None:
    since = "2026-01-01T00:00:00.000000Z"
    down = msgspec.to_builtins(CaptureReport(tries=3, next_try_s=2.0, hint="Do this."))
    (yard,) = _statuses(process("capture", "yard", "down (refused)", since=since, detail=down))
    assert (yard.since, yard.reason, yard.tries, yard.next_try_s) == (since, "refused", 3, 2.0)
    assert yard.hint == "Do this."
    (yard,) = _statuses(process("capture", "yard", "stalled", since=since))
    assert yard.reason == "stalled"
    (yard,) = _statuses(process("capture", "yard", "up", since=since))
    assert (yard.reason, yard.hint, yard.next_try_s) == (msgspec.UNSET,) * 3


def test_of_a_camera_whose_process_has_ended_nothing_old_is_shown() -> None:
    old = msgspec.to_builtins(CaptureReport(fps=25.0, width=640))
    row = process("capture", "yard", "down (ended by SIGKILL)", pid=None, next_start_s=1.5, detail=old)
    (yard,) = _statuses(row)
    assert (yard.state, yard.fps, yard.reason, yard.next_try_s) == (row.state, 0.0, "process ended", 1.5)
    assert yard.hint == HINTS["process ended"]


def test_hints_are_about_the_kind_of_source() -> None:
    assert hint_for("refused", "rtsp://10.0.0.4/s") == HINTS["refused"] == hint_for("refused")
    assert hint_for("refused", "/dev/video0") == hint_for("refused", "0") == HINTS_HERE["refused"]
    assert hint_for("decode error", "/dev/video0") == HINTS["decode error"]
    assert "its manual" in hint_for("answers 503", "http://10.0.0.4/v")
    assert hint_for("") == hint_for("something new") == ""
    assert [reason_in(state) for state in ("up", "connecting", "frozen", "down (timeout)")] == [
        "",
        "",
        "frozen",
        "timeout",
    ]


def _statuses(row: ProcessStatus) -> list[CameraStatus]:
    return list(camera_statuses({"yard": {"m": stream_counts()}}, [row]).values())
