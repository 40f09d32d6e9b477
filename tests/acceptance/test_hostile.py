"""Bytes that nobody of ours would send; `python -m tests.hostile` sends more of them."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile import attack, bombard, spoiled, targets

NAMES = sorted(targets(Path("/nowhere")))


@pytest.mark.parametrize("name", NAMES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_every_reader_of_bytes_understands_or_refuses(tmp_path: Path, name: str, data: st.DataObject) -> None:
    target = targets(tmp_path)[name]
    attack(target, data.draw(spoiled(target.examples)))


@pytest.mark.timeout(300)
def test_a_running_daemon_bears_what_is_sent_to_its_sockets(tmp_path: Path) -> None:
    refused = bombard(tmp_path, 1500)
    assert refused["dispatcher"] > 500
    assert refused["m-0"] > 500
    assert refused["sink"] > 500
