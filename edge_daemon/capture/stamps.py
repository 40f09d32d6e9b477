"""What a camera's time stamps are worth, from packets that were watched for a while."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_daemon.capture.clock import DRIFT, LATE_S, CameraClock

WINDOWS = 8
"""Parts of the time that was watched; the least delay in each shows how the clocks drift apart."""
WRONG_SPEED = 0.05
"""A clock that is faster or slower by more than this share is none."""


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
    times, delays = _in_order(stamped)
    drift, error = _drift(times, delays)
    if drift is not None and abs(drift) - 3 * error > WRONG_SPEED:
        return Stamps(usable=False, why=f"its clock runs at {1 + drift:.2f} times the speed")
    if drift is None or error > DRIFT:
        return Stamps(usable=True, jitter_ms=round(1e3 * float(delays.std()), 1))
    jitter_s = float((delays + drift * (times - times[0])).std())
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


def _in_order(stamped: Sequence[tuple[float, float]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Arrivals and delays of packets that are shown after all before them; the others are late by reordering."""
    times, delays, newest_s = [], [], -np.inf
    for arrived_s, stamp_s in stamped:
        if stamp_s > newest_s:
            newest_s = stamp_s
            times.append(arrived_s)
            delays.append(arrived_s - stamp_s)
    return np.array(times), np.array(delays)


def _drift(times: NDArray[np.float64], delays: NDArray[np.float64]) -> tuple[float | None, float]:
    """How much faster the camera's clock runs, as a share, and the standard error of that; None if it is not known.

    A line through the least delay of each part of the time: of a fast clock delays become less.
    """
    edges = np.linspace(times[0], times[-1], WINDOWS + 1)[1:-1]
    parts = np.split(np.arange(len(times)), np.searchsorted(times, edges))
    least = [part[np.argmin(delays[part])] for part in parts if len(part)]
    if len(least) < WINDOWS / 2 or times[-1] - times[0] < 1.0:
        return None, 0.0
    x, y = times[least] - times[least].mean(), delays[least] - delays[least].mean()
    slope = float(x @ y / (x @ x))
    return -slope, float(np.sqrt(((y - slope * x) ** 2).sum() / (len(x) - 2) / (x @ x)))
