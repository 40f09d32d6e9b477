"""Delays grow with each failure in a row, up to a limit, and shrink again."""

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.backoff import Backoff, delay_s

FIRSTS = st.sampled_from([0.02, 0.25, 1.0])
TIMES_LONGER = st.integers(1, 1000)


@given(first=FIRSTS, longer=TIMES_LONGER, failures=st.integers(-5, 5000))
def test_the_delay_doubles_up_to_a_limit(first: float, longer: int, failures: int) -> None:
    longest = first * longer
    delay = delay_s(failures, first, longest)
    if failures < 1:
        assert delay == 0.0
    elif failures == 1:
        assert delay == first
    else:
        assert delay == min(2 * delay_s(failures - 1, first, longest), longest)


@given(first=FIRSTS, longer=TIMES_LONGER, forgiven=st.lists(st.integers(0, 4), max_size=60))
def test_failures_are_counted_and_forgiven(first: float, longer: int, forgiven: list[int]) -> None:
    longest = first * longer
    backoff, before = Backoff(first, longest), 0.0
    for number in forgiven:
        delay = backoff.failed(forgiven=number)
        expected = [min(2 * before, longest), before, before / 2, before / 4, before / 8][number]
        if before == longest and number:
            assert longest / 2**number <= delay <= longest, "the last doubling may have been cut short"
        else:
            assert delay == max(expected, first)
        before = delay
    backoff.succeeded()
    assert backoff.failed() == first


def test_after_the_longest_delay_one_success_shortens_the_next() -> None:
    backoff = Backoff(0.25, 30.0)
    delays = [backoff.failed() for _ in range(2000)]
    assert delays[:3] == [0.25, 0.5, 1.0]
    assert delays == sorted(delays)
    assert delays[-1] == 30.0
    assert backoff.failed(forgiven=2) == 16.0
    assert backoff.failed(forgiven=20) == 0.25
