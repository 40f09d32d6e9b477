"""Which of a camera's frames the dispatcher is sent word of, and when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.capture.announcements import ENOUGH, Announcements
from edge_daemon.messages.scheduling import Announce, Skipped
from edge_daemon.settings import CaptureSettings


class Clock:
    now = 1.0

    def __call__(self) -> float:
        return self.now


def frame(seq: int, paced: int = 0, still: int = 0, replaced: int = 0) -> Announce:
    return Announce(camera="c", epoch=1, seq=seq, captured_ns=seq, paced=paced, still=still, replaced=replaced)


def skipped(seq: int, paced: int, still: int) -> Skipped:
    return Skipped(camera="c", epoch=1, seq=seq, paced=paced, still=still)


def made(*, live: bool) -> tuple[Announcements, Clock]:
    clock = Clock()
    delivery = "live" if live else "lossless"
    settings = CaptureSettings(camera="c", source="x", delivery=delivery, dispatcher="", announce_s=0.1)  # type: ignore[arg-type]
    return Announcements(settings, clock), clock


def test_of_a_live_camera_one_frame_is_announced_until_it_is_requested() -> None:
    live, clock = made(live=True)
    assert live.is_due()
    live.add(frame(0))
    assert live.take() == [frame(0)]
    live.add(frame(1))
    assert not live.is_due()
    live.passed(0)
    assert live.is_due()
    live.add(frame(2))
    assert live.take() == [frame(2, replaced=1)]
    assert not live.is_due()
    clock.now += 0.1
    assert live.is_due(), "the newest is announced again after a while"


def test_of_a_live_camera_that_nobody_looks_at_nothing_piles_up() -> None:
    live, _ = made(live=True)
    for seq in range(100):
        live.add(frame(seq))
        live.take()
    assert list(live._unrequested) == [99]
    live.passed(99)
    assert live.is_due()


def test_of_a_file_some_frames_are_announced_ahead_and_each_is() -> None:
    file, _ = made(live=False)
    for seq in range(5):
        file.add(frame(seq, still=seq))
    assert file.is_due()
    assert file.take(3) == [frame(seq, still=seq) for seq in range(4)]
    assert not file.is_empty()
    assert not file.is_due()
    file.passed(3 - ENOUGH)
    assert not file.is_due()
    file.passed(4 - ENOUGH)
    assert file.is_due()
    assert file.take() == [frame(4, still=4)]
    assert file.is_empty()
    assert file.announced == 5


def test_frames_of_a_file_that_need_not_be_requested_hold_nothing_up() -> None:
    """The capture before this one had announced them too, and their results came when this one had begun."""
    file, _ = made(live=False)
    file.add(frame(17))
    file.add(frame(18))
    assert file.take() == [frame(17), frame(18)]
    file.add(frame(19))
    assert not file.is_due()
    file.passed(18)  # released
    assert file.is_due()


def test_frames_that_were_skipped_after_the_last_one_are_reported_too() -> None:
    live, _ = made(live=True)
    for message in (frame(3, paced=2), skipped(5, 2, 0), frame(9, paced=1, still=2), skipped(12, 1, 2)):
        live.add(message)
    assert live.take() == [frame(9, paced=5, still=2, replaced=1), skipped(12, 1, 2)]


@given(
    parts=st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 3)), max_size=20),
    takes=st.lists(st.integers(0, 19), max_size=6),
    live=st.booleans(),
)
def test_every_frame_is_accounted_for_once(parts: list[tuple[bool, int, int]], takes: list[int], *, live: bool) -> None:
    """Whatever is merged: announced, skipped and replaced frames add up to all that was read."""
    announcements, _ = made(live=live)
    seq, sent, count = -1, list[Announce | Skipped](), 0
    for number, (offered, paced, still) in enumerate(parts):
        if not offered and not paced + still:
            continue
        seq += paced + still + offered
        count += 1
        announcements.add(frame(seq, paced, still) if offered else skipped(seq, paced, still))
        if number in takes:
            sent += announcements.take()
    sent += announcements.take()
    last = -1
    for one in sent:
        replaced = one.replaced if isinstance(one, Announce) else 0
        assert one.seq - last == one.paced + one.still + replaced + isinstance(one, Announce)
        last = one.seq
    assert last == seq
    if not live:
        assert len(sent) == count


def test_only_frames_up_to_the_requested_one_are_announced() -> None:
    live, _ = made(live=True)
    for seq in range(4):
        live.add(frame(seq))
    assert live.take(1) == [frame(1, replaced=1)]
    assert live.take(1) == []
    assert live.take() == [frame(3, replaced=1)]


@pytest.mark.parametrize("live", [True, False])
def test_nothing_to_announce(live: bool) -> None:
    announcements, _ = made(live=live)
    assert announcements.take() == []
    assert announcements.is_due(), "nothing was announced, so nothing is known"
