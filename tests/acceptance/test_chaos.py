"""Processes are killed and stopped at random, every second; `python -m tests.chaos` does it for longer."""

from pathlib import Path

import pytest

from tests.chaos import clips, live, lossless, numbers, undisturbed

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short name: sockets lie below it."""
    return tmp_path_factory.mktemp("c")


def test_a_lossless_run_finds_what_an_undisturbed_one_does(folder: Path) -> None:
    sources = clips(folder, 500)
    expected = undisturbed(folder, sources)
    assert sum(len(numbers(found)) for found in expected.values()) == 500
    assert len(lossless(folder, sources, expected, seed=1).hits) > 2


def test_a_live_run_accounts_for_every_frame_and_stays_now(folder: Path) -> None:
    chaos, results, calm, _ = live(folder, seed=2, seconds=12)
    assert len(chaos.hits) > 1
    assert results > calm > 20
