"""Rates and latencies of the last seconds."""

import pytest

from edge_daemon.sink.meter import WINDOW_NS, Meter


def test_rate_and_percentiles_are_those_of_the_last_seconds() -> None:
    meter = Meter()
    assert (meter.rate(0), meter.percentiles(0)) == (0.0, {})
    for index in range(100):
        meter.add(index * 50_000_000, float(index + 1))  # 20 a second
    now = 99 * 50_000_000
    assert meter.rate(now) == pytest.approx(20, rel=0.05)
    assert meter.percentiles(now) == {"p50": 51, "p90": 91, "p99": 100}
    assert meter.rate(now + WINDOW_NS + 1) == 0.0
    assert meter.percentiles(now + WINDOW_NS + 1) == {}
