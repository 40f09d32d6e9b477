"""Compares two checkouts: the same run of the daemon with each in turn, and the ratio of each pair.

    python -m benchmarks.pairs OLD NEW --clip street.mp4 --model yolox_nano.onnx [--pairs 15] [--live]

Each checkout has its own .venv. A run reads the clip by three cameras: completely, or with --live at its own speed, at
10 frames a second each, for a fixed time. Printed are the CPU time of all processes per delivered frame (user and
system), latency (live), memory (PSS of all processes, halfway) and the time to the first result, with the median of the
ratios NEW/OLD and its 95 % interval (order statistics). Machines are noisy: judge by the ratios of the pairs.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil
import zmq

CAMERAS = 3
FPS, LIVE_S = 10, 12.0
PATIENCE_MS = 60_000


class Run(NamedTuple):
    """Figures of one run; 0 for what was not measured."""

    cpu_ms: float
    p50_ms: float
    p99_ms: float
    memory_mb: float
    first_s: float


def run(checkout: Path, clip: Path, model: Path, *, live: bool) -> Run:
    """Run the daemon of a checkout once."""
    with tempfile.TemporaryDirectory() as folder, zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
        address = f"ipc://{folder}/publish"
        how = {"delivery": "live", "fps": FPS} if live else {}
        config = {
            "cameras": {f"c{number}": {"source": str(clip), **how} for number in range(CAMERAS)},
            "models": {"m": {"path": str(model), "workers": os.cpu_count() or 1}},
            "publish": {"bind": [address], "wait_for": 1},
        }
        (Path(folder) / "config.yaml").write_text(json.dumps(config))
        subscriber.linger, subscriber.rcvhwm, subscriber.rcvtimeo = 0, 0, PATIENCE_MS
        subscriber.connect(address)
        subscriber.subscribe("result/")
        began = time.monotonic()
        process = subprocess.Popen(
            [checkout / ".venv/bin/python", "-m", "edge_daemon", "run", f"{folder}/config.yaml"],
            cwd=checkout,
            stderr=subprocess.DEVNULL,
        )
        latencies, memory_mb, first_s, ended = list[float](), 0.0, 0.0, 0
        while ended < CAMERAS and (not live or time.monotonic() - began < LIVE_S):
            message = json.loads(subscriber.recv_multipart()[1])
            first_s = first_s or time.monotonic() - began
            if message["type"] == "end":
                ended += 1
                continue
            latencies.append(message["timing_ms"]["total"])
            if not memory_mb and len(latencies) > 20 * CAMERAS:
                memory_mb = _memory_mb(process.pid)
        process.terminate()
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        cpu_ms = 1e3 * (usage.ru_utime + usage.ru_stime) / len(latencies)
        cuts = statistics.quantiles(latencies, n=100) if live else [0.0] * 99
        return Run(cpu_ms, cuts[49], cuts[98], memory_mb, first_s)


def _memory_mb(pid: int) -> float:
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(one.memory_full_info().pss for one in family) / 1e6


def interval(ratios: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the median by order statistics (binomial distribution with p = 0.5)."""
    count, ordered = len(ratios), sorted(ratios)
    below, rank = 0.0, 0
    while rank < count // 2 and (below := below + math.comb(count, rank) / 2**count) <= 0.025:
        rank += 1
    return ordered[max(rank - 1, 0)], ordered[min(count - rank, count - 1)]


def compared(pairs: Sequence[tuple[float, float]]) -> str:
    """The medians before and after, and the median of their ratios with its 95 % interval."""
    ratios = [after / before for before, after in pairs]
    low, high = interval(ratios)
    before, after = (statistics.median(one) for one in zip(*pairs, strict=True))
    return f"{before:.2f} -> {after:.2f}, ratio {statistics.median(ratios):.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    """Run the pairs and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--live", action="store_true")
    asked = parser.parse_args()
    clip, model = asked.clip.resolve(), asked.model.resolve()
    pairs = []
    for number in range(-1, asked.pairs):  # the first pair warms the caches up
        order = (asked.old, asked.new) if number % 2 else (asked.new, asked.old)
        made = {checkout: run(checkout.resolve(), clip, model, live=asked.live) for checkout in order}
        if number >= 0:
            pairs.append((made[asked.old], made[asked.new]))
    for name in Run._fields:
        both = [(getattr(old, name), getattr(new, name)) for old, new in pairs]
        if all(old and new for old, new in both):
            print(f"{name}: {compared(both)}")


if __name__ == "__main__":
    main()
