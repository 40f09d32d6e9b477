"""Quality of a camera's time stamps, judged by packets that were watched for a while."""

import math
import statistics
from collections.abc import Sequence
from itertools import groupby

import msgspec

from edge_daemon.capture.clock import DRIFT, LATE_S, CameraClock

WINDOWS = 8
"""Parts of the time that was watched; the least delay in each shows how the clocks drift apart."""
WRONG_SPEED = 0.05
"""A clock that is faster or slower by more than this share is unusable."""


class Stamps(msgspec.Struct, frozen=True, kw_only=True):
    """True in `usable` if frames can be dated by the stamps, else by their arrival. `why` is the reason, in words.

    `jitter_ms` is the standard deviation of the time from capture to arrival. The camera's clock runs `drift_ppm`
    (millionths) fast, measured to within `drift_error_ppm`; both are None if it was not watched for long enough.
    """

    usable: bool
    why: str | None = None
    jitter_ms: float | None = None
    drift_ppm: float | None = None
    drift_error_ppm: float | None = None


def judge(packets: Sequence[tuple[float, float | None]], wrap_s: float | None = None) -> Stamps:
    """Judge a live source by the arrival and the stamp of its packets, in seconds, as they arrived."""
    clock = CameraClock(wrap_s)
    for arrived_s, stamp_s in packets:
        clock.received(arrived_s, stamp_s)
    stamped = [(arrived_s, stamp_s) for arrived_s, stamp_s in packets if stamp_s is not None]
    if len(stamped) < len(packets) / 2:
        return Stamps(usable=False, why="it sends none")
    if len({stamp_s for _, stamp_s in stamped}) < len(stamped) / 2:
        return Stamps(usable=False, why="they repeat")
    if not clock.usable_at(packets[-1][0]):
        return Stamps(usable=False, why="they jump")
    delays = _in_order(stamped)
    drift, error = _drift(delays)
    if drift is not None and abs(drift) - 3 * error > WRONG_SPEED:
        return Stamps(usable=False, why=f"its clock runs at {1 + drift:.2f} times the speed")
    if drift is None or error > DRIFT:
        jitter_s = statistics.pstdev(delay_s for _, delay_s in delays)
        return Stamps(usable=True, jitter_ms=round(1e3 * jitter_s, 1))
    jitter_s = statistics.pstdev(delay_s + drift * arrived_s for arrived_s, delay_s in delays)
    return Stamps(
        usable=True,
        jitter_ms=round(1e3 * jitter_s, 1),
        drift_ppm=round(1e6 * drift, 1),
        drift_error_ppm=round(1e6 * error, 1),
    )


def in_words(stamps: Stamps) -> str:
    """The verdict for a person."""
    if not stamps.usable:
        return f"time stamps: unusable ({stamps.why}): arrival times are used"
    words = f"time stamps: good, jitter {stamps.jitter_ms:g} ms"
    drift, error = stamps.drift_ppm, stamps.drift_error_ppm
    if drift is None or error is None:
        return words
    slow = f", slower than is followed: times are up to {LATE_S:g} s early" if drift + 3 * error < -1e6 * DRIFT else ""
    return f"{words}, drift {drift:+.0f} ± {error:.0f} ppm{slow}"


def _in_order(stamped: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Arrival and delay of packets that are shown after all before them; the others are late by reordering.

    Both count from the first packet.
    """
    delays, newest_s = list[tuple[float, float]](), -math.inf
    for arrived_s, stamp_s in stamped:
        if stamp_s > newest_s:
            newest_s = stamp_s
            delays.append((arrived_s - stamped[0][0], arrived_s - stamped[0][0] - (stamp_s - stamped[0][1])))
    return delays


def _drift(delays: Sequence[tuple[float, float]]) -> tuple[float | None, float]:
    """Share by which the camera's clock runs faster, and the standard error of that; None if it is not known.

    A line through the least delay of each part of the time: of a fast clock delays become less.
    """
    length_s = delays[-1][0]
    parts = groupby(delays, lambda one: min(WINDOWS - 1, int(WINDOWS * one[0] / length_s)) if length_s else 0)
    least = [min(part, key=lambda one: one[1]) for _, part in parts]
    if length_s < 1.0 or len(least) < WINDOWS / 2:
        return None, 0.0
    slope, intercept = statistics.linear_regression(*zip(*least, strict=True))
    mean_s = statistics.fmean(arrived_s for arrived_s, _ in least)
    residual = sum((delay_s - intercept - slope * arrived_s) ** 2 for arrived_s, delay_s in least) / (len(least) - 2)
    spread = sum((arrived_s - mean_s) ** 2 for arrived_s, _ in least)
    return -slope, math.sqrt(residual / spread)
