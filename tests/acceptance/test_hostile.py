"""Bytes that nobody of ours would send; `python -m tests.hostile` sends more of them."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile import Target, attack, bombard, spoiled, targets

NAMES = sorted(targets(Path("/nowhere")))


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Target]:
    return targets(tmp_path_factory.mktemp("hostile"))


@pytest.mark.parametrize("name", NAMES)
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_reader_of_bytes_understands_or_refuses(
    readers: dict[str, Target], name: str, data: st.DataObject
) -> None:
    target = readers[name]
    attack(target, data.draw(spoiled(target.examples)))


@pytest.mark.timeout(300)
def test_a_running_daemon_bears_what_is_sent_to_its_sockets(tmp_path: Path) -> None:
    refused = bombard(tmp_path, 1500)
    assert refused["dispatcher"] > 500
    assert refused["m-0"] > 500
    assert refused["sink"] > 500
