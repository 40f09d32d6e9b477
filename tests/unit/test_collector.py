"""All reorder buffers together: nothing before the start, acknowledgements once, and the status."""

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


def empty() -> Collector:
    return Collector(
        {
            "door": CameraPlan(models=["a", "b"], delivery="live", reorder_wait_s=1e-8),
            "tape": CameraPlan(models=["a"], delivery="lossless"),
        }
    )


def started() -> Collector:
    made = empty()
    made.receive(StartFrom(streams=[]))
    return made


def assigned(seq: int, camera: str = "door", model: str = "a", **dropped: int) -> Assigned:
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


def test_nothing_is_released_before_the_dispatcher_sent_where_to_start() -> None:
    collector = empty()
    collector.receive(assigned(0))
    collector.add(arrival(0))
    assert list(collector.release(0)) == []
    assert collector.take_acks() is None
    collector.receive(StartFrom(streams=[]))
    assert list(collector.release(0)) == [], "an assignment from before the start is sent again after it"
    collector.receive(assigned(0))
    assert [message.seq for message, _ in collector.release(0) if isinstance(message, Result)] == [0]


def test_a_suspended_collector_releases_nothing_until_the_next_start() -> None:
    collector = started()
    collector.receive(assigned(0))
    collector.add(arrival(0))
    assert len(list(collector.release(0))) == 1
    (state,) = collector.suspend()
    assert (state.camera, state.model, state.resolved, state.delivered) == ("door", "a", 0, 1)
    collector.receive(assigned(1))
    collector.add(arrival(1))
    assert list(collector.release(0)) == []
    assert collector.take_acks() is None
    collector.receive(StartFrom(streams=[state]))
    collector.receive(assigned(1))
    assert len(list(collector.release(0))) == 1, "the outcome that has arrived counts"


def test_a_suspended_collector_releases_nothing_that_the_hello_does_not_contain() -> None:
    collector = started()
    collector.receive(assigned(0))
    assert all(state.resolved == -1 for state in collector.suspend())
    collector.add(arrival(0))
    assert list(collector.release(0)) == [], "the dispatcher goes on from the hello, and assigns it again"
    collector.receive(StartFrom(streams=[StreamState(camera="door", model="a", epoch=1)]))
    collector.receive(assigned(0))
    ((result, _),) = collector.release(0)
    assert isinstance(result, Result)
    assert result.seq == 0


def test_a_result_is_what_the_worker_made_of_the_frame() -> None:
    collector = started()
    collector.receive(assigned(2, stale=2))
    came = arrival(
        2, found=Found(detections=[PERSON]), timing_ms=Timing(wait=1.23456, infer=3.0), truth=[[0.0, 0.0, 1.0, 1.0]]
    )
    collector.add(came)
    ((result, source),) = collector.release(now_ns=46 * MS)
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


def test_only_a_generated_scene_has_truth() -> None:
    collector = started()
    collector.receive(assigned(0))
    collector.add(arrival(0))
    ((result, _),) = collector.release(0)
    assert "truth" not in msgspec.to_builtins(result)
    assert "encoding" not in msgspec.to_builtins(result)


def test_each_model_is_released_by_itself() -> None:
    collector = started()
    for model in "ab":
        collector.receive(assigned(0, model=model))
    collector.add(arrival(0, model="b"))
    assert [message.model for message, _ in collector.release(0)] == ["b"]
    collector.add(arrival(0, model="a"))
    assert [message.model for message, _ in collector.release(0)] == ["a"]


def test_messages_about_others_are_ignored() -> None:
    collector = started()
    collector.receive(StartFrom(streams=[StreamState(camera="gone", model="a", epoch=1)]))
    collector.receive(assigned(0, camera="gone"))
    collector.add(arrival(0, camera="gone"))
    collector.add(arrival(0, model="gone"))
    assert list(collector.release(0)) == []
    assert list(collector.close(0)) == []


def test_a_state_is_acknowledged_once() -> None:
    collector = started()
    assert collector.take_acks() is None
    collector.receive(assigned(0))
    collector.add(arrival(0))
    assert collector.take_acks() is None, "not before it is released"
    list(collector.release(0))
    acks = collector.take_acks()
    assert acks
    assert [(state.camera, state.model, state.resolved) for state in acks.streams] == [("door", "a", 0)]
    assert collector.take_acks() is None


def test_live_drops_a_late_frame_and_lossless_does_not() -> None:
    collector = started()
    for camera in ("door", "tape"):
        for seq in range(2):
            collector.receive(assigned(seq, camera))
        collector.add(arrival(1, camera))
    assert not list(collector.release(now_ns=0))
    assert not collector.is_idle, "time alone releases the next"
    (message, _), *others = collector.release(now_ns=1000)
    assert not others
    assert isinstance(message, Result)
    assert (message.camera, message.dropped) == ("door", {"late": 1})


def test_the_end_has_the_totals() -> None:
    collector = started()
    collector.receive(assigned(0, "tape"))
    collector.receive(Gap(camera="tape", model="a", epoch=1, seq=2, dropped={"paced": 2}, end=True))
    collector.add(arrival(0, "tape"))
    (result, _), (end, source) = collector.release(0)
    assert isinstance(result, Result)
    assert source is None
    assert end == End(camera="tape", model="a", epoch=1, captured=3, delivered=1, dropped={"paced": 2})


def test_closing_leaves_nothing_in_flight() -> None:
    collector = started()
    for seq in range(3):
        collector.receive(assigned(seq))
    collector.receive(Captured(camera="door", model="a", epoch=1, count=5))
    collector.add(arrival(2))
    ((message, _),) = collector.close(0)
    assert isinstance(message, Result)
    assert (message.seq, message.dropped) == (2, {"shutdown": 2})
    counts = collector.counts(0)["door"]["a"]
    assert (counts.captured, counts.delivered, counts.in_flight) == (5, 1, 0)
    assert counts.dropped == {"shutdown": 4}


def test_counts_are_those_of_all_streams() -> None:
    collector = started()
    for seq in range(2):
        collector.receive(assigned(seq))
        collector.add(arrival(seq, found=Found(detections=[PERSON] * (seq + 1))))
        list(collector.release(now_ns=20 * MS))
    counts = collector.counts(30 * MS)
    assert counts["door"]["a"] == stream_counts(
        2, 2, fps=200.0, latency_ms={"p50": 10.0, "p90": 10.0, "p99": 10.0}, found={"person": 2}
    )
    assert {camera: list(models) for camera, models in counts.items()} == {"door": ["a", "b"], "tape": ["a"]}
    assert counts["door"]["b"].delivered == 0


def test_results_of_a_model_that_runs_after_another_one_come_after_those() -> None:
    collector = started()
    collector.receive(assigned(0))
    collector.receive(assigned(0, model="b"))
    collector.add(arrival(0, model="b", after="a"))
    assert list(collector.release(0)) == []
    collector.add(arrival(0))
    assert [message.model for message, _ in collector.release(0)] == ["a", "b"]
    collector.receive(assigned(1))
    collector.receive(assigned(1, model="b"))
    collector.add(arrival(1, model="b", after="a"))
    assert [message.model for message, _ in collector.close(0)] == ["b"], (
        "the other frame is dropped, and accounted for"
    )
