"""The results of one camera and model: order, gaps, deadlines, epochs."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.messages.accounting import Assigned, Captured, Gap, Lost, StreamState
from edge_daemon.messages.frames import Frame
from edge_daemon.messages.outcomes import Outcome
from edge_daemon.sink.reorder_buffer import EARLY, Arrival, Delivery, EndOfSource, ReorderBuffer

WAIT_NS = 100


def empty(*, live: bool = True) -> ReorderBuffer:
    return ReorderBuffer("c", "m", reorder_wait_ns=WAIT_NS if live else None)


def assigned(seq: int, epoch: int = 1, **dropped: int) -> Assigned:
    return Assigned(camera="c", model="m", epoch=epoch, seq=seq, dropped=dropped)


def gap(seq: int, epoch: int = 1, *, end: bool = False, **dropped: int) -> Gap:
    return Gap(camera="c", model="m", epoch=epoch, seq=seq, dropped=dropped, end=end)


def outcome(seq: int, epoch: int = 1, *, at_ns: int = 0, failed: bool = False) -> Arrival:
    frame = Frame(
        camera="c",
        epoch=epoch,
        seq=seq,
        captured_ns=0,
        captured_at="",
        width=1,
        height=1,
        codec="raw",
    )
    return Arrival(Outcome(frame=frame, model="m", worker="w", failed="model-error" if failed else None), None, at_ns)


def released(buffer: ReorderBuffer, now_ns: int = 0) -> list[tuple[int, dict[str, int]] | str]:
    return [
        "end" if isinstance(item, EndOfSource) else (item.arrival.outcome.frame.seq, dict(item.dropped))
        for item in buffer.release(now_ns)
    ]


def test_results_come_out_in_order_with_their_gaps() -> None:
    buffer = empty()
    buffer.receive(assigned(0))
    buffer.receive(assigned(3, replaced=2))
    buffer.add(outcome(3))
    assert released(buffer) == []
    buffer.add(outcome(0))
    assert released(buffer) == [(0, {}), (3, {"replaced": 2})]
    assert (buffer.captured, buffer.delivered, buffer.in_flight) == (4, 2, 0)


def test_an_outcome_may_arrive_before_its_assignment() -> None:
    buffer = empty()
    assert not buffer.add(outcome(1)), "its assignment is needed"
    buffer.receive(assigned(1, paced=1))
    assert released(buffer) == [(1, {"paced": 1})]
    assert buffer.add(outcome(1)), "it is accounted for"
    buffer.receive(assigned(2))
    assert buffer.add(outcome(2))


def test_outcomes_without_an_assignment_are_not_kept_without_limit() -> None:
    buffer = empty()
    for seq in range(10 * EARLY):
        buffer.add(outcome(seq))
    buffer.receive(assigned(0))
    assert released(buffer) == [], "the oldest was removed"
    buffer.receive(assigned(10 * EARLY - 1))
    buffer.receive(Lost(camera="c", model="m", epoch=1, seq=0, reason="worker-lost"))
    assert released(buffer) == [(10 * EARLY - 1, {"worker-lost": 1})]


def test_settled_outcomes_take_no_room_from_those_that_wait() -> None:
    buffer = empty()
    buffer.add(outcome(1000))
    for seq in range(2 * EARLY):
        buffer.add(outcome(seq))
        buffer.receive(assigned(seq))
        buffer.add(outcome(seq))
        assert released(buffer) == [(seq, {})]
        buffer.add(outcome(seq))
    buffer.receive(assigned(1000, paced=1000 - 2 * EARLY))
    assert released(buffer) == [(1000, {"paced": 1000 - 2 * EARLY})]


def test_the_first_outcome_of_a_frame_counts() -> None:
    buffer = empty()
    for seq in range(2):
        buffer.receive(assigned(seq))
    buffer.add(outcome(1, at_ns=0))
    buffer.add(outcome(1, at_ns=WAIT_NS, failed=True))
    assert released(buffer, WAIT_NS + 1) == [(1, {"late": 1})]


def test_a_drop_is_reported_once() -> None:
    buffer = empty()
    for seq in (2, 3):
        buffer.receive(assigned(seq, replaced=2 if seq == 2 else 0))
        buffer.add(outcome(seq))
    assert released(buffer) == [(2, {"replaced": 2}), (3, {})]


def test_frames_once_known_stay_known() -> None:
    buffer = empty()
    for count in (5, 3):
        buffer.receive(Captured(camera="c", model="m", epoch=1, count=count))
    assert (buffer.captured, buffer.in_flight) == (5, 5)
    buffer.receive(Captured(camera="c", model="m", epoch=0, count=9))
    assert buffer.captured == 5 + 9, "also those of the epoch that is being released"


def test_a_frame_that_fails_or_is_lost_is_in_the_next_gap() -> None:
    buffer = empty()
    for seq in range(3):
        buffer.receive(assigned(seq))
    buffer.add(outcome(0, failed=True))
    buffer.receive(Lost(camera="c", model="m", epoch=1, seq=1, reason="worker-lost"))
    buffer.add(outcome(2))
    assert released(buffer) == [(2, {"model-error": 1, "worker-lost": 1})]


def test_a_result_wins_over_the_loss_of_its_worker() -> None:
    buffer = empty()
    buffer.receive(assigned(0))
    buffer.add(outcome(0))
    buffer.receive(Lost(camera="c", model="m", epoch=1, seq=0, reason="worker-lost"))
    assert released(buffer) == [(0, {})]


def test_live_waits_for_an_overtaken_frame_up_to_a_deadline() -> None:
    buffer = empty()
    buffer.receive(assigned(0))
    buffer.receive(assigned(1))
    buffer.add(outcome(1, at_ns=1000))
    assert released(buffer, 1000 + WAIT_NS) == []
    assert released(buffer, 1001 + WAIT_NS) == [(1, {"late": 1})]
    buffer.add(outcome(0, at_ns=2000))
    assert released(buffer, 9999) == []
    assert buffer.dropped == {"late": 1}


def test_a_frame_that_is_not_overtaken_is_waited_for() -> None:
    buffer = empty()
    buffer.receive(assigned(0))
    assert released(buffer, 10**12) == []
    assert buffer.in_flight == 1


def test_lossless_waits_without_limit() -> None:
    buffer = empty(live=False)
    buffer.receive(assigned(0))
    buffer.receive(assigned(1))
    buffer.add(outcome(1))
    assert released(buffer, 10**15) == []


def test_the_end_comes_last_and_once() -> None:
    buffer = empty()
    buffer.receive(assigned(0))
    buffer.receive(gap(2, end=True, paced=2))
    assert released(buffer) == []
    buffer.add(outcome(0))
    assert released(buffer) == [(0, {}), "end"]
    assert buffer.state.finished
    buffer.receive(gap(2, end=True))
    assert released(buffer) == []


def test_a_new_epoch_counts_from_the_start_and_totals_go_on() -> None:
    buffer = empty()
    buffer.receive(assigned(5, replaced=5))
    buffer.add(outcome(5))
    assert released(buffer) == [(5, {"replaced": 5})]
    buffer.receive(gap(7, shutdown=2))
    buffer.receive(assigned(1, epoch=2, stale=1))
    buffer.add(outcome(1, epoch=2))
    assert released(buffer) == [(1, {"stale": 1})], "not what was dropped in the epoch before"
    assert buffer.captured == 10
    assert buffer.dropped == {"replaced": 5, "shutdown": 2, "stale": 1}


def test_frames_of_an_earlier_epoch_without_a_fate_are_lost() -> None:
    buffer = empty()
    buffer.receive(assigned(0))
    buffer.add(outcome(0))
    released(buffer)
    buffer.receive(Captured(camera="c", model="m", epoch=1, count=4))
    buffer.receive(assigned(0, epoch=2))
    buffer.add(outcome(0, epoch=2))
    assert released(buffer) == [(0, {})]
    assert buffer.dropped == {"worker-lost": 3}
    assert buffer.in_flight == 0


def test_a_successor_goes_on_from_the_state() -> None:
    buffer = empty()
    for seq in range(3):
        buffer.receive(assigned(seq))
    buffer.add(outcome(0))
    buffer.receive(Lost(camera="c", model="m", epoch=1, seq=1, reason="worker-lost"))
    assert released(buffer) == [(0, {})]
    successor = empty()
    successor.add(outcome(2))
    successor.add(outcome(0))
    successor.start(buffer.state)
    successor.receive(assigned(2))
    assert released(successor) == [(2, {"worker-lost": 1})], "the outcome that came before the start counts"
    assert (successor.captured, successor.delivered) == (3, 2)


@given(st.data())
def test_every_frame_is_accounted_for_whatever_arrives(data: st.DataObject) -> None:
    buffer = empty(live=data.draw(st.booleans()))
    deliveries: list[Delivery] = []
    seq, now = -1, 0
    assigned_seqs: list[int] = []
    for _ in range(data.draw(st.integers(0, 30))):
        now += data.draw(st.integers(0, 60))
        match data.draw(st.sampled_from(["assign", "gap", "arrive", "lose", "captured"])):
            case "assign":
                skipped = data.draw(st.integers(0, 3))
                seq += skipped + 1
                assigned_seqs.append(seq)
                buffer.receive(assigned(seq, replaced=skipped))
            case "gap":
                skipped = data.draw(st.integers(1, 3))
                seq += skipped
                buffer.receive(gap(seq, stale=skipped))
            case "arrive" if assigned_seqs:
                number = data.draw(st.sampled_from(assigned_seqs))
                buffer.add(outcome(number, at_ns=now, failed=data.draw(st.booleans())))
            case "lose" if assigned_seqs:
                number = data.draw(st.sampled_from(assigned_seqs))
                buffer.receive(Lost(camera="c", model="m", epoch=1, seq=number, reason="worker-lost"))
            case "captured":
                buffer.receive(Captured(camera="c", model="m", epoch=1, count=seq + 1 + data.draw(st.integers(0, 1))))
        deliveries += [item for item in buffer.release(now) if isinstance(item, Delivery)]
        assert buffer.captured == buffer.delivered + buffer.dropped.total() + buffer.in_flight
        assert 0 <= buffer.in_flight <= len(assigned_seqs) + 1
    deliveries += [item for item in buffer.close() if isinstance(item, Delivery)]
    assert buffer.in_flight == 0
    last = -1
    for delivery in deliveries:
        number = delivery.arrival.outcome.frame.seq
        assert number > last
        assert number - last - 1 == delivery.dropped.total()
        last = number
    assert Counter(buffer.state.dropped) == buffer.dropped


def test_an_unused_buffer_has_an_empty_state() -> None:
    assert empty().state == StreamState(camera="c", model="m", epoch=0)
