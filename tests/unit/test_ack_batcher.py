"""When the dispatcher is told how far streams have come."""

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.dispatcher.outstanding import MAX_UNACKED
from edge_daemon.messages.accounting import StreamState
from edge_daemon.settings import CameraPlan, Delivery
from edge_daemon.sink.ack_batcher import LOT, PATIENCE_S, AckBatcher


def receipts(delivery: Delivery = "live") -> AckBatcher:
    """For a live camera, and one beside it."""
    return AckBatcher(
        {"a": CameraPlan(models=["m"], delivery="live"), "b": CameraPlan(models=["m"], delivery=delivery)}
    )


def state(resolved: int, camera: str = "a", *, epoch: int = 1, finished: bool = False) -> StreamState:
    return StreamState(camera=camera, model="m", epoch=epoch, resolved=resolved, finished=finished)


def test_all_are_told_when_one_has_moved_far_enough() -> None:
    books = receipts()
    assert books.due(0.0) == []
    books.add([state(3, "b")], 0.0)
    for seq in range(LOT["live"] - 1):
        books.add([state(seq)], 0.0)
        assert books.due(0.0) == []
    books.add([state(LOT["live"] - 1)], 0.0)
    assert books.due(0.0) == [state(3, "b"), state(LOT["live"] - 1)]
    assert books.due(9.0) == []


def test_what_waits_is_told_after_a_while() -> None:
    books = receipts()
    assert books.wait_s(9.0) == 9.0
    books.add([state(0)], 1.0)
    books.add([state(1)], 1.5)
    assert books.wait_s(9.0) == PATIENCE_S["live"]
    assert books.wait_s(0.1) == 0.1
    assert books.due(1.9) == []
    assert books.due(1.0 + PATIENCE_S["live"]) == [state(1)]
    assert books.wait_s(9.0) == 9.0


def test_an_end_and_another_epoch_are_told_at_once() -> None:
    books = receipts()
    books.add([state(9, finished=True)], 0.0)
    assert books.due(0.0) == [state(9, finished=True)]
    books.add([state(0, epoch=2)], 0.0)
    assert books.due(0.0) == [state(0, epoch=2)]


def test_a_file_beside_them_has_everybody_told_sooner() -> None:
    books = receipts("lossless")
    books.add([state(LOT["lossless"] - 1)], 0.0)
    assert books.due(0.0) == [state(LOT["lossless"] - 1)]
    books.add([state(LOT["lossless"])], 0.0)
    assert books.due(PATIENCE_S["lossless"]) == [state(LOT["lossless"])]


def test_what_was_told_otherwise_is_not_told_again() -> None:
    books = receipts()
    books.add([state(99)], 0.0)
    books.clear()
    assert books.due(9.0) == []


@given(moves=st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, MAX_UNACKED // 4)), max_size=200))
def test_nobody_is_so_far_behind_that_frames_would_wait(moves: list[tuple[str, int]]) -> None:
    books, here, told = receipts(), {"a": -1, "b": -1}, {"a": -1, "b": -1}
    for camera, step in moves:
        here[camera] += step
        books.add([state(here[camera], camera)], 0.0)
        told |= {one.camera: one.resolved for one in books.due(0.0)}
        assert all(here[name] - told[name] < MAX_UNACKED for name in here)
