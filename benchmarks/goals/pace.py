"""One camera of which every frame is looked at in time: what the way of a frame adds to its stages."""

from pathlib import Path

import numpy as np

from benchmarks.contenders.subject import Subject
from benchmarks.daemon import running
from benchmarks.goals.live import WARM_S, config, played

FPS = 10.0
STAGES = ("decode", "preprocess", "infer", "postprocess")


def measure(subject: Subject, folder: Path, seconds: float) -> dict[str, float]:
    """Milliseconds from a frame's reading to its publication that it spent in no stage."""
    camera = played(subject, folder / "pace.mkv", FPS, seconds)
    with running(config(camera, cameras=1, workers=1), "result/") as daemon:
        next(daemon.messages())
        daemon.heard(WARM_S / 2)
        timings = [one["timing_ms"] for one in daemon.heard(seconds) if one["type"] == "result"]
    p50, p99 = np.percentile([one["total"] - sum(one[stage] for stage in STAGES) for one in timings], [50, 99])
    return {"pace: beside the stages p50, ms": float(p50), "pace: beside the stages p99, ms": float(p99)}
