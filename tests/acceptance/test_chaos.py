"""Processes are killed and stopped at random, every second; `python -m tests.chaos` does it for longer."""

from pathlib import Path

import pytest

from tests.chaos import clips, live, lossless, undisturbed

pytestmark = pytest.mark.timeout(300)


def test_a_lossless_run_finds_what_an_undisturbed_one_does(tmp_path: Path) -> None:
    sources = clips(tmp_path, 800)
    expected = undisturbed(tmp_path, sources)
    assert sum(map(len, expected.values())) == 800
    assert len(lossless(tmp_path, sources, expected, seed=1).hits) > 2


def test_a_live_run_accounts_for_every_frame_and_stays_now(tmp_path: Path) -> None:
    chaos, results, calm, _ = live(tmp_path, seed=2, seconds=12)
    assert len(chaos.hits) > 1
    assert results > calm > 20
