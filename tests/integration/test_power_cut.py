"""A small version of `python -m tests.power_cut replay`."""

import pytest

from tests.disk import can_trace
from tests.power_cut import replay


@pytest.mark.skipif(not can_trace(), reason="needs strace, and leave to trace")
def test_a_store_misses_at_most_two_seconds_of_alerts_and_without_syncs_more() -> None:
    synced, unsynced = replay(20, syncs=(True, False), wear=100)
    assert synced.cuts > 20
    assert synced.faults == {}
    assert any("alerts are missing" in fault for fault in unsynced.faults)
