"""Turns are fair by weight."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.dispatcher.stride_scheduler import MAX_LAG, StrideScheduler


@given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0.1, 10), min_size=1))
def test_shares_are_those_of_the_weights(weights: dict[str, float]) -> None:
    scheduler = StrideScheduler(weights)
    turns = 2000
    served = Counter(scheduler.next(list(weights)) for _ in range(turns))
    for camera, weight in weights.items():
        share = turns * weight / sum(weights.values())
        assert abs(served[camera] - share) <= len(weights) + 1


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0.1, 10), min_size=1),
    st.lists(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 100)), min_size=1, max_size=20),
)
def test_shares_do_not_depend_on_whose_frames_are_newer(weights: dict[str, float], ages: list[dict[str, int]]) -> None:
    scheduler = StrideScheduler(weights)
    turns = 2000
    known = [dict.fromkeys(weights, 50) | {one: age for one, age in some.items() if one in weights} for some in ages]
    served = Counter(scheduler.next(list(weights), ages=known[turn % len(known)]) for turn in range(turns))
    for camera, weight in weights.items():
        share = turns * weight / sum(weights.values())
        assert abs(served[camera] - share) <= 2 * len(weights) + 1 + weight / min(weights.values())


def test_of_two_that_are_due_the_newer_frame_goes_first() -> None:
    scheduler = StrideScheduler({"a": 1.0, "b": 1.0, "file": 1.0})
    assert scheduler.next(["a", "b"], ages={"a": 9, "b": 3}) == "b"
    assert scheduler.next(["a", "b"], ages={"a": 9, "b": 3}) == "b", "it is no more than a turn ahead"
    assert scheduler.next(["a", "b"], ages={"a": 9, "b": 3}) == "a"
    assert scheduler.next(["file", "b"], ages={"b": 0}) == "file", "who has no age waits for its turn alone"


def test_nobody_has_a_turn_when_nobody_offers() -> None:
    assert StrideScheduler({"a": 1.0}).next([]) is None


def test_who_comes_back_gets_a_share_and_few_arrears() -> None:
    scheduler = StrideScheduler({"a": 1.0, "b": 1.0})
    for _ in range(100):
        assert scheduler.next(["a"]) == "a"
    served = Counter(scheduler.next(["a", "b"]) for _ in range(20 + MAX_LAG))
    assert served == {"a": 10, "b": 10 + MAX_LAG}


def test_only_one_that_is_far_behind_is_waited_for() -> None:
    scheduler = StrideScheduler({"a": 1.0, "b": 1.0})
    for _ in range(MAX_LAG - 1):
        assert scheduler.next(["a"], expected=["b"]) == "a", "it is not so far behind that it would lose its share"
    for _ in range(3):
        scheduler.next(["a"])
    assert scheduler.next(["a"], expected=["b"]) is None
