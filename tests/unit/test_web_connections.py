"""Connections in number and in time."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.web.connections import ANSWER, BODY, HEAD, LEAST, PERIOD_S, Connections, Pace, Phase, network_of


def test_the_one_that_has_waited_longest_makes_room_for_a_new_one_of_its_address() -> None:
    connections: Connections[int] = Connections(100, 3)
    assert [connections.open(number, "10.0.0.1") for number in range(3)] == [[], [], []]
    assert connections.open(50, "10.0.0.2") == []
    connections.work(0)
    assert connections.open(3, "10.0.0.1") == [1]
    connections.work(2)
    connections.wait(0)
    assert connections.open(4, "10.0.0.1") == [3]
    assert connections.open(5, "10.0.0.1") == [0]
    assert len(connections) == 4


def test_where_all_are_at_work_the_new_one_goes() -> None:
    connections: Connections[int] = Connections(100, 2)
    for number in (1, 2):
        connections.open(number, "10.0.0.1")
        connections.work(number)
    assert connections.open(3, "10.0.0.1") == [3]
    connections.close(1)
    connections.close(1)
    assert connections.open(4, "10.0.0.1") == []
    assert len(connections) == 2


def test_nobody_takes_all_and_everybody_gets_in() -> None:
    connections: Connections[str] = Connections(4, 2)
    for number in range(4):
        connections.open(f"a{number}", f"10.0.0.{number // 2}")
    assert connections.open("b", "10.0.0.9") == ["a0"]


def test_a_proxy_stands_for_many() -> None:
    connections: Connections[int] = Connections(4, 2, ["10.0.0.1"])
    assert [connections.open(number, "10.0.0.1") for number in range(4)] == [[]] * 4
    assert connections.open(4, "10.0.0.1") == [0]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::"),
        ("2001:db8::ffff:ffff:ffff:ffff", "2001:db8::"),
        ("2001:db8:0:1::1", "2001:db8:0:1::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
    ],
)
def test_a_host_has_one_address_or_a_network(address: str, network: str) -> None:
    assert network_of(address) == network


Step = tuple[str, int]


@given(
    st.lists(st.tuples(st.sampled_from(["open", "work", "wait", "close"]), st.integers(0, 15)), max_size=80),
    st.integers(1, 6),
    st.integers(1, 6),
)
def test_limits_hold_and_no_request_is_cut_off(steps: list[Step], most: int, most_of_one: int) -> None:
    connections: Connections[int] = Connections(most, most_of_one)
    present: dict[int, bool] = {}  # whether they are at work
    for what, number in steps:
        if what == "open" and number not in present:
            closed = connections.open(number, f"10.0.0.{number % 3}")
            present[number] = False
            for victim in closed:
                assert not present.pop(victim)
        elif what != "open" and number in present:
            getattr(connections, what)(number)
            present[number] = what == "work"
            if what == "close":
                del present[number]
        assert len(connections) == len(present) <= most
        assert max(Counter(number % 3 for number in present).values(), default=0) <= most_of_one


@pytest.mark.parametrize("phase", [HEAD, BODY, ANSWER])
def test_a_client_has_its_time_from_when_it_is_waited_for(phase: Phase) -> None:
    pace = Pace()
    assert not pace.is_late(None, 0, 0, 0.0)
    assert not pace.is_late(phase, 0, 0, 1000.0)
    assert not pace.is_late(phase, 0, LEAST - 1, 1000.0 + PERIOD_S)
    assert pace.is_late(phase, 0, LEAST - 1, 1000.1 + PERIOD_S)


def test_a_body_goes_on_as_long_as_it_comes_and_a_head_does_not() -> None:
    body, head = Pace(), Pace()
    for second in range(100):
        assert not body.is_late(BODY, 0, second * LEAST // 10, float(second))
        assert head.is_late(HEAD, 0, second * LEAST, float(second)) == (second > PERIOD_S)
    assert any(body.is_late(BODY, 0, 10 * LEAST + second * LEAST // 20, 100.0 + second) for second in range(20))


def test_small_requests_one_after_another_are_no_slow_one() -> None:
    pace = Pace()
    for number in range(100):
        assert not pace.is_late(BODY, number, 10, float(number))
        assert not pace.is_late(HEAD, number, 10, number + 0.5)
