"""Requests share memory; those whose clients are slow make room."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.web.budget import Budget, BusyError, Share


class Requests:
    """A budget of 100 bytes, and the shares in it by their names."""

    def __init__(self) -> None:
        self.budget = Budget(100)
        self.given_up: list[str] = []
        self.shares: dict[str, Share] = {}

    def hold(self, name: str, count: int, *, slow: bool = False) -> None:
        if name not in self.shares:
            self.shares[name] = self.budget.share(self._give_up(name))
        self.shares[name].hold(count, slow=slow)

    def _give_up(self, name: str) -> Callable[[], None]:
        return lambda: self.given_up.append(name)


def test_what_is_worked_on_is_kept_and_more_is_refused() -> None:
    requests = Requests()
    requests.hold("a", 60)
    requests.hold("b", 40)
    with pytest.raises(BusyError, match="are being worked on"):
        requests.hold("c", 1)
    requests.hold("a", 59)
    requests.hold("c", 1)
    assert requests.given_up == []


def test_the_one_that_has_been_slow_longest_makes_room() -> None:
    requests = Requests()
    for name in ("a", "b", "c"):
        requests.hold(name, 30, slow=True)
    requests.hold("a", 31, slow=True)
    requests.hold("a", 31)
    requests.hold("d", 50)
    assert requests.given_up == ["b", "c"]
    assert requests.budget.held == 81


def test_one_alone_may_be_larger_than_all_together() -> None:
    requests = Requests()
    requests.hold("a", 1000)
    with pytest.raises(BusyError):
        requests.hold("b", 1)
    requests.hold("a", 0)
    requests.hold("b", 100)


def test_a_share_ends_with_its_request() -> None:
    budget = Budget(100)
    with suppress(ZeroDivisionError), budget.share(list) as share:
        share.hold(100, slow=True)
        raise ZeroDivisionError
    assert budget.held == 0
    with budget.share(list) as share:
        share.hold(100)


Step = tuple[str, int, bool]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 120), st.booleans()), max_size=40))
def test_the_limit_holds_whatever_comes(steps: list[Step]) -> None:
    requests = Requests()
    for name, count, slow in steps:
        before = requests.shares[name].held if name in requests.shares else 0
        try:
            requests.hold(name, count, slow=slow)
        except BusyError:
            assert count > before
            assert requests.shares[name].held == before
        held = [share.held for share in requests.shares.values()]
        assert requests.budget.held == sum(held)
        assert sum(held) <= 100 or max(held) > 100 or count <= before
