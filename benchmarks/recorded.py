"""What recording adds to a frame.

    python -m benchmarks.recorded --clip street.mp4 --model yolox_nano.onnx [--pairs 15]

Four cameras play the clip live, in a loop, and are looked at `--fps` times a second; in every other run all of them are
recorded all the time. Printed is the CPU time of all processes per delivered frame, from five
seconds after the first result on, with the median of the ratios of each pair and its 95 % interval.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import zmq

from benchmarks.pairs import PATIENCE_MS, interval

CAMERAS, SETTLE_S = 4, 5.0
RECORDED: dict[str, Any] = {"record": {"continuous": True}}


def run(clip: Path, model: Path, fps: float, seconds: float, more: dict[str, Any]) -> tuple[float, float]:
    """Run the daemon once; CPU time per delivered frame in ms, and frames a second."""
    with tempfile.TemporaryDirectory() as folder, zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
        address = f"ipc://{folder}/publish"
        camera = {"source": str(clip), "loop": True, "delivery": "live", "fps": fps}
        config = {
            "cameras": {f"c{number}": camera for number in range(CAMERAS)},
            "models": {"m": {"path": str(model)}},
            "publish": {"bind": [address]},
            **more,
        }
        (Path(folder) / "config.yaml").write_text(json.dumps(config))
        subscriber.linger, subscriber.rcvhwm, subscriber.rcvtimeo = 0, 0, PATIENCE_MS
        subscriber.connect(address)
        subscriber.subscribe("result/")
        command = [sys.executable, "-m", "edge_daemon", "run", f"{folder}/config.yaml"]
        state = {"XDG_STATE_HOME": f"{folder}/state", "PATH": "/usr/bin:/bin"}
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=state)
        try:
            subscriber.recv_multipart()
            _until(subscriber, time.monotonic() + SETTLE_S)
            before_s, began = _cpu_s(process.pid), time.monotonic()
            frames = _until(subscriber, began + seconds)
            return 1e3 * (_cpu_s(process.pid) - before_s) / frames, frames / (time.monotonic() - began)
        finally:
            process.terminate()
            process.wait()


def _until(subscriber: "zmq.Socket[bytes]", end_s: float) -> int:
    """Number of results up to a time."""
    frames = 0
    while (left_s := end_s - time.monotonic()) > 0:
        if subscriber.poll(round(1e3 * left_s)):
            frames += json.loads(subscriber.recv_multipart()[1])["type"] == "result"
    return frames


def _cpu_s(pid: int) -> float:
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(sum(one.cpu_times()[:2]) for one in family)


def main() -> None:
    """Run the pairs and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--fps", type=float, default=2)
    parser.add_argument("--seconds", type=float, default=20)
    asked = parser.parse_args()
    pairs = list[tuple[float, float]]()
    for number in range(asked.pairs):
        made = dict[bool, tuple[float, float]]()
        for recorded in (False, True) if number % 2 else (True, False):
            more = RECORDED if recorded else {}
            made[recorded] = run(asked.clip.resolve(), asked.model.resolve(), asked.fps, asked.seconds, more)
        pairs.append((made[False][0], made[True][0]))
        rates = ", ".join(f"{made[recorded][1]:.1f}" for recorded in (False, True))
        print(f"{pairs[-1][0]:.2f} -> {pairs[-1][1]:.2f} ms a frame, at {rates} frames/s", flush=True)
    ratios = [recorded / plain for plain, recorded in pairs]
    low, high = interval(ratios)
    plain, recorded = (statistics.median(one) for one in zip(*pairs, strict=True))
    print(f"{plain:.2f} -> {recorded:.2f} ms, ratio {statistics.median(ratios):.3f} [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    main()
