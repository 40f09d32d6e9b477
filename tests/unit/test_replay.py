"""The last events are there for who subscribes later."""

from edge_daemon.sink.replay import KEPT, Replay
from tests.unit.test_web_recent import event


def test_of_each_event_the_first_and_the_last_message_are_kept() -> None:
    replay = Replay()
    for number, phase in ((1, "start"), (2, "start"), (1, "update"), (1, "end")):
        replay.note(event(number, phase), f"{phase} {number}".encode())
    assert list(replay) == [("yard", b"start 1"), ("yard", b"end 1"), ("yard", b"start 2")]


def test_no_more_are_kept_than_there_is_room_for() -> None:
    replay = Replay()
    for number in range(KEPT + 5):
        replay.note(event(number), str(number).encode())
    assert [int(body) for _, body in replay] == list(range(5, KEPT + 5))
