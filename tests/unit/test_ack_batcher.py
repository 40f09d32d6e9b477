"""When the dispatcher is sent how far streams have come."""

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.dispatcher.outstanding import MAX_UNACKED
from edge_daemon.messages.accounting import StreamState
from edge_daemon.settings import CameraPlan, Delivery
from edge_daemon.sink.ack_batcher import COUNT, DELAY_S, AckBatcher


class Batcher(AckBatcher):
    """For a live camera, and one beside it; time stands still until it is set."""

    def __init__(self, delivery: Delivery = "live") -> None:
        self.now = 0.0
        plans = {"a": CameraPlan(models=["m"], delivery="live"), "b": CameraPlan(models=["m"], delivery=delivery)}
        super().__init__(plans, clock=lambda: self.now)

    def due_at(self, now: float) -> list[StreamState]:
        self.now = now
        return self.take_due()


def state(resolved: int, camera: str = "a", *, epoch: int = 1, finished: bool = False) -> StreamState:
    return StreamState(camera=camera, model="m", epoch=epoch, resolved=resolved, finished=finished)


def test_all_are_sent_when_one_has_moved_far_enough() -> None:
    acks = Batcher()
    assert acks.take_due() == []
    acks.add([state(3, "b")])
    for seq in range(COUNT["live"] - 1):
        acks.add([state(seq)])
        assert acks.take_due() == []
    acks.add([state(COUNT["live"] - 1)])
    assert acks.take_due() == [state(3, "b"), state(COUNT["live"] - 1)]
    assert acks.due_at(9.0) == []


def test_they_are_sent_after_a_while() -> None:
    acks = Batcher()
    assert acks.wait_s(9.0) == 9.0
    acks.add([state(0)])
    assert acks.wait_s(9.0) == DELAY_S["live"]
    acks.now = 0.5
    acks.add([state(1)])
    assert acks.wait_s(9.0) == DELAY_S["live"] - 0.5
    assert acks.wait_s(0.1) == 0.1
    assert acks.due_at(0.9) == []
    assert acks.due_at(DELAY_S["live"]) == [state(1)], "only the newest of a stream"
    assert acks.wait_s(9.0) == 9.0


def test_an_end_and_another_epoch_are_sent_at_once() -> None:
    acks = Batcher()
    acks.add([state(9, finished=True)])
    assert acks.take_due() == [state(9, finished=True)]
    acks.add([state(0, epoch=2)])
    assert acks.take_due() == [state(0, epoch=2)]


def test_with_a_file_beside_them_all_are_sent_sooner() -> None:
    acks = Batcher("lossless")
    acks.add([state(COUNT["lossless"] - 1)])
    assert acks.take_due() == [state(COUNT["lossless"] - 1)]
    acks.add([state(COUNT["lossless"])])
    assert acks.due_at(DELAY_S["lossless"]) == [state(COUNT["lossless"])]


def test_states_that_were_sent_otherwise_are_not_sent_again() -> None:
    acks = Batcher()
    acks.add([state(99)])
    acks.clear()
    assert acks.due_at(9.0) == []


@given(moves=st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, MAX_UNACKED // 4)), max_size=200))
def test_no_stream_is_so_far_behind_that_frames_would_wait(moves: list[tuple[str, int]]) -> None:
    acks, here, acked = Batcher(), {"a": -1, "b": -1}, {"a": -1, "b": -1}
    for camera, step in moves:
        here[camera] += step
        acks.add([state(here[camera], camera)])
        acked |= {one.camera: one.resolved for one in acks.take_due()}
        assert all(here[name] - acked[name] < MAX_UNACKED for name in here)
