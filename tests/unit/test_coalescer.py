"""Messages are held back for a while, never lost and never out of order."""

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.transport.coalescer import Coalescer, Moderator

DELAY_S = 1.0
STEPS = st.lists(st.tuples(st.sampled_from(["add", "urgent", "wait", "look"]), st.integers(0, 8)), max_size=60)


class Clock:
    """Time that only the test moves, in eighths of a second, so that sums are exact."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@given(steps=STEPS, count=st.none() | st.integers(1, 5))
def test_all_are_sent_once_in_order_and_none_too_late(steps: list[tuple[str, int]], count: int | None) -> None:
    clock = Clock()
    coalescer: Coalescer[int] = Coalescer(delay_s=DELAY_S, count=count, clock=clock)
    held: list[tuple[int, float, bool]] = []  # number, time, urgent
    sent, added = [], 0
    for step, eighths in steps:
        if step == "wait":
            clock.now += eighths / 8
        elif step in ("add", "urgent"):
            coalescer.add(added, urgent=step == "urgent")
            held.append((added, clock.now, step == "urgent"))
            added += 1
        assert len(coalescer) == len(held)
        due = bool(held) and (
            any(urgent for *_, urgent in held)
            or (count is not None and len(held) >= count)
            or clock.now - held[0][1] >= DELAY_S
        )
        assert coalescer.is_due() == due
        assert (coalescer.wait_s(9.0) == 0.0) == due
        if due and step == "look":
            taken = coalescer.take()
            assert taken == [number for number, *_ in held]
            sent += taken
            held.clear()
    assert sent + coalescer.take() == list(range(added))
    assert not coalescer.is_due()


@given(eighths=st.integers(0, 7), most=st.integers(0, 80))
def test_it_waits_until_the_first_is_due_and_no_longer(eighths: int, most: int) -> None:
    clock = Clock()
    coalescer: Coalescer[str] = Coalescer(delay_s=DELAY_S, clock=clock)
    assert coalescer.wait_s(most / 8) == most / 8
    coalescer.add("first")
    clock.now = eighths / 8
    coalescer.add("second")
    assert coalescer.wait_s(most / 8) == min(most / 8, DELAY_S - eighths / 8)
    clock.now += coalescer.wait_s(9.0)
    assert coalescer.is_due()


@given(gaps=st.lists(st.integers(0, 16), min_size=2, max_size=20))
def test_a_reader_is_busy_while_messages_follow_one_another(gaps: list[int]) -> None:
    clock = Clock()
    moderator = Moderator(busy_s=1.0, dense_s=0.25, clock=clock)
    arrivals: list[float] = []
    for gap in gaps:
        moderator.waits()
        clock.now += gap / 8
        moderator.wakes()
        assert moderator.is_dense == (gap < 2)
        moderator.arrived()
        arrivals.append(clock.now)
        assert moderator.is_busy == (len(arrivals) > 1 and clock.now - arrivals[-2] < 1.0)
    moderator.interrupt()
    assert not moderator.is_busy, "a message is missing that could wait"
    moderator.arrived()
    assert moderator.is_busy == (len(arrivals) > 0 and clock.now - arrivals[-1] < 1.0)
