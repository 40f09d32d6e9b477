"""All ledgers at one desk: nothing before the start, acknowledgements once, and what `status/` says."""

from typing import Any

import msgspec

from edge_daemon.messages.accounting import Assigned, Captured, Gap, StartFrom, StreamState
from edge_daemon.messages.findings import Detection, Found
from edge_daemon.messages.frames import Frame
from edge_daemon.messages.outcomes import Outcome, Timing
from edge_daemon.messages.published import End, Result
from edge_daemon.settings import CameraPlan
from edge_daemon.sink.collector import Collector
from edge_daemon.sink.reorder_buffer import Arrival
from tests.statuses import stream_counts

MS = 1_000_000
PERSON = Detection(xyxy=(1.0, 2.0, 3.0, 4.0), confidence=0.9, class_id=0, class_name="person")


def desk() -> Collector:
    return Collector(
        {
            "door": CameraPlan(models=["a", "b"], delivery="live", reorder_wait_s=1e-8),
            "tape": CameraPlan(models=["a"], delivery="lossless"),
        }
    )


def started() -> Collector:
    made = desk()
    made.tell(StartFrom(streams=[]))
    return made


def turn(seq: int, camera: str = "door", model: str = "a", **dropped: int) -> Assigned:
    return Assigned(camera=camera, model=model, epoch=1, seq=seq, dropped=dropped)


def arrival(seq: int, camera: str = "door", model: str = "a", **made: Any) -> Arrival:
    frame = Frame(
        camera=camera,
        epoch=1,
        seq=seq,
        captured_ns=10 * MS,
        captured_at="2026-11-22T10:41:00.123456Z",
        time_s=61.7200000004,
        width=640,
        height=480,
        codec="raw",
        truth=made.pop("truth", None),
    )
    return Arrival(Outcome(frame=frame, model=model, worker=f"{model}-0", **made), None, at_ns=0)


def test_nothing_comes_out_before_the_dispatcher_said_where_to_start() -> None:
    books = desk()
    books.tell(turn(0))
    books.arrived(arrival(0))
    assert list(books.release(0)) == []
    assert books.acks() is None
    books.tell(StartFrom(streams=[]))
    assert list(books.release(0)) == [], "a turn that was told before the start is told again after it"
    books.tell(turn(0))
    assert [message.seq for message, _ in books.release(0) if isinstance(message, Result)] == [0]


def test_a_hello_stops_everything_until_the_next_start() -> None:
    books = started()
    books.tell(turn(0))
    books.arrived(arrival(0))
    assert len(list(books.release(0))) == 1
    (state,) = books.hello()
    assert (state.camera, state.model, state.resolved, state.delivered) == ("door", "a", 0, 1)
    books.tell(turn(1))
    books.arrived(arrival(1))
    assert list(books.release(0)) == []
    assert books.acks() is None
    books.tell(StartFrom(streams=[state]))
    books.tell(turn(1))
    assert len(list(books.release(0))) == 1, "the outcome that is here already counts"


def test_after_a_hello_nothing_comes_out_that_the_hello_does_not_know() -> None:
    books = started()
    books.tell(turn(0))
    assert all(state.resolved == -1 for state in books.hello())
    books.arrived(arrival(0))
    assert list(books.release(0)) == [], "the dispatcher goes on from the hello, and will have it looked at again"
    books.tell(StartFrom(streams=[StreamState(camera="door", model="a", epoch=1)]))
    books.tell(turn(0))
    ((result, _),) = books.release(0)
    assert isinstance(result, Result)
    assert result.seq == 0


def test_a_result_is_what_the_worker_made_of_the_frame() -> None:
    books = started()
    books.tell(turn(2, stale=2))
    came = arrival(
        2, found=Found(detections=[PERSON]), timing_ms=Timing(wait=1.23456, infer=3.0), truth=[[0.0, 0.0, 1.0, 1.0]]
    )
    books.arrived(came)
    ((result, source),) = books.release(now_ns=46 * MS)
    assert source is came
    assert msgspec.to_builtins(result) == {
        "v": 1,
        "type": "result",
        "camera": "door",
        "model": "a",
        "epoch": 1,
        "seq": 2,
        "captured_at": "2026-11-22T10:41:00.123456Z",
        "time_s": 61.72,
        "width": 640,
        "height": 480,
        "detections": [{"xyxy": (1.0, 2.0, 3.0, 4.0), "confidence": 0.9, "class_id": 0, "class_name": "person"}],
        "dropped": {"stale": 2},
        "timing_ms": {
            "wait": 1.23,
            "decode": 0.0,
            "preprocess": 0.0,
            "infer": 3.0,
            "postprocess": 0.0,
            "total": 36.0,
        },
        "worker": "a-0",
        "truth": [[0.0, 0.0, 1.0, 1.0]],
    }


def test_only_a_generated_scene_says_what_is_true() -> None:
    books = started()
    books.tell(turn(0))
    books.arrived(arrival(0))
    ((result, _),) = books.release(0)
    assert "truth" not in msgspec.to_builtins(result)
    assert "encoding" not in msgspec.to_builtins(result)


def test_each_model_has_an_account_of_its_own() -> None:
    books = started()
    for model in "ab":
        books.tell(turn(0, model=model))
    books.arrived(arrival(0, model="b"))
    assert [message.model for message, _ in books.release(0)] == ["b"]
    books.arrived(arrival(0, model="a"))
    assert [message.model for message, _ in books.release(0)] == ["a"]


def test_what_is_not_configured_is_ignored() -> None:
    books = started()
    books.tell(StartFrom(streams=[StreamState(camera="gone", model="a", epoch=1)]))
    books.tell(turn(0, camera="gone"))
    books.arrived(arrival(0, camera="gone"))
    books.arrived(arrival(0, model="gone"))
    assert list(books.release(0)) == []
    assert list(books.close(0)) == []


def test_what_has_moved_is_acknowledged_once() -> None:
    books = started()
    assert books.acks() is None
    books.tell(turn(0))
    books.arrived(arrival(0))
    assert books.acks() is None, "not before it is released"
    list(books.release(0))
    acks = books.acks()
    assert acks
    assert [(state.camera, state.model, state.resolved) for state in acks.streams] == [("door", "a", 0)]
    assert books.acks() is None


def test_live_gives_a_late_frame_up_and_lossless_does_not() -> None:
    books = started()
    for camera in ("door", "tape"):
        for seq in range(2):
            books.tell(turn(seq, camera))
        books.arrived(arrival(1, camera))
    (message, _), *others = books.release(now_ns=1000)
    assert not others
    assert isinstance(message, Result)
    assert (message.camera, message.dropped) == ("door", {"late": 1})


def test_the_end_has_the_totals() -> None:
    books = started()
    books.tell(turn(0, "tape"))
    books.tell(Gap(camera="tape", model="a", epoch=1, seq=2, dropped={"paced": 2}, end=True))
    books.arrived(arrival(0, "tape"))
    (result, _), (end, source) = books.release(0)
    assert isinstance(result, Result)
    assert source is None
    assert end == End(camera="tape", model="a", epoch=1, captured=3, delivered=1, dropped={"paced": 2})


def test_closing_leaves_nothing_in_flight() -> None:
    books = started()
    for seq in range(3):
        books.tell(turn(seq))
    books.tell(Captured(camera="door", model="a", epoch=1, count=5))
    books.arrived(arrival(2))
    ((message, _),) = books.close(0)
    assert isinstance(message, Result)
    assert (message.seq, message.dropped) == (2, {"shutdown": 2})
    counts = books.counts(0)["door"]["a"]
    assert (counts.captured, counts.delivered, counts.in_flight) == (5, 1, 0)
    assert counts.dropped == {"shutdown": 4}


def test_counts_are_those_of_all_streams() -> None:
    books = started()
    for seq in range(2):
        books.tell(turn(seq))
        books.arrived(arrival(seq, found=Found(detections=[PERSON] * (seq + 1))))
        list(books.release(now_ns=20 * MS))
    counts = books.counts(30 * MS)
    assert counts["door"]["a"] == stream_counts(
        2, 2, fps=200.0, latency_ms={"p50": 10.0, "p90": 10.0, "p99": 10.0}, found={"person": 2}
    )
    assert {camera: list(models) for camera, models in counts.items()} == {"door": ["a", "b"], "tape": ["a"]}
    assert counts["door"]["b"].delivered == 0
