"""What a camera's time stamps are said to be worth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.capture.stamps import in_words, judge

Packets = list[tuple[float, float | None]]


def watched(seconds: float = 60.0, *, fps: float = 25.0, jitter_s: float = 0.003, drift: float = 0.0) -> Packets:
    """Packets of a camera whose clock runs `drift` fast, on a network with exponential delays."""
    rng = np.random.default_rng(1)
    captured = 100 + np.arange(int(seconds * fps)) / fps
    arrived = np.maximum.accumulate(captured + rng.exponential(jitter_s, len(captured)))
    return [(float(at), float(of * (1 + drift))) for at, of in zip(arrived, captured, strict=True)]


@given(st.floats(-400e-6, 400e-6), st.sampled_from([0.001, 0.003, 0.02]))
def test_jitter_and_drift_are_measured(drift: float, jitter_s: float) -> None:
    stamps = judge(watched(drift=drift, jitter_s=jitter_s))
    assert stamps.usable
    assert stamps.jitter_ms == pytest.approx(1e3 * jitter_s, rel=0.15)
    assert stamps.drift_ppm is not None
    assert stamps.drift_error_ppm is not None
    assert abs(stamps.drift_ppm - 1e6 * drift) <= 4 * stamps.drift_error_ppm + 1
    assert stamps.drift_error_ppm < 40


def test_reordering_is_no_jitter() -> None:
    packets = watched(jitter_s=0.001)
    reordered: Packets = []
    for start in range(0, len(packets) - 3, 3):
        at = [arrived_s for arrived_s, _ in packets[start : start + 3]]
        stamps = [stamp_s for _, stamp_s in packets[start : start + 3]]
        reordered += zip([at[2], at[2], at[2]], [stamps[2], stamps[0], stamps[1]], strict=True)
    assert judge(reordered).jitter_ms == pytest.approx(1.0, rel=0.3)


@pytest.mark.parametrize(
    ("packets", "words"),
    [
        (watched(drift=12e-6), "time stamps: good, jitter 3"),
        (watched(drift=-0.002), "time stamps: good, jitter 3 ms, drift -19"),
        (watched(0.5), "time stamps: good, jitter"),
        ([(at, None) for at, _ in watched(5)], "time stamps: unusable (it sends none): arrival times are used"),
        ([(at, 7.0) for at, _ in watched(5)], "time stamps: unusable (they repeat): arrival times are used"),
        ([(at, at + 20 * (int(at) % 2)) for at, _ in watched(20)], "time stamps: unusable (they jump)"),
        ([(at, 2 * at) for at, _ in watched(20)], "time stamps: unusable (its clock runs at 2.00 times the speed)"),
    ],
    ids=["good", "slow", "short", "none", "equal", "jumping", "fast"],
)
def test_verdicts_in_words(packets: Packets, words: str) -> None:
    assert in_words(judge(packets)).startswith(words)


@given(st.lists(st.tuples(st.floats(0, 1), st.none() | st.floats(-1e6, 1e6)), min_size=1, max_size=80))
def test_any_packets_are_judged(packets: Packets) -> None:
    now_s, made = 0.0, []
    for later_s, stamp_s in packets:
        now_s += later_s
        made.append((now_s, stamp_s))
    assert in_words(judge(made))


def test_a_clock_that_is_too_slow_is_named() -> None:
    assert "slower than is followed: times are up to 0.5 s early" in in_words(judge(watched(drift=-0.002)))
    assert "slower" not in in_words(judge(watched(drift=0.002))), "a fast one is followed at once"
