"""What people who look at a camera cost: annotated frames (MJPEG) and plain pictures, by process.

    python -m benchmarks.viewers [--seconds 10] [--rounds 3] [--source "scene:"] [--models 1]

One daemon runs on the source, and viewers of each kind come and go in turn. Printed are the medians of the CPU time, in
milliseconds a second, that each process needs beyond what it needs while nobody looks, and the pictures a second that
one viewer gets. With two models the sink draws, else the worker.
"""

import argparse
import json
import socket
import statistics
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from benchmarks.daemon import Daemon, running

SETTLED_S = 1.5
Viewer = Callable[[int, threading.Event, list[int]], None]


def annotated(port: int, over: threading.Event, seen: list[int]) -> None:
    """Look at the MJPEG stream."""
    with httpx.stream("GET", f"http://127.0.0.1:{port}/api/cameras/c/stream.mjpg", timeout=None) as answer:
        for data in answer.iter_raw():
            seen[0] += data.count(b"Content-Type: image/jpeg")
            if over.is_set():
                return


def plain(width: int, port: int, over: threading.Event, seen: list[int]) -> None:
    """Look at plain pictures of this width."""
    with connect(f"ws://127.0.0.1:{port}/api/pictures") as viewer:
        viewer.send(json.dumps({"cameras": {"c": width}}))
        while not over.is_set():
            try:
                message = viewer.recv(timeout=5)
            except ConnectionClosed:
                return
            assert isinstance(message, bytes)
            (length,) = struct.unpack(">I", message[:4])
            seen[0] += message[4 + length :].startswith(b"\xff\xd8")


KINDS: dict[str, list[Viewer]] = {
    "nobody": [],
    "annotated": [annotated],
    "annotated, 3 viewers": [annotated] * 3,
    "plain 320": [partial(plain, 320)],
    "plain 320, 3 viewers": [partial(plain, 320)] * 3,
    "plain 640": [partial(plain, 640)],
}


@contextmanager
def looking(viewers: list[Viewer], port: int) -> Iterator[list[list[int]]]:
    """Have viewers look; the number of pictures that each has seen."""
    over, seen = threading.Event(), [[0] for _ in viewers]
    threads = [threading.Thread(target=one, args=(port, over, count)) for one, count in zip(viewers, seen, strict=True)]
    with ExitStack() as stack:
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
        stack.callback(over.set)
        yield seen


def cpu_s(daemon: Daemon) -> dict[str, float]:
    """CPU time of each kind of process."""
    spent: dict[str, float] = defaultdict(float)
    for child in daemon.process.children():
        title = " ".join(child.cmdline()).strip().removeprefix("edge-daemon: ").split(" ")[0]
        times = child.cpu_times()
        spent[title] += times.user + times.system
    return spent


def measure(daemon: Daemon, viewers: list[Viewer], port: int, seconds: float) -> tuple[dict[str, float], float]:
    """CPU time by process in milliseconds a second, and the pictures a second that the first viewer gets."""
    with looking(viewers, port) as seen:
        time.sleep(SETTLED_S)
        before, began, first = cpu_s(daemon), time.monotonic(), [count[0] for count in seen]
        time.sleep(seconds)
        after, took = cpu_s(daemon), time.monotonic() - began
        rate = (seen[0][0] - first[0]) / took if seen else 0.0
    return {role: 1e3 * (after[role] - spent) / took for role, spent in before.items()}, rate


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--source", default="scene:")
    parser.add_argument("--models", type=int, default=1)
    asked = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = {
        "cameras": {"c": {"source": asked.source}},
        "models": {f"person{number}": {"path": "builtin:person"} for number in range(asked.models)},
        "web": {"listen": f"127.0.0.1:{port}"},
    }
    found: dict[str, list[tuple[dict[str, float], float]]] = defaultdict(list)
    with running(config, "result/") as daemon:
        daemon.heard(5.0)
        for _ in range(asked.rounds):
            for kind, viewers in KINDS.items():
                found[kind].append(measure(daemon, viewers, port, asked.seconds))
    roles = ("capture", "worker", "sink", "web")
    idle = {role: statistics.median(spent[role] for spent, _ in found["nobody"]) for role in roles}
    print(f"{'CPU, ms/s':22}", *(f"{role:>8}" for role in roles), f"{'all':>8} {'fps':>6}")
    for kind, runs in found.items():
        base = dict.fromkeys(roles, 0.0) if kind == "nobody" else idle
        more = {role: statistics.median(spent[role] - base[role] for spent, _ in runs) for role in roles}
        rate = statistics.median(rate for _, rate in runs)
        print(f"{kind:22}", *(f"{more[role]:8.1f}" for role in roles), f"{sum(more.values()):8.1f} {rate:6.1f}")


if __name__ == "__main__":
    main()
