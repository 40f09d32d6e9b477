"""One change to a model of each layout: what becomes of it is right, said, or refused."""

from pathlib import Path

import pytest

from tests.exports import EXPORTS
from tests.layouts import DETECTORS
from tests.mutations import judged, mutants_of

LAYOUTS = {**DETECTORS, **EXPORTS}


@pytest.mark.parametrize("name", LAYOUTS)
def test_no_change_is_read_wrongly_in_silence(tmp_path: Path, name: str) -> None:
    layout = LAYOUTS[name]()
    outcomes = {
        change: judged(path, layout, settings, names) for change, path, settings, names in mutants_of(layout, tmp_path)
    }
    assert outcomes
    assert not {change: detail for change, (outcome, detail) in outcomes.items() if outcome == "silent"}
