"""The account of one camera and model: order, gaps, deadlines, epochs."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.messages.accounting import Assigned, Captured, Gap, Lost, StreamState
from edge_daemon.messages.frames import Frame
from edge_daemon.messages.outcomes import Outcome
from edge_daemon.sink.reorder_buffer import STASH, Arrival, Delivery, EndOfSource, ReorderBuffer

WAIT_NS = 100


def ledger(*, live: bool = True) -> ReorderBuffer:
    return ReorderBuffer("c", "m", reorder_wait_ns=WAIT_NS if live else None)


def turn(seq: int, epoch: int = 1, **dropped: int) -> Assigned:
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


def released(books: ReorderBuffer, now_ns: int = 0) -> list[tuple[int, dict[str, int]] | str]:
    return [
        "end" if isinstance(item, EndOfSource) else (item.arrival.outcome.frame.seq, dict(item.dropped))
        for item in books.release(now_ns)
    ]


def test_results_come_out_in_order_with_their_gaps() -> None:
    books = ledger()
    books.tell(turn(0))
    books.tell(turn(3, replaced=2))
    books.arrived(outcome(3))
    assert released(books) == []
    books.arrived(outcome(0))
    assert released(books) == [(0, {}), (3, {"replaced": 2})]
    assert (books.captured, books.delivered, books.in_flight) == (4, 2, 0)


def test_an_outcome_may_come_before_its_turn() -> None:
    books = ledger()
    assert not books.arrived(outcome(1)), "somebody has to listen for its turn"
    books.tell(turn(1, paced=1))
    assert released(books) == [(1, {"paced": 1})]
    assert books.arrived(outcome(1)), "it had its turn"
    books.tell(turn(2))
    assert books.arrived(outcome(2))


def test_outcomes_of_no_turn_are_not_kept_for_ever() -> None:
    books = ledger()
    for seq in range(10 * STASH):
        books.arrived(outcome(seq))
    books.tell(turn(0))
    assert released(books) == [], "the oldest was let go"
    books.tell(turn(10 * STASH - 1))
    books.tell(Lost(camera="c", model="m", epoch=1, seq=0, reason="worker-lost"))
    assert released(books) == [(10 * STASH - 1, {"worker-lost": 1})]


def test_outcomes_that_found_their_turn_take_no_room_from_those_that_wait() -> None:
    books = ledger()
    books.arrived(outcome(1000))
    for seq in range(2 * STASH):
        books.arrived(outcome(seq))
        books.tell(turn(seq))
        books.arrived(outcome(seq))
        assert released(books) == [(seq, {})]
        books.arrived(outcome(seq))
    books.tell(turn(1000, paced=1000 - 2 * STASH))
    assert released(books) == [(1000, {"paced": 1000 - 2 * STASH})]


def test_the_first_outcome_of_a_frame_counts() -> None:
    books = ledger()
    for seq in range(2):
        books.tell(turn(seq))
    books.arrived(outcome(1, at_ns=0))
    books.arrived(outcome(1, at_ns=WAIT_NS, failed=True))
    assert released(books, WAIT_NS + 1) == [(1, {"late": 1})]


def test_what_was_dropped_is_told_once() -> None:
    books = ledger()
    for seq in (2, 3):
        books.tell(turn(seq, replaced=2 if seq == 2 else 0))
        books.arrived(outcome(seq))
    assert released(books) == [(2, {"replaced": 2}), (3, {})]


def test_frames_once_known_stay_known() -> None:
    books = ledger()
    for count in (5, 3):
        books.tell(Captured(camera="c", model="m", epoch=1, count=count))
    assert (books.captured, books.in_flight) == (5, 5)
    books.tell(Captured(camera="c", model="m", epoch=0, count=9))
    assert books.captured == 5 + 9, "also those of the epoch that is being released"


def test_a_frame_that_fails_or_is_lost_is_in_the_next_gap() -> None:
    books = ledger()
    for seq in range(3):
        books.tell(turn(seq))
    books.arrived(outcome(0, failed=True))
    books.tell(Lost(camera="c", model="m", epoch=1, seq=1, reason="worker-lost"))
    books.arrived(outcome(2))
    assert released(books) == [(2, {"model-error": 1, "worker-lost": 1})]


def test_a_result_wins_over_the_loss_of_its_worker() -> None:
    books = ledger()
    books.tell(turn(0))
    books.arrived(outcome(0))
    books.tell(Lost(camera="c", model="m", epoch=1, seq=0, reason="worker-lost"))
    assert released(books) == [(0, {})]


def test_live_waits_for_an_overtaken_frame_only_so_long() -> None:
    books = ledger()
    books.tell(turn(0))
    books.tell(turn(1))
    books.arrived(outcome(1, at_ns=1000))
    assert released(books, 1000 + WAIT_NS) == []
    assert released(books, 1001 + WAIT_NS) == [(1, {"late": 1})]
    books.arrived(outcome(0, at_ns=2000))
    assert released(books, 9999) == []
    assert books.dropped == {"late": 1}


def test_a_frame_that_nobody_overtakes_is_waited_for() -> None:
    books = ledger()
    books.tell(turn(0))
    assert released(books, 10**12) == []
    assert books.in_flight == 1


def test_lossless_waits_for_ever() -> None:
    books = ledger(live=False)
    books.tell(turn(0))
    books.tell(turn(1))
    books.arrived(outcome(1))
    assert released(books, 10**15) == []


def test_the_end_comes_last_and_once() -> None:
    books = ledger()
    books.tell(turn(0))
    books.tell(gap(2, end=True, paced=2))
    assert released(books) == []
    books.arrived(outcome(0))
    assert released(books) == [(0, {}), "end"]
    assert books.state.finished
    books.tell(gap(2, end=True))
    assert released(books) == []


def test_a_new_epoch_counts_from_the_start_and_totals_go_on() -> None:
    books = ledger()
    books.tell(turn(5, replaced=5))
    books.arrived(outcome(5))
    assert released(books) == [(5, {"replaced": 5})]
    books.tell(gap(7, shutdown=2))
    books.tell(turn(1, epoch=2, stale=1))
    books.arrived(outcome(1, epoch=2))
    assert released(books) == [(1, {"stale": 1})], "not what was dropped in the epoch before"
    assert books.captured == 10
    assert books.dropped == {"replaced": 5, "shutdown": 2, "stale": 1}


def test_frames_of_an_epoch_that_nobody_accounts_for_went_down_with_a_process() -> None:
    books = ledger()
    books.tell(turn(0))
    books.arrived(outcome(0))
    released(books)
    books.tell(Captured(camera="c", model="m", epoch=1, count=4))
    books.tell(turn(0, epoch=2))
    books.arrived(outcome(0, epoch=2))
    assert released(books) == [(0, {})]
    assert books.dropped == {"worker-lost": 3}
    assert books.in_flight == 0


def test_a_successor_goes_on_from_the_state() -> None:
    books = ledger()
    for seq in range(3):
        books.tell(turn(seq))
    books.arrived(outcome(0))
    books.tell(Lost(camera="c", model="m", epoch=1, seq=1, reason="worker-lost"))
    assert released(books) == [(0, {})]
    successor = ledger()
    successor.arrived(outcome(2))
    successor.arrived(outcome(0))
    successor.start(books.state)
    successor.tell(turn(2))
    assert released(successor) == [(2, {"worker-lost": 1})], "the outcome that came before the start counts"
    assert (successor.captured, successor.delivered) == (3, 2)


@given(st.data())
def test_the_books_balance_whatever_comes(data: st.DataObject) -> None:
    books = ledger(live=data.draw(st.booleans()))
    deliveries: list[Delivery] = []
    seq, now = -1, 0
    turns: list[int] = []
    for _ in range(data.draw(st.integers(0, 30))):
        now += data.draw(st.integers(0, 60))
        match data.draw(st.sampled_from(["turn", "gap", "arrive", "lose", "captured"])):
            case "turn":
                skipped = data.draw(st.integers(0, 3))
                seq += skipped + 1
                turns.append(seq)
                books.tell(turn(seq, replaced=skipped))
            case "gap":
                skipped = data.draw(st.integers(1, 3))
                seq += skipped
                books.tell(gap(seq, stale=skipped))
            case "arrive" if turns:
                number = data.draw(st.sampled_from(turns))
                books.arrived(outcome(number, at_ns=now, failed=data.draw(st.booleans())))
            case "lose" if turns:
                number = data.draw(st.sampled_from(turns))
                books.tell(Lost(camera="c", model="m", epoch=1, seq=number, reason="worker-lost"))
            case "captured":
                books.tell(Captured(camera="c", model="m", epoch=1, count=seq + 1 + data.draw(st.integers(0, 1))))
        deliveries += [item for item in books.release(now) if isinstance(item, Delivery)]
        assert books.captured == books.delivered + books.dropped.total() + books.in_flight
        assert 0 <= books.in_flight <= len(turns) + 1
    deliveries += [item for item in books.close() if isinstance(item, Delivery)]
    assert books.in_flight == 0
    last = -1
    for delivery in deliveries:
        number = delivery.arrival.outcome.frame.seq
        assert number > last
        assert number - last - 1 == delivery.dropped.total()
        last = number
    assert Counter(books.state.dropped) == books.dropped


def test_an_unused_ledger_has_an_empty_state() -> None:
    assert ledger().state == StreamState(camera="c", model="m", epoch=0)
