"""What a worker was assigned, as the dispatcher sees it."""

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.dispatcher.worker_slot import WorkerSlot
from edge_daemon.runtime.crash_marker import FrameId


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), min_size=1, max_size=8), st.randoms())
def test_a_live_cameras_frames_may_be_done_in_any_order(steps: list[tuple[int, int]], rng: object) -> None:
    """Each request is for a frame after the last one that was sent, and has that or a newer one sent."""
    slot, sent, last = WorkerSlot("w", "m", "inbox", credit=len(steps)), [], -1
    for after, newer in steps:
        asked = FrameId("c", 1, last + after)
        slot.assign(asked, alone=False)
        last = asked.seq + newer
        sent.append(asked._replace(seq=last))
    rng.shuffle(sent)  # type: ignore[attr-defined]
    for number, frame in enumerate(sent):
        assert len(slot.assigned) == len(sent) - number
        slot.done_up_to(frame)
    assert slot.assigned == []


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2))
def test_a_picture_that_a_worker_has_died_with_is_alone(batch: int, credit: int, prefetch: int) -> None:
    slot = WorkerSlot("w", "m", "inbox", batch=batch, credit=credit)
    slot.assign(FrameId("c", 1, 0), alone=True)
    assert not slot.has_credit(prefetch)
    slot.done(FrameId("c", 1, 0))
    assert slot.has_credit(prefetch)
