"""Scheduling is fair by weight."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.dispatcher.stride_scheduler import MAX_LAG, StrideScheduler


@given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0.1, 10), min_size=1))
def test_shares_are_those_of_the_weights(weights: dict[str, float]) -> None:
    scheduler = StrideScheduler(weights)
    rounds = 2000
    served = Counter(scheduler.next(list(weights)) for _ in range(rounds))
    for client, weight in weights.items():
        share = rounds * weight / sum(weights.values())
        assert abs(served[client] - share) <= len(weights) + 1


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0.1, 10), min_size=1),
    st.lists(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 100)), min_size=1, max_size=20),
)
def test_shares_do_not_depend_on_which_frames_are_newer(weights: dict[str, float], ages: list[dict[str, int]]) -> None:
    scheduler = StrideScheduler(weights)
    rounds = 2000
    known = [dict.fromkeys(weights, 50) | some for some in ages]
    served = Counter(scheduler.next(list(weights), age=known[n % len(known)].get) for n in range(rounds))
    for client, weight in weights.items():
        share = rounds * weight / sum(weights.values())
        assert abs(served[client] - share) <= 2 * len(weights) + 1 + weight / min(weights.values())


def test_of_two_that_are_due_the_one_with_the_newer_frame_is_selected() -> None:
    scheduler = StrideScheduler({"a": 1.0, "b": 1.0, "file": 1.0})
    age = {"a": 9, "b": 3}.get
    assert scheduler.next(["a", "b"], age=age) == "b"
    assert scheduler.next(["a", "b"], age=age) == "b", "it is at most one selection ahead"
    assert scheduler.next(["a", "b"], age=age) == "a"
    assert scheduler.next(["file", "b"], age=age) == "file", "a client without an age is selected by its pass alone"


def test_nothing_is_selected_without_candidates() -> None:
    assert StrideScheduler({"a": 1.0}).next([]) is None


def test_a_client_that_comes_back_gets_its_share_and_little_of_what_it_missed() -> None:
    scheduler = StrideScheduler({"a": 1.0, "b": 1.0})
    for _ in range(100):
        assert scheduler.next(["a"]) == "a"
    served = Counter(scheduler.next(["a", "b"]) for _ in range(20 + MAX_LAG))
    assert served == {"a": 10, "b": 10 + MAX_LAG}


def test_only_a_client_that_is_far_behind_is_waited_for() -> None:
    scheduler = StrideScheduler({"a": 1.0, "b": 1.0})
    for _ in range(MAX_LAG - 1):
        assert scheduler.next(["a"], expected=["b"]) == "a", "it is not so far behind that it would lose its share"
        assert not scheduler.may_wait()
    for _ in range(3):
        scheduler.next(["a"])
    assert scheduler.may_wait()
    assert scheduler.next(["a"], expected=["b"]) is None


def test_a_client_keeps_its_place_when_others_come_and_go() -> None:
    scheduler = StrideScheduler({"a": 1.0, "b": 1.0})
    scheduler.next(["a"])
    scheduler.change({"a": 1.0, "b": 1.0, "c": 1.0})
    assert [scheduler.next(["a", "b"]) for _ in range(2)] == ["b", "a"]
