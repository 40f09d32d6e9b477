"""One camera's frames on their way to one model: what waits, what is given, what is told."""

from edge_daemon.dispatcher.outstanding import MAX_UNACKED, Stream
from edge_daemon.messages.accounting import Assigned, Captured, Gap, Lost, StreamState, ToSink

MAX_AGE_NS = 100


def stream(*, live: bool = True) -> Stream:
    made = Stream("c", "m", live=live, max_age_ns=MAX_AGE_NS)
    made.begin(1)
    return made


def settled(seq: int, *, finished: bool = False, epoch: int = 1) -> StreamState:
    return StreamState(camera="c", model="m", epoch=epoch, resolved=seq, published=seq, finished=finished)


def turn(seq: int, **dropped: int) -> Assigned:
    return Assigned(camera="c", model="m", epoch=1, seq=seq, dropped=dropped)


def gap(seq: int, *, end: bool = False, **dropped: int) -> Gap:
    return Gap(camera="c", model="m", epoch=1, seq=seq, dropped=dropped, end=end)


def captured(count: int) -> Captured:
    return Captured(camera="c", model="m", epoch=1, count=count)


def lost(seq: int) -> Lost:
    return Lost(camera="c", model="m", epoch=1, seq=seq, reason="worker-lost")


def give(frames: Stream, worker: str) -> tuple[int, list[ToSink]]:
    """`worker` asks and is sent exactly what it asked for: the frame's number, and what the sink is told."""
    assert frames.has_turn(0)
    frame, told = frames.ask(worker)
    return frame.seq, told + frames.sent(frame.seq, worker, alive=True)


def test_a_sink_that_knows_less_than_the_last_one_changes_nothing() -> None:
    frames = stream()
    frames.settle(settled(7))
    frames.settle(settled(4))
    assert frames.resolved == 7


# live


def test_live_keeps_the_newest_and_accounts_for_the_others() -> None:
    frames = stream()
    for seq in (0, 1, 3):
        frames.announce(seq, captured_ns=0, paced=1 if seq == 3 else 0)
    assert give(frames, "w") == (3, [turn(3, replaced=2, paced=1)])
    assert not frames.has_turn(0)


def test_a_frame_that_came_after_the_asking_is_the_one_that_is_sent() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    assert frames.ask("w")[0].seq == 0
    frames.announce(2, captured_ns=0, paced=1)
    assert not frames.has_turn(0), "one is asked for at a time"
    assert frames.sent(2, "w", alive=True) == [turn(2, replaced=1, paced=1)]
    assert frames.flush() == []


def test_a_frame_that_came_after_the_sending_waits_on() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    frames.ask("w")
    frames.announce(1, captured_ns=0)
    assert frames.sent(0, "w", alive=True) == [turn(0)]
    assert give(frames, "v") == (1, [turn(1)])


def test_nobody_is_told_twice_of_one_sending() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    assert give(frames, "w") == (0, [turn(0)])
    assert frames.sent(0, "w", alive=True) == []
    assert frames.sent(0, "stranger", alive=True) == []


def test_a_frame_is_stale_only_past_max_age() -> None:
    frames = stream()
    frames.announce(0, captured_ns=1000)
    assert frames.has_turn(1000 + MAX_AGE_NS)
    assert not frames.has_turn(1001 + MAX_AGE_NS)
    assert frames.flush() == [gap(0, stale=1)]


def test_a_worker_that_is_gone_when_the_frame_is_sent_loses_it() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    frames.ask("w")
    assert frames.worker_lost("w") == [], "it is not known yet which frame that will be"
    assert frames.sent(0, "w", alive=False) == [turn(0), lost(0)]


def test_only_what_the_lost_worker_had_is_lost() -> None:
    frames = stream()
    for seq, worker in enumerate(["w", "v"]):
        frames.announce(seq, captured_ns=0)
        give(frames, worker)
    assert frames.worker_lost("w") == [lost(0)]
    assert frames.worker_lost("w") == [], "once"
    assert frames.worker_lost("v") == [lost(1)]


def test_a_live_capture_that_is_lost_takes_what_waits_with_it() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    frames.ask("w")
    frames.announce(2, captured_ns=0, paced=1)
    assert frames.capture_lost() == [gap(2, shutdown=2, paced=1)]
    assert frames.sent(2, "w", alive=True) == []
    assert not frames.has_turn(0)


def test_numbers_that_nobody_accounts_for_were_lost() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    frames.announce(5, captured_ns=0, paced=1)
    assert give(frames, "w") == (5, [turn(5, **{"replaced": 1, "worker-lost": 3, "paced": 1})])


def test_frames_that_their_capture_replaced_before_it_told_of_them_are_so_counted() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    frames.announce(5, captured_ns=0, still=1, replaced=2)
    assert give(frames, "w") == (5, [turn(5, **{"replaced": 3, "worker-lost": 1, "still": 1})])


def test_drops_before_a_waiting_frame_are_told_without_a_turn_and_once() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    frames.announce(3, captured_ns=0, paced=2)
    assert frames.flush() == [gap(2, replaced=1, paced=2), captured(4)]
    assert frames.flush() == []
    assert give(frames, "w") == (3, [turn(3)])


def test_nothing_is_told_out_of_turn_while_a_frame_is_asked_for() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    frames.ask("w")
    frames.announce(2, captured_ns=0, paced=1)
    assert frames.flush() == []
    assert frames.sent(0, "w", alive=True) == [turn(0)]
    assert frames.flush() == [gap(1, paced=1), captured(3)]


def test_how_many_were_captured_is_told_where_no_turn_tells_it() -> None:
    frames = stream()
    frames.announce(0, captured_ns=0)
    give(frames, "w")
    assert frames.flush() == [], "the turn has told it"
    frames.announce(1, captured_ns=0)
    assert frames.flush() == [captured(2)]
    assert frames.flush() == []
    frames.announce(2, captured_ns=0)
    assert frames.flush() == [gap(1, replaced=1), captured(3)]
    assert frames.tell_again() == [turn(0), gap(1, replaced=1)]
    assert frames.flush() == [captured(3)], "a new sink does not know it"


# lossless


def test_lossless_gives_all_in_order() -> None:
    frames = stream(live=False)
    for seq in (0, 2, 3):
        frames.announce(seq, captured_ns=0, paced=1 if seq == 2 else 0)
    assert give(frames, "w") == (0, [turn(0)])
    assert give(frames, "v") == (2, [turn(2, paced=1)])
    assert frames.has_turn(10**18), "nothing gets old"
    assert give(frames, "u") == (3, [turn(3)])
    assert not frames.has_turn(0)


def test_a_lost_worker_s_frame_waits_ahead_of_the_others_and_is_not_told_again() -> None:
    frames = stream(live=False)
    for seq in range(3):
        frames.announce(seq, captured_ns=0)
    give(frames, "w")
    give(frames, "v")
    assert frames.worker_lost("w") == []
    assert give(frames, "u") == (0, [])
    assert frames.worker_lost("u") == []
    assert frames.worker_lost("v") == []
    assert [frames.ask(name)[0].seq for name in "xyz"] == [0, 1, 2]


def test_a_frame_whose_result_came_although_its_worker_was_lost_waits_no_more() -> None:
    frames = stream(live=False)
    frames.announce(0, captured_ns=0)
    frames.announce(1, captured_ns=0)
    give(frames, "w")
    frames.worker_lost("w")
    frames.settle(settled(0))
    assert give(frames, "v") == (1, [turn(1)])


def test_a_lost_capture_offers_again_all_that_is_not_known_to_be_served() -> None:
    """It may have said that a frame is on its way, and been killed before all of it had left."""
    frames = stream(live=False)
    for seq in range(4):
        frames.announce(seq, captured_ns=0)
    for seq, worker in enumerate("wvu"):
        give(frames, worker)
        if seq == 0:
            frames.served(worker, 0)
    assert frames.capture_lost() == []
    assert not frames.has_turn(0), "the frames went with the capture"
    for seq in range(4):
        frames.announce(seq, captured_ns=0)
    assert [give(frames, worker) for worker in "wvu"] == [(1, []), (2, []), (3, [turn(3)])]
    frames.worker_lost("w")
    assert [frames.ask(worker)[0].seq for worker in "ts"] == [0, 1]


def test_a_word_about_a_lost_worker_s_frame_says_nothing_about_its_successor() -> None:
    """Both have the name `w`: the capture sent the frame to the first, then died before it heard of the second."""
    frames = stream(live=False)
    frames.announce(0, captured_ns=0)
    frames.ask("w")
    frames.worker_lost("w")
    frames.ask("w")
    frames.sent(0, "w", alive=False)
    frames.capture_lost()
    frames.announce(0, captured_ns=0)
    assert frames.has_turn(0), "nobody has it"


def test_a_worker_has_served_only_what_it_was_given() -> None:
    frames = stream()
    for seq, worker in enumerate("wv"):
        frames.announce(seq, captured_ns=0)
        give(frames, worker)
    frames.served("w", 1)
    frames.served("w", 7)
    assert frames.tell_again() == [turn(0), turn(1)]


def test_a_worker_that_is_lost_while_the_capture_is_away_frees_its_frame_for_the_next_one() -> None:
    frames = stream(live=False)
    frames.announce(0, captured_ns=0)
    give(frames, "w")
    frames.capture_lost()
    frames.worker_lost("w")
    assert not frames.has_turn(0), "nobody could send it"
    frames.announce(0, captured_ns=0)
    assert give(frames, "v") == (0, [])


# the end


def test_the_end_is_told_once_with_what_was_passed_over() -> None:
    frames = stream(live=False)
    frames.announce(0, captured_ns=0)
    frames.ended(3, paced=2)
    assert frames.flush() == [captured(3)], "the end not before what waits"
    give(frames, "w")
    assert frames.flush() == [gap(2, end=True, paced=2)]
    frames.ended(3, paced=2)
    assert frames.flush() == []
    frames.settle(settled(2, finished=True))
    assert frames.finished
    assert frames.flush() == []


def test_an_empty_source_ends_too() -> None:
    frames = stream(live=False)
    frames.ended(0)
    assert frames.flush() == [gap(-1, end=True)]
    frames.settle(settled(-1))
    assert frames.tell_again() == [gap(-1, end=True)], "told, and not settled before it is finished"
    assert not frames.finished


def test_another_epoch_s_end_is_not_this_one_s() -> None:
    frames = stream()
    frames.settle(settled(5, finished=True))
    before = frames.finished
    frames.begin(2)
    assert (before, frames.finished) == (True, False)
    assert frames.resolved == -1


# the sink


def test_a_new_sink_is_told_what_is_not_settled_and_of_the_results_the_old_one_had() -> None:
    frames = stream()
    for seq, worker in enumerate(["w", "v", "u"]):
        frames.announce(seq, captured_ns=0)
        give(frames, worker)
    frames.settle(settled(0))
    frames.served("v", 1)
    assert frames.tell_again() == [turn(1), lost(1), turn(2)]


def test_a_lossless_result_that_the_sink_took_with_it_is_made_again() -> None:
    frames = stream(live=False)
    for seq in range(2):
        frames.announce(seq, captured_ns=0)
        give(frames, f"w{seq}")
    frames.served("w1", 1)
    assert frames.tell_again() == [turn(0), turn(1)]
    assert give(frames, "v") == (1, [])
    assert not frames.has_turn(0)
    assert frames.tell_again() == [turn(0), turn(1)], "whoever has it now has not served it"
    assert not frames.has_turn(0)


def test_a_sink_that_is_far_behind_gets_no_more() -> None:
    frames = stream(live=False)
    for seq in range(MAX_UNACKED + 1):
        frames.announce(seq, captured_ns=0)
    for seq in range(MAX_UNACKED):
        assert give(frames, f"w{seq}") == (seq, [turn(seq)])
    assert not frames.has_turn(0)
    frames.settle(settled(0))
    assert frames.has_turn(0)


def test_a_new_dispatcher_goes_on_where_the_sink_stands() -> None:
    frames = Stream("c", "m", live=False, max_age_ns=MAX_AGE_NS)
    frames.settle(settled(4, epoch=7))
    frames.resume()
    assert (frames.epoch, frames.announced, frames.resolved) == (7, 4, 4)
    for seq in range(3, 6):
        frames.announce(seq, captured_ns=0)
    assert frames.ask("w")[0].seq == 5
    assert not frames.has_turn(0)
