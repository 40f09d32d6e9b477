"""Measures what delivery costs the sink, by pairs of runs, without and with receivers, of which one is first in turn.

    python -m benchmarks.sink [--pairs 15] [--seconds 12]

Generated streets are looked at live, and a rule makes an event whenever somebody appears: stored in both runs, and in
the second one also delivered to a web server that is there, one that is not, and a file. Printed are the medians of the
sink's CPU time for a result and of the latency, and of the ratios of pairs with their 95 % interval.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
import zmq

from benchmarks.pairs import compared
from tests.receiving import receiving

CAMERAS, FPS = 3, 10
WARM_S, PATIENCE_MS = 4.0, 180_000
SINK = "edge-daemon: sink"


class Run(NamedTuple):
    """Figures of one run."""

    sink_cpu_us: float
    p50_ms: float
    p99_ms: float
    delivered: int


def run(seconds: float, *, delivers: bool) -> Run:
    """Run the daemon once."""
    with (
        tempfile.TemporaryDirectory() as folder,
        receiving() as receiver,
        zmq.Context() as context,
        context.socket(zmq.SUB) as subscriber,
    ):
        address = f"ipc://{folder}/publish"
        receivers = {
            "there": {"webhook": receiver.url, "private": True},
            "away": {"webhook": "http://127.0.0.1:9", "private": True},
            "file": {"files": f"{folder}/events.jsonl"},
        }
        zones = {"street": {"points": [[0, 0], [1, 0], [1, 1], [0, 1]]}}
        config = {
            "cameras": {
                f"c{number}": {"source": f"scene:?seed={number}", "fps": FPS, "zones": zones}
                for number in range(CAMERAS)
            },
            "models": {"m": {"path": "builtin:person", "workers": os.cpu_count() or 1}},
            "rules": {"somebody": {"appears": "street", "classes": ["person"], "per": "track"}},
            "storage": {"path": f"{folder}/store"},
            "publish": {"bind": [address]},
            "web": {"enabled": False},
        }
        path = Path(folder) / "config.yaml"
        path.write_text(json.dumps(config | ({"deliver": receivers} if delivers else {})))
        subscriber.linger, subscriber.rcvhwm, subscriber.rcvtimeo = 0, 0, PATIENCE_MS
        subscriber.connect(address)
        subscriber.subscribe("result/")
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_daemon", "run", str(path)],
            stderr=subprocess.DEVNULL,
            env=os.environ | {"XDG_STATE_HOME": folder},
        )
        try:
            subscriber.recv_multipart()
            _latencies(subscriber, WARM_S)
            sink = _sink(process.pid)
            before_s = sum(sink.cpu_times()[:2])
            latencies = _latencies(subscriber, seconds)
            used_s = sum(sink.cpu_times()[:2]) - before_s
        finally:
            process.terminate()
            process.wait()
        cuts = statistics.quantiles(latencies, n=100)
        return Run(1e6 * used_s / len(latencies), cuts[49], cuts[98], len(receiver.accepted))


def _latencies(subscriber: "zmq.Socket[bytes]", seconds: float) -> list[float]:
    """The latencies of the results of some time, in milliseconds."""
    end_s, found = time.monotonic() + seconds, list[float]()
    while time.monotonic() < end_s:
        found.append(json.loads(subscriber.recv_multipart()[1])["timing_ms"]["total"])
    return found


def _sink(daemon: int) -> psutil.Process:
    for child in psutil.Process(daemon).children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            if " ".join(child.cmdline()).startswith(SINK):
                return child
    raise LookupError(SINK)


def main() -> None:
    """Run the pairs, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=12.0)
    given = parser.parse_args()
    pairs = list[tuple[Run, Run]]()
    for number in range(given.pairs):
        order = (False, True) if number % 2 else (True, False)
        made = {delivers: run(given.seconds, delivers=delivers) for delivers in order}
        pairs.append((made[False], made[True]))
        print(f"pair {number + 1}: {made[False]} {made[True]}", flush=True)
    for name in Run._fields[:-1]:
        print(f"{name}: {compared([(getattr(off, name), getattr(on, name)) for off, on in pairs])}")


if __name__ == "__main__":
    main()
