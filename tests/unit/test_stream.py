"""One camera's frames for one model: which wait, which are assigned, and what the sink receives."""

import pytest

from edge_daemon.dispatcher.outstanding import MAX_UNACKED
from edge_daemon.dispatcher.stream import Stream
from edge_daemon.dispatcher.worker_slot import WorkerSlot
from edge_daemon.messages.accounting import Assigned, Captured, Gap, Lost, StreamState, ToSink
from edge_daemon.messages.fates import POISON
from edge_daemon.runtime.crash_marker import FrameId
from edge_daemon.settings import CameraPlan, ModelPlan

MAX_AGE_NS = 100


def stream(*, live: bool = True) -> Stream:
    made = Stream("c", "m")
    plan = CameraPlan(models=["m"], delivery="live" if live else "lossless", max_age_s=MAX_AGE_NS / 1e9)
    made.configure(plan, ModelPlan())
    made.begin(1)
    return made


def slot(worker: str) -> WorkerSlot:
    return WorkerSlot(worker, "m", f"inbox of {worker}")


def acked(seq: int, *, finished: bool = False, epoch: int = 1) -> StreamState:
    return StreamState(camera="c", model="m", epoch=epoch, resolved=seq, published=seq, finished=finished)


def assigned(seq: int, **dropped: int) -> Assigned:
    return Assigned(camera="c", model="m", epoch=1, seq=seq, dropped=dropped)


def gap(seq: int, *, end: bool = False, **dropped: int) -> Gap:
    return Gap(camera="c", model="m", epoch=1, seq=seq, dropped=dropped, end=end)


def captured(count: int) -> Captured:
    return Captured(camera="c", model="m", epoch=1, count=count)


def lost(seq: int) -> Lost:
    return Lost(camera="c", model="m", epoch=1, seq=seq, reason="worker-lost")


def has_work(frames: Stream, now_ns: int = 0) -> bool:
    frames.expire(now_ns)
    return frames.has_work


def request(frames: Stream, worker: str) -> int:
    """Assign the next frame: the number that the capture is asked for."""
    return frames.assign(slot(worker))[0].seq


def give(frames: Stream, worker: str) -> tuple[int, list[ToSink]]:
    """Assign the next frame, which is sent as requested: its number, and what the sink receives."""
    assert has_work(frames)
    send, reports = frames.assign(slot(worker))
    return send.seq, reports + frames.sent(send.seq, worker, alive=True)


def test_a_sink_that_knows_less_than_the_last_one_changes_nothing() -> None:
    frames = stream()
    frames.acknowledge(acked(7))
    frames.acknowledge(acked(4))
    assert frames.outstanding.resolved == 7


# live


def test_live_keeps_the_newest_and_accounts_for_the_others() -> None:
    frames = stream()
    for seq in (0, 1, 3):
        frames.announce(seq, captured_ns=0, paced=1 if seq == 3 else 0)
    assert give(frames, "w") == (3, [assigned(3, replaced=2, paced=1)])
    assert not has_work(frames)


def test_a_frame_that_arrives_after_the_request_is_sent_instead() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    assert request(frames, "w") == 0
    frames.announce(2, captured_ns=0, paced=1)
    assert not has_work(frames), "one is requested at a time"
    assert frames.sent(2, "w", alive=True) == [assigned(2, replaced=1, paced=1)]
    assert frames.flush() == []


def test_a_frame_that_arrives_after_another_was_sent_waits() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    request(frames, "w")
    frames.announce(1, captured_ns=0)
    assert frames.sent(0, "w", alive=True) == [assigned(0)]
    assert give(frames, "v") == (1, [assigned(1)])


def test_a_sent_frame_is_reported_once() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    assert give(frames, "w") == (0, [assigned(0)])
    assert frames.sent(0, "w", alive=True) == []
    assert frames.sent(0, "stranger", alive=True) == []


def test_a_frame_is_stale_only_past_max_age() -> None:
    frames = stream()
    frames.announce(0, captured_ns=1000)
    assert has_work(frames, 1000 + MAX_AGE_NS)
    assert not has_work(frames, 1001 + MAX_AGE_NS)
    assert frames.flush() == [gap(0, stale=1)]


def test_looking_for_work_drops_nothing() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    assert frames.has_work
    assert frames.has_work
    assert frames.flush() == [captured(1)]


def test_a_requested_frame_is_not_dropped_as_stale() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    request(frames, "w")
    frames.announce(1, captured_ns=0)
    frames.expire(1 + MAX_AGE_NS)
    assert frames.sent(1, "w", alive=True) == [assigned(1, replaced=1)]


def test_a_frame_sent_to_a_worker_that_is_gone_is_lost() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    request(frames, "w")
    assert frames.worker_lost(slot("w")) == [], "it is not known yet which frame that will be"
    assert frames.sent(0, "w", alive=False) == [assigned(0), lost(0)]


def test_only_the_frames_of_the_lost_worker_are_lost() -> None:
    frames = stream()
    for seq, worker in enumerate(["w", "v"]):
        frames.announce(seq, captured_ns=0)
        give(frames, worker)
    assert frames.worker_lost(slot("w")) == [lost(0)]
    assert frames.worker_lost(slot("w")) == [], "once"
    assert frames.worker_lost(slot("v")) == [lost(1)]


def test_frames_that_wait_are_dropped_when_a_live_capture_is_lost() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    request(frames, "w")
    frames.announce(2, captured_ns=0, paced=1)
    assert frames.capture_lost() == [gap(2, shutdown=2, paced=1)]
    assert frames.sent(2, "w", alive=True) == []
    assert not has_work(frames)


def test_a_requested_frame_that_the_capture_no_longer_has_is_replaced() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    request(frames, "w")
    frames.announce(1, captured_ns=0)
    frames.missing(0, "stranger")
    assert not has_work(frames)
    frames.missing(0, "w")
    assert give(frames, "v") == (1, [assigned(1, replaced=1)])


def test_unaccounted_numbers_count_as_lost_with_a_worker() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    frames.announce(5, captured_ns=0, paced=1)
    assert give(frames, "w") == (5, [assigned(5, **{"replaced": 1, "worker-lost": 3, "paced": 1})])


def test_frames_that_the_capture_replaced_before_it_announced_one_count_as_replaced() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    frames.announce(5, captured_ns=0, still=1, replaced=2)
    assert give(frames, "w") == (5, [assigned(5, **{"replaced": 3, "worker-lost": 1, "still": 1})])


def test_drops_before_a_waiting_frame_are_reported_once() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    frames.announce(3, captured_ns=0, paced=2)
    assert frames.flush() == [gap(2, replaced=1, paced=2), captured(4)]
    assert frames.flush() == []
    assert give(frames, "w") == (3, [assigned(3)])


def test_nothing_is_reported_while_a_frame_is_requested() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    request(frames, "w")
    frames.announce(2, captured_ns=0, paced=1)
    assert frames.flush() == []
    assert frames.sent(0, "w", alive=True) == [assigned(0)]
    assert frames.flush() == [gap(1, paced=1), captured(3)]


def test_the_number_of_captured_frames_is_reported_unless_an_assignment_contains_it() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    give(frames, "w")
    assert frames.flush() == [], "the assignment contains it"
    frames.announce(1, captured_ns=0)
    assert frames.flush() == [captured(2)]
    assert frames.flush() == []
    frames.announce(2, captured_ns=0)
    assert frames.flush() == [gap(1, replaced=1), captured(3)]
    assert frames.repeat() == [assigned(0), gap(1, replaced=1)]
    assert frames.flush() == [captured(3)], "a new sink does not know it"


# lossless


def test_lossless_assigns_all_in_order() -> None:
    frames = stream(live=False)
    for seq in (0, 2, 3):
        frames.announce(seq, captured_ns=0, paced=1 if seq == 2 else 0)
    assert give(frames, "w") == (0, [assigned(0)])
    assert give(frames, "v") == (2, [assigned(2, paced=1)])
    assert has_work(frames, 10**18), "nothing becomes stale"
    assert give(frames, "u") == (3, [assigned(3)])
    assert not has_work(frames)


def test_the_frames_of_a_lost_worker_wait_ahead_of_the_others_and_are_not_reported_again() -> None:
    frames = stream(live=False)
    for seq in range(3):
        frames.announce(seq, captured_ns=0)
    give(frames, "w")
    give(frames, "v")
    assert frames.worker_lost(slot("w")) == []
    assert give(frames, "u") == (0, [])
    assert frames.worker_lost(slot("u")) == []
    assert frames.worker_lost(slot("v")) == []
    assert [request(frames, name) for name in "xyz"] == [0, 1, 2]


def test_a_frame_whose_result_arrived_although_its_worker_was_lost_does_not_wait() -> None:
    frames = stream(live=False)
    frames.announce(0, captured_ns=0)
    frames.announce(1, captured_ns=0)
    give(frames, "w")
    frames.worker_lost(slot("w"))
    frames.acknowledge(acked(0))
    assert give(frames, "v") == (1, [assigned(1)])


def test_a_frame_that_the_capture_no_longer_has_is_assigned_when_that_announces_it_again() -> None:
    frames = stream(live=False)
    frames.announce(0, captured_ns=0)
    give(frames, "w")
    frames.missing(0, "stranger")
    frames.announce(0, captured_ns=0)
    assert not has_work(frames), "its worker has it"
    frames.missing(0, "w")
    frames.announce(0, captured_ns=0)
    assert give(frames, "v") == (0, [])


def test_after_a_lost_capture_all_frames_wait_again_that_are_not_known_to_be_served() -> None:
    """It may have reported that a frame is on its way, and been killed before all of it was sent."""
    frames = stream(live=False)
    for seq in range(4):
        frames.announce(seq, captured_ns=0)
    for seq, worker in enumerate("wvu"):
        give(frames, worker)
        if seq == 0:
            frames.served(0, worker)
    assert frames.capture_lost() == []
    assert not has_work(frames), "the frames went with the capture"
    for seq in range(4):
        frames.announce(seq, captured_ns=0)
    assert [give(frames, worker) for worker in "wvu"] == [(1, []), (2, []), (3, [assigned(3)])]
    frames.worker_lost(slot("w"))
    assert [request(frames, worker) for worker in "ts"] == [0, 1]


def test_a_report_about_a_lost_worker_is_not_about_its_successor() -> None:
    """Both have the name `w`: the capture sent the frame to the first, and died before it knew of the second."""
    frames = stream(live=False)
    frames.announce(0, captured_ns=0)
    request(frames, "w")
    frames.worker_lost(slot("w"))
    request(frames, "w")
    frames.sent(0, "w", alive=False)
    frames.capture_lost()
    frames.announce(0, captured_ns=0)
    assert has_work(frames), "nobody has it"


def test_a_worker_has_served_only_what_it_was_assigned() -> None:
    frames = stream()
    for seq, worker in enumerate("wv"):
        frames.announce(seq, captured_ns=0)
        give(frames, worker)
    assert frames.served(1, "w") == frames.served(7, "w") == []
    assert frames.repeat() == [assigned(0), assigned(1)]


def test_the_frame_of_a_worker_that_is_lost_while_the_capture_is_away_is_assigned_to_the_next_one() -> None:
    frames = stream(live=False)
    frames.announce(0, captured_ns=0)
    give(frames, "w")
    frames.capture_lost()
    frames.worker_lost(slot("w"))
    assert not has_work(frames), "nobody could send it"
    frames.announce(0, captured_ns=0)
    assert give(frames, "v") == (0, [])


def test_a_frame_that_waits_again_is_announced_again_and_assigned_once() -> None:
    """A capture that connects again announces all frames that it has."""
    frames = stream(live=False)
    frames.announce(0, captured_ns=0)
    give(frames, "w")
    frames.worker_lost(slot("w"))
    frames.announce(0, captured_ns=0)
    assert give(frames, "v") == (0, [])
    assert not has_work(frames)


def test_a_result_lost_with_the_sink_is_made_again_once_the_next_capture_has_the_frame() -> None:
    frames = stream(live=False)
    frames.announce(0, captured_ns=0)
    give(frames, "w")
    frames.served(0, "w")
    frames.capture_lost()
    assert frames.repeat() == [assigned(0)]
    assert not has_work(frames)
    frames.announce(0, captured_ns=0)
    assert give(frames, "v") == (0, [])


# the end


def test_the_end_is_reported_once_with_the_frames_skipped_before_it() -> None:
    frames = stream(live=False)
    frames.announce(0, captured_ns=0)
    frames.end(3, paced=2)
    assert frames.flush() == [captured(3)], "the end not before what waits"
    give(frames, "w")
    assert frames.flush() == [gap(2, end=True, paced=2)]
    frames.end(3, paced=2)
    assert frames.flush() == []
    frames.acknowledge(acked(2, finished=True))
    assert frames.outstanding.finished
    assert frames.flush() == []


def test_an_empty_source_ends_too() -> None:
    frames = stream(live=False)
    frames.end(0)
    assert frames.flush() == [gap(-1, end=True)]
    frames.acknowledge(acked(-1))
    assert frames.repeat() == [gap(-1, end=True)], "reported, and not acknowledged before it is finished"
    assert not frames.outstanding.finished


def test_the_end_of_another_epoch_is_not_the_end_of_this_one() -> None:
    frames = stream()
    frames.acknowledge(acked(5, finished=True))
    before = frames.outstanding.finished
    frames.begin(2)
    assert (before, frames.outstanding.finished) == (True, False)
    assert frames.outstanding.resolved == -1


# the sink


def test_a_new_sink_receives_all_unacknowledged_reports_and_that_the_old_results_are_lost() -> None:
    frames = stream()
    for seq, worker in enumerate(["w", "v", "u"]):
        frames.announce(seq, captured_ns=0)
        give(frames, worker)
    frames.acknowledge(acked(0))
    frames.served(1, "v")
    assert frames.repeat() == [assigned(1), lost(1), assigned(2)]


def test_a_lossless_result_that_the_sink_took_with_it_is_made_again() -> None:
    frames = stream(live=False)
    for seq in range(2):
        frames.announce(seq, captured_ns=0)
        give(frames, f"w{seq}")
    frames.served(1, "w1")
    assert frames.repeat() == [assigned(0), assigned(1)]
    assert give(frames, "v") == (1, [])
    assert not has_work(frames)
    assert frames.repeat() == [assigned(0), assigned(1)], "the worker that has it now has not served it"
    assert not has_work(frames)


def test_a_sink_that_is_far_behind_receives_no_more() -> None:
    frames = stream(live=False)
    for seq in range(MAX_UNACKED + 1):
        frames.announce(seq, captured_ns=0)
    for seq in range(MAX_UNACKED):
        assert give(frames, f"w{seq}") == (seq, [assigned(seq)])
    assert not has_work(frames)
    frames.acknowledge(acked(0))
    assert has_work(frames)


def test_a_new_dispatcher_goes_on_where_the_sink_is() -> None:
    frames = stream(live=False)
    frames.acknowledge(acked(4, epoch=7))
    frames.resume()
    assert (frames.epoch, frames.backlog.last, frames.outstanding.resolved) == (7, 4, 4)
    for seq in range(3, 6):
        frames.announce(seq, captured_ns=0)
    assert request(frames, "w") == 5
    assert not has_work(frames)


def died(frames: Stream, seq: int, worker: str = "w", *, batch: int = 1, marked: bool = True) -> list[ToSink]:
    """A worker was given frame `seq`, among others of its `batch`, and died of it."""
    its = WorkerSlot(worker, "m", f"inbox of {worker}", batch)
    frames.announce(seq, captured_ns=0)
    send, _ = frames.assign(its)
    frames.sent(send.seq, worker, alive=True)
    its.assigned += [FrameId("other", 1, number) for number in range(batch - 1)]
    return frames.worker_lost(its, FrameId("c", 1, seq) if marked else None)


def test_a_live_frame_that_killed_a_worker_goes_to_another_to_be_set_aside(caplog: pytest.LogCaptureFixture) -> None:
    frames = stream()
    assert died(frames, 0) == []
    assert "w died of frame 0 of c" in caplog.text
    assert has_work(frames)
    send, reports = frames.assign(slot("x"))
    assert (send.seq, send.deaths, reports) == (0, POISON, [])
    frames.served(0, "x", "poison")
    frames.acknowledge(acked(0))
    frames.announce(1, captured_ns=0)
    assert give(frames, "w") == (1, [assigned(1)]), "the first time has no consequence"


@pytest.mark.parametrize("missing", [True, False])
def test_a_frame_that_cannot_be_set_aside_is_lost(missing: bool) -> None:
    frames = stream()
    died(frames, 0)
    assert frames.assign(slot("x"))[0].deaths == POISON
    messages = frames.missing(0, "x") if missing else frames.worker_lost(slot("x"), FrameId("c", 1, 0))
    assert messages == [lost(0)]
    assert not has_work(frames)


def test_a_camera_whose_frames_kill_workers_again_waits_ever_longer() -> None:
    frames, now_s, waits = stream(), 0, []
    for seq in range(5):
        died(frames, seq)
        frames.expire(now_s * 10**9)
        assert frames.assign(slot("x"))[0].deaths == POISON, "it is set aside without delay"
        began_s = now_s
        while True:
            frames.announce(100 * seq + now_s + 10, captured_ns=now_s * 10**9)
            if has_work(frames, now_s * 10**9):
                break
            now_s += 1
        waits.append(now_s - began_s)
        frames = restarted(frames)
    assert waits == [0, 1, 2, 4, 8]


def restarted(frames: Stream) -> Stream:
    """In a new epoch."""
    frames.begin(1)
    return frames


def test_frames_that_may_have_killed_a_worker_are_run_alone_for_a_while() -> None:
    frames = stream()
    assert died(frames, 0, batch=4, marked=False) == [lost(0)], "it may have been another camera's"
    frames.announce(1, captured_ns=0)
    assert has_work(frames)
    assert frames.is_suspect
    batch = WorkerSlot("x", "m", "inbox of x", 4)
    frames.assign(batch)
    assert not batch.has_credit()
    frames.expire(61 * 10**9)
    assert not frames.is_suspect


def test_undecodable_frames_are_counted_as_such() -> None:
    frames = stream()
    frames.announce(5, captured_ns=0, paced=1, still=1, undecodable=2, replaced=1)
    assert give(frames, "w") == (5, [assigned(5, undecodable=2, still=1, replaced=1, paced=1)])
    file = stream(live=False)
    file.announce(3, captured_ns=0, undecodable=2)
    assert give(file, "w") == (3, [assigned(3, undecodable=2, paced=1)])
