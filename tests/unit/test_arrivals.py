"""The prediction of a live camera's next frame."""

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.dispatcher.arrivals import MAX_INTERVAL_NS, Arrivals


def arrivals(interval_ns: int, last_ns: int) -> Arrivals:
    known = Arrivals()
    known.add(last_ns - interval_ns, 1)
    known.add(last_ns, 1)
    return known


@given(st.integers(1, MAX_INTERVAL_NS - 1), st.integers(0, 10**12), st.integers(0, 10**10))
def test_of_a_regular_camera_the_newest_frame_is_never_older_than_an_interval(
    interval_ns: int, last_ns: int, later_ns: int
) -> None:
    known = arrivals(interval_ns, last_ns)
    assert known.age_ns(last_ns + later_ns) == later_ns % interval_ns
    assert known.is_due(last_ns + later_ns) == (later_ns < interval_ns * 5 // 4)


@given(st.integers(MAX_INTERVAL_NS, 10**10), st.integers(0, 10**10))
def test_of_a_slow_camera_no_frame_is_predicted(interval_ns: int, later_ns: int) -> None:
    known = arrivals(interval_ns, 10**12)
    assert known.age_ns(10**12 + later_ns) == later_ns
    assert not known.is_due(10**12 + later_ns)


def test_the_interval_counts_all_frames_since_the_last() -> None:
    known = Arrivals()
    known.add(0, 1)
    known.add(120_000_000, 3)
    assert known.age_ns(130_000_000) == 10_000_000
    assert known.age_ns(170_000_000) == 10_000_000
