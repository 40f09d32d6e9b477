"""A model that comes after another: which frames it gets, and which objects in them."""

from collections import Counter

import pytest

from edge_daemon.dispatcher.backlog import Pending
from edge_daemon.dispatcher.cascade import MAX_EARLY, CascadeStream
from edge_daemon.dispatcher.outstanding import Report
from edge_daemon.dispatcher.stream import Stream
from edge_daemon.dispatcher.worker_slot import WorkerSlot
from edge_daemon.messages.accounting import Assigned, Gap, StreamState, ToSink
from edge_daemon.messages.frames import Crop
from edge_daemon.settings import CameraPlan, ModelPlan

PERSON = Crop(index=0, xyxy=(0, 0, 1, 1), confidence=0.5, class_id=0, class_name="person")
SURE = Crop(index=1, xyxy=(0, 0, 1, 1), confidence=0.9, class_id=0, class_name="person")
CAT = Crop(index=2, xyxy=(0, 0, 1, 1), confidence=0.8, class_id=1, class_name="cat")


def streams(*, live: bool = True, model: ModelPlan | None = None) -> tuple[Stream, CascadeStream]:
    """Streams of a model and of one that comes after it."""
    plan = CameraPlan(models=["p", "f"], delivery="live" if live else "lossless", max_age_s=1.0)
    parent = Stream("c", "p")
    follower = CascadeStream("c", "f", parent)
    for one in (parent, follower):
        one.configure(plan, model or ModelPlan())
        one.begin(1)
    return parent, follower


def announce(seq: int, *to: Stream) -> None:
    for stream in to:
        stream.announce(seq, captured_ns=0)


def give(stream: Stream, worker: str = "w") -> tuple[int, list[Crop] | None, list[ToSink]]:
    """Assign the next frame, which is sent: its number, the objects to look at, and what the sink receives."""
    assert stream.has_work
    send, reports = stream.assign(WorkerSlot(worker, stream.model, "inbox"))
    return send.seq, send.crops, reports + stream.sent(send.seq, worker, alive=True)


def assigned(seq: int, **dropped: int) -> Assigned:
    return Assigned(camera="c", model="f", epoch=1, seq=seq, dropped=dropped)


@pytest.mark.parametrize(
    ("model", "crops"),
    [
        (ModelPlan(), [SURE, CAT, PERSON]),
        (ModelPlan(max_crops=1), [SURE]),
        (ModelPlan(classes=["cat"]), [CAT]),
        (ModelPlan(classes=["dog"]), []),
    ],
)
def test_it_looks_at_the_objects_of_its_classes_with_the_highest_confidence(
    model: ModelPlan, crops: list[Crop]
) -> None:
    parent, follower = streams(model=model)
    announce(0, parent, follower)
    assert not follower.has_work
    give(parent)
    assert not follower.has_work, "nothing is found yet"
    parent.served(0, "w", [PERSON, SURE, CAT])
    assert give(follower) == (0, crops, [assigned(0)])


def test_findings_may_arrive_before_the_frame_is_known_to_be_assigned() -> None:
    parent, follower = streams()
    announce(0, parent, follower)
    parent.assign(WorkerSlot("w", "p", "inbox"))
    parent.served(2, "w", [SURE])
    assert not follower.has_work
    announce(2, parent, follower)
    parent.sent(2, "w", alive=True)
    assert give(follower) == (2, [SURE], [assigned(2, **{"replaced": 1, "worker-lost": 1})])


def test_findings_of_frames_that_are_never_assigned_are_not_kept_for_ever() -> None:
    parent, follower = streams()
    for seq in range(1, 2 * MAX_EARLY):
        parent.served(seq, "w", [SURE])
    announce(1, parent)
    give(parent)
    assert not follower.has_work, "those of the first frames are forgotten"


@pytest.mark.parametrize("live", [True, False])
def test_a_frame_on_which_the_parent_model_fails_is_dropped(live: bool) -> None:
    parent, follower = streams(live=live)
    announce(0, parent, follower)
    give(parent)
    parent.served(0, "w", "model-error")
    assert follower.flush()[0] == Gap(camera="c", model="f", epoch=1, seq=0, dropped={"model-error": 1})


def test_in_live_a_newer_frame_with_findings_replaces_the_older_ones() -> None:
    parent, follower = streams()
    for seq, worker in enumerate("wv"):
        announce(seq, parent, follower)
        give(parent, worker)
    parent.served(1, "v", [SURE])
    assert give(follower) == (1, [SURE], [assigned(1, replaced=1)])


def test_in_lossless_a_frame_waits_until_the_capture_has_it() -> None:
    parent, follower = streams(live=False)
    announce(0, parent, follower)
    give(parent)
    parent.served(0, "w", [SURE])
    follower.capture_lost()
    assert not follower.has_work
    announce(0, follower)
    assert give(follower) == (0, [SURE], [assigned(0)])


def test_in_lossless_the_parent_is_assigned_a_frame_again_until_the_findings_have_arrived() -> None:
    parent, follower = streams(live=False)
    announce(0, parent, follower)
    give(parent)
    parent.acknowledge(StreamState(camera="c", model="p", epoch=1, resolved=0, published=0))
    parent.worker_lost(WorkerSlot("w", "p", "inbox"))
    assert give(parent, "v") == (0, None, []), "its result is with the sink already"
    parent.served(0, "v", [SURE])
    assert not parent.is_waiting
    assert give(follower) == (0, [SURE], [assigned(0)])


def test_it_does_not_expire_what_its_parent_has_seen_in_time() -> None:
    parent, follower = streams()
    announce(0, parent, follower)
    give(parent)
    parent.served(0, "w", [SURE])
    follower.expire(10**18)
    assert follower.has_work


def test_a_new_dispatcher_begins_with_the_frame_that_a_follower_needs() -> None:
    parent, follower = streams(live=False)
    for one, resolved in ((parent, 7), (follower, 4)):
        one.acknowledge(StreamState(camera="c", model=one.model, epoch=3, resolved=resolved, published=resolved))
    for one in (parent, follower):
        one.resume()
    assert [one.backlog.last for one in (parent, follower)] == [4, 4]
    announce(5, parent, follower)
    assert give(parent) == (5, None, []), "the sink has its result"


def test_the_end_reaches_a_follower_although_the_sink_knows_of_the_end_of_the_parent() -> None:
    parent, follower = streams(live=False)
    for one in (parent, follower):
        state = StreamState(camera="c", model=one.model, epoch=3, resolved=0, published=0, finished=one is parent)
        one.acknowledge(state)
    for one in (parent, follower):
        one.resume()
        one.end(1)
    assert parent.flush() == []
    assert follower.flush() == [Gap(camera="c", model="f", epoch=3, seq=0, dropped={}, end=True)]


def test_a_report_that_is_repeated_adds_no_frame() -> None:
    parent, follower = streams(live=False)
    for seq in (0, 1):
        announce(seq, parent, follower)
        give(parent)
        parent.served(seq, "w", [SURE])
    for _ in range(2):
        follower.parent_reported(1, Report(0, Counter(), Pending(0, 0, Counter())))
    assert [give(follower)[0] for _ in range(2)] == [0, 1]
    assert not follower.has_work
    assert follower.backlog.last == 1


def test_a_stream_that_leaves_receives_no_more() -> None:
    parent, follower = streams()
    follower.leave()
    announce(0, parent, follower)
    give(parent)
    parent.served(0, "w", [SURE])
    assert not follower.is_waiting
