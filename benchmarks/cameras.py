"""What cameras cost and do to each other.

    python benchmarks/cameras.py CLIP [--rounds 3] [--seconds 12]

First: CPU time of a capture that plays CLIP at its own speed and was asked for one frame a second, as a ratio to a bare
loop that decodes the same frames at the same speed. Then: frames a second and latency of two cameras, with a dead and a
stuck one beside them and without. Contenders take turns, and the table shows medians.
"""

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import zmq

TWO = {f"good{n}": f"scene:?fps=12&size=640x360&seed={n}" for n in (1, 2)}
WARM_S = 3.0


def bare_loop(clip: str, seconds: float) -> float:
    """CPU milliseconds a frame of decoding at the clip's own speed."""
    capture = cv2.VideoCapture(clip, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    fps = capture.get(cv2.CAP_PROP_FPS)
    frames, began, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds and capture.read()[0]:
        frames += 1
        time.sleep(max(0.0, began + frames / fps - time.perf_counter()))
    return 1e3 * (time.process_time() - cpu) / frames


@contextmanager
def daemon(cameras: dict[str, dict[str, Any]]) -> Iterator[tuple[psutil.Process, zmq.Socket[bytes]]]:
    """A daemon with these cameras and the built-in model, and a subscriber to all that it publishes."""
    with tempfile.TemporaryDirectory() as folder, zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
        address = f"ipc://{folder}/publish"
        config = {"cameras": cameras, "models": {"m": {"path": "builtin:person"}}, "publish": {"bind": [address]}}
        (Path(folder) / "config.yaml").write_text(json.dumps(config))
        subscriber.linger = 0
        subscriber.connect(address)
        subscriber.subscribe("")
        command = [sys.executable, "-m", "edge_daemon", "run", f"{folder}/config.yaml"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            yield psutil.Process(process.pid), subscriber
        finally:
            process.terminate()
            process.wait()


def heard(subscriber: zmq.Socket[bytes], seconds: float) -> list[dict[str, Any]]:
    """All that is published in a while."""
    until, messages = time.monotonic() + seconds, []
    while (left := until - time.monotonic()) > 0:
        if subscriber.poll(int(left * 1e3)):
            messages.append(json.loads(subscriber.recv_multipart()[1]))
    return messages


def idle(clip: str, seconds: float) -> float:
    """CPU milliseconds a frame of a capture that is asked for one frame a second."""
    with daemon({"door": {"source": clip, "delivery": "live", "fps": 1}}) as (supervisor, subscriber):
        heard(subscriber, WARM_S)
        capture = next(p for p in supervisor.children() if "capture" in " ".join(p.cmdline()))

        def counts() -> tuple[int, float]:
            status = [m for m in heard(subscriber, 1.1) if m["type"] == "status"][-1]
            return status["cameras"]["door"]["models"]["m"]["captured"], sum(capture.cpu_times()[:2])

        before = counts()
        heard(subscriber, seconds - WARM_S - 3)
        after = counts()
    return 1e3 * (after[1] - before[1]) / (after[0] - before[0])


def two_cameras(others: dict[str, str], seconds: float) -> dict[str, float]:
    """Frames a second, and latency from a frame's capture to its result, of the two good cameras."""
    sources = {name: {"source": source} for name, source in {**TWO, **others}.items()}
    with daemon(sources) as (_, subscriber):
        heard(subscriber, WARM_S)
        results = [m for m in heard(subscriber, seconds) if m["type"] == "result" and m["camera"] in TWO]
    latency = [result["timing_ms"]["total"] for result in results]
    p50, p99 = np.percentile(latency, [50, 99])
    return {"fps": len(results) / seconds, "p50 ms": float(p50), "p99 ms": float(p99)}


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=12.0)
    arguments = parser.parse_args()
    clip, seconds = str(Path(arguments.clip).absolute()), arguments.seconds
    costs = [(bare_loop(clip, seconds), idle(clip, seconds)) for _ in range(arguments.rounds)]
    bare, ours = (statistics.median(column) for column in zip(*costs, strict=True))
    print(f"CPU ms a frame: bare loop {bare:.2f}, capture asked for 1 fps {ours:.2f}, ratio {ours / bare:.2f}")
    with socket.create_server(("127.0.0.1", 0)) as stuck:  # takes connections and says nothing
        bad = {"dead": "rtsp://127.0.0.1:9/x", "stuck": f"rtsp://127.0.0.1:{stuck.getsockname()[1]}/x"}
        rounds = [(two_cameras({}, seconds), two_cameras(bad, seconds)) for _ in range(arguments.rounds)]
    print(f"{'two cameras':12} {'alone':>8} {'beside':>8} {'ratio':>6}")
    for figure in rounds[0][0]:
        alone, beside = (statistics.median(turn[side][figure] for turn in rounds) for side in (0, 1))
        print(f"{figure:12} {alone:8.2f} {beside:8.2f} {beside / alone:6.2f}")


if __name__ == "__main__":
    main()
