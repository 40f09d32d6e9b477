"""Three live cameras that give more than the machine can look at: what it makes of its cores, how old results get.

The goals were set on a machine that takes 36 ms for a frame, by cameras of 30 frames a second. On a faster one cameras
are as much faster: what matters is how long a frame takes beside the time to the next.
"""

from pathlib import Path

import numpy as np

from benchmarks.contenders.__main__ import limit_of
from benchmarks.contenders.subject import Subject
from benchmarks.daemon import running
from benchmarks.goals.live import WARM_S, age_ms, config, played
from edge_daemon.bench.survey import usable_cores

CAMERAS, FPS, SERVICE_MS = 3, 30.0, 36.0


def measure(subject: Subject, folder: Path, seconds: float) -> dict[str, float]:
    """Frames a second as a share of what the cores could do besides decoding; latency in service times."""
    costs = limit_of(played(subject, folder / "overload.mkv", FPS, seconds=2))
    fps = max(FPS, FPS * SERVICE_MS / (costs.decode + costs.model))
    camera = played(subject, folder / "overload.mkv", fps, seconds)
    limit = (1e3 * usable_cores() - CAMERAS * fps * costs.decode) / costs.model
    with running(config(camera, CAMERAS, workers=usable_cores()), "result/") as daemon:
        next(daemon.messages())
        daemon.heard(WARM_S)
        ages = [age_ms(one) for one in daemon.heard(seconds) if one["type"] == "result"]
    p50, p99 = np.percentile(ages, [50, 99]) / (costs.decode + costs.model)
    half = len(ages) // 2
    drift = np.median(ages[half:]) / np.median(ages[:half])
    return {
        "overload: fps / limit": len(ages) / seconds / limit,
        "overload: latency p50, service times": float(p50),
        "overload: latency p99, service times": float(p99),
        "overload: latency, second half / first": float(drift),
    }
