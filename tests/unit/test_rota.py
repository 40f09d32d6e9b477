"""Turns are fair by weight."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.dispatcher.rota import ARREARS, Rota


@given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0.1, 10), min_size=1))
def test_shares_are_those_of_the_weights(weights: dict[str, float]) -> None:
    rota = Rota(weights)
    turns = 2000
    served = Counter(rota.next(weights) for _ in range(turns))
    for camera, weight in weights.items():
        share = turns * weight / sum(weights.values())
        assert abs(served[camera] - share) <= len(weights) + 1


def test_nobody_has_a_turn_when_nobody_offers() -> None:
    assert Rota({"a": 1.0}).next([]) is None


def test_who_comes_back_gets_a_share_and_few_arrears() -> None:
    rota = Rota({"a": 1.0, "b": 1.0})
    for _ in range(100):
        assert rota.next(["a"]) == "a"
    served = Counter(rota.next(["a", "b"]) for _ in range(20 + ARREARS))
    assert served == {"a": 10, "b": 10 + ARREARS}
