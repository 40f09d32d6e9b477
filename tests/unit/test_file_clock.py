"""The clock of a file: pauses, jumps, time-lapse, and stamps that are wrong."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.capture.file_clock import JUMP_S, FileClock


def times(stamps: Sequence[float | None], step_s: float = 0.04) -> list[float]:
    clock = FileClock(step_s)
    return [clock(stamp) for stamp in stamps]


@given(st.lists(st.none() | st.floats(-1e7, 1e7, allow_nan=False), max_size=50), st.floats(0.001, 1000))
def test_it_always_runs_forward(stamps: list[float | None], step_s: float) -> None:
    shown = times(stamps, step_s)
    assert all(earlier < later for earlier, later in pairwise(shown))


@given(st.lists(st.floats(0.001, JUMP_S - 0.1), max_size=50))
def test_stamps_that_go_on_are_the_time(gaps: list[float]) -> None:
    stamps = [sum(gaps[:count]) for count in range(len(gaps) + 1)]
    assert times(list(stamps)) == pytest.approx(stamps)


def test_a_long_pause_is_one_step_and_the_clock_goes_on_from_there() -> None:
    stamps = [number / 10 + 69 * (number >= 10) for number in range(310)]
    assert times(stamps) == pytest.approx([number / 10 for number in range(310)]), "10 fps although 25 are announced"


def test_a_jump_back_is_one_step() -> None:
    stamps = [number / 10 for number in range(50)] * 3
    assert times(list(stamps)) == pytest.approx([number / 10 for number in range(150)])


@pytest.mark.parametrize("announced_s", [0.04, 120.0])
def test_a_time_lapse_has_its_own_pace(announced_s: float) -> None:
    shown = times([120.0 * number for number in range(20)], announced_s)
    assert [later - earlier for earlier, later in pairwise(shown)][1:] == pytest.approx([120.0] * 18)


def test_stamps_out_of_order_do_not_move_the_clock() -> None:
    stamps = [0.0, 0.1, 0.2, 0.15, 0.3, 0.4, 0.35, 0.5]
    assert times(list(stamps))[-1] == pytest.approx(0.5)


@pytest.mark.parametrize("stamps", [[0.0] * 100, [None] * 100, [5000.0] * 100])
def test_without_usable_stamps_frames_come_as_announced(stamps: list[float | None]) -> None:
    assert times(stamps)[-1] == pytest.approx(99 * 0.04, abs=0.05)
