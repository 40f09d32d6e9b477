"""The daemon against a bare loop: frames a second and CPU milliseconds a frame, for any clip and model.

    python benchmarks/throughput.py CLIP MODEL [--workers 1 2] [--rounds 3]

Contenders take turns in each round, since machines are noisy; the table shows medians. The limit is what the machine's
cores could do if nothing but decoding and the model cost anything.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import cv2

from edge_daemon.models.model import Model
from edge_daemon.settings import ModelSettings


class Run(NamedTuple):
    """One contender's run over the clip."""

    frames: int
    wall_s: float
    cpu_s: float


def bare_loop(clip: str, model: str) -> Run:
    """Read and detect in one thread, and nothing else."""
    cv2.setNumThreads(1)
    detector = Model(ModelSettings(name="model", path=model))
    capture = cv2.VideoCapture(clip, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    frames, began, cpu = 0, time.perf_counter(), time.process_time()
    while True:
        ok, bgr = capture.read()
        if not ok:
            return Run(frames, time.perf_counter() - began, time.process_time() - cpu)
        detector.detect(bgr)  # type: ignore[arg-type]
        frames += 1


def daemon(clip: str, model: str, workers: int) -> Run:
    """`edge-daemon run` over the clip, without its start: from the first to the last result."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.jsonl"
        command = [sys.executable, "-m", "edge_daemon", "run", "--source", clip, "--model", model]
        command += ["--workers", str(workers), "--results", str(results), "--publish", f"ipc://{folder}/publish"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        lines = [json.loads(line) for line in results.read_text().splitlines()]
    ends = [
        time.mktime(time.strptime(line["captured_at"][:19], "%Y-%m-%dT%H:%M:%S"))
        + float(line["captured_at"][19:-1])
        + line["timing_ms"]["total"] / 1000
        for line in (lines[0], lines[-1])
    ]
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(len(lines), ends[1] - ends[0], cpu_s)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip")
    parser.add_argument("model")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    runs: dict[str, list[Run]] = {}
    for _ in range(arguments.rounds):
        runs.setdefault("bare loop", []).append(bare_loop(arguments.clip, arguments.model))
        for workers in arguments.workers:
            name = f"daemon, {workers} worker{'s'[: workers > 1]}"
            runs.setdefault(name, []).append(daemon(arguments.clip, arguments.model, workers))
    cpu_ms = statistics.median(1000 * run.cpu_s / run.frames for run in runs["bare loop"])
    cores = len(os.sched_getaffinity(0))
    limit = cores * 1000 / cpu_ms
    print(f"{cores} cores, limit {limit:.1f} fps")
    print(f"{'':20} {'fps':>8} {'of limit':>9} {'CPU ms/frame':>13}")
    for name, several in runs.items():
        fps = statistics.median(run.frames / run.wall_s for run in several)
        cpu = statistics.median(1000 * run.cpu_s / run.frames for run in several)
        print(f"{name:20} {fps:8.1f} {fps / limit:9.2f} {cpu:13.1f}")


if __name__ == "__main__":
    main()
