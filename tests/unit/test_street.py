"""Counts of the generated street against its truth, at all rates. `python -m tests.street` takes a hundred seeds."""

import pytest

from tests.street import RATES, Errors, Spot, measured, passed, stays, total

SEEDS = range(4)


@pytest.fixture(scope="module")
def found() -> dict[tuple[str, str], Errors]:
    clips = [measured(seed, 20.0, 3) for seed in SEEDS]
    return {key: total([clip[key] for clip in clips]) for key in clips[0]}


def test_the_truth_is_that_of_a_path() -> None:
    path = [Spot(0.0, 0.3, 0.02), Spot(1.0, 0.51, 0.02), Spot(2.0, 0.49, 0.02), Spot(3.0, 0.7, 0.02)]
    assert [one.direction for one in passed(path, 0.5)] == ["in"]
    assert [round(one.time_s, 2) for one in passed(path, 0.5)] == [2.05]
    assert [[round(time_s, 2) for time_s in visit] for visit in stays(path)] == [[0.24, 2.76]]


@pytest.mark.parametrize("rate", RATES)
def test_crossings_dwell_and_occupancy_are_those_of_the_scene(found: dict[tuple[str, str], Errors], rate: str) -> None:
    errors = found[rate, "tracked"]
    assert errors.truth >= 10
    assert errors.wrong <= (2 if rate == "2 fps" else 0)
    assert errors.double == 0
    assert errors.dwell_s / errors.visitors < 1.1
    assert errors.occupancy / errors.looks < 0.5
