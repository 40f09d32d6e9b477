"""What the dispatcher is told of a camera's frames, and when."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.capture.offers import ENOUGH, Offer, Offers, PassedOver
from edge_daemon.capture.picture import Picture
from edge_daemon.capture.window import Held


class Clock:
    now = 1.0

    def __call__(self) -> float:
        return self.now


def held(seq: int, paced: int = 0, still: int = 0) -> Held:
    return Held(seq, seq, seq, Picture(seq, lambda: np.zeros((1, 1, 3), np.uint8)), paced, still)


def offers(*, live: bool) -> tuple[Offers, Clock]:
    clock = Clock()
    return Offers(live=live, refresh_s=0.1, clock=clock), clock


def test_of_a_live_camera_one_frame_is_known_until_it_is_asked_for() -> None:
    live, clock = offers(live=True)
    assert live.due()
    live.add(held(0))
    assert live.take() == [Offer(0, 0)]
    live.add(held(1))
    assert not live.due()
    live.asked()
    assert live.due()
    live.add(held(2))
    assert live.take() == [Offer(2, 2, replaced=1)]
    assert not live.due()
    clock.now += 0.1
    assert live.due(), "the newest is known again after a while"


def test_of_a_file_some_frames_are_known_and_each_is_told() -> None:
    file, _ = offers(live=False)
    for seq in range(5):
        file.add(held(seq, still=seq))
    assert file.due()
    assert file.take(3) == [Offer(seq, seq, still=seq) for seq in range(4)]
    assert not file.all_told()
    assert not file.due()
    for _ in range(5 - ENOUGH):
        file.asked()
    assert file.due()
    assert file.take() == [Offer(4, 4, still=4)]
    assert file.all_told()
    assert file.told == 5


def test_what_was_passed_over_after_the_last_frame_is_told_too() -> None:
    live, _ = offers(live=True)
    for one in (held(3, paced=2), PassedOver(5, 2, 0), held(9, paced=1, still=2), PassedOver(12, 1, 2)):
        live.add(one)
    assert live.take() == [Offer(9, 9, paced=5, still=2, replaced=1), PassedOver(12, 1, 2)]


@given(
    parts=st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 3)), max_size=20),
    takes=st.lists(st.integers(0, 19), max_size=6),
    live=st.booleans(),
)
def test_every_frame_is_told_of_once(parts: list[tuple[bool, int, int]], takes: list[int], *, live: bool) -> None:
    """Whatever is merged: what is offered, passed over and replaced adds up to all that was read."""
    made, _ = offers(live=live)
    seq, told, count = -1, list[Offer | PassedOver](), 0
    for number, (offered, paced, still) in enumerate(parts):
        if not offered and not paced + still:
            continue
        seq += paced + still + offered
        count += 1
        made.add(held(seq, paced, still) if offered else PassedOver(seq, paced, still))
        if number in takes:
            told += made.take()
    told += made.take()
    last = -1
    for one in told:
        replaced = one.replaced if isinstance(one, Offer) else 0
        assert one.seq - last == one.paced + one.still + replaced + isinstance(one, Offer)
        last = one.seq
    assert last == seq
    if not live:
        assert len(told) == count


def test_only_what_is_asked_for_is_told() -> None:
    live, _ = offers(live=True)
    for seq in range(4):
        live.add(held(seq))
    assert live.take(1) == [Offer(1, 1, replaced=1)]
    assert live.take(1) == []
    assert live.take() == [Offer(3, 3, replaced=1)]


@pytest.mark.parametrize("live", [True, False])
def test_nothing_to_tell(live: bool) -> None:
    made, _ = offers(live=live)
    assert made.take() == []
    assert made.due(), "nothing was told, so nothing is known"
