"""What the web interface costs, beside what one would write oneself.

    python benchmarks/web.py MODEL PICTURE [--clients 8] [--seconds 10] [--rounds 3]

Time of a predict call minus its stages, one client at a time; then requests a second and latency with several clients
at once, of the daemon and of a plain FastAPI service that runs the same decoder in a thread pool, in turn, with two
workers or threads each.
"""

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np

WORKERS = 2
PLAIN = """
import sys, threading
import uvicorn
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
import cv2, numpy as np
from edge_daemon.models.model import Model
from edge_daemon.settings import ModelSettings
from edge_daemon.worker.report import report
import msgspec

cv2.setNumThreads(1)
models = [Model(ModelSettings(name="m", path=sys.argv[1])) for _ in range(int(sys.argv[3]))]
free, app = threading.Semaphore(len(models)), FastAPI()

def look(data):
    with free:
        model = models.pop()
        try:
            bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            (found,), _ = model.detect_all([bgr])
        finally:
            models.append(model)
    return msgspec.to_builtins(report(found, model, bgr.shape[1], bgr.shape[0]))

@app.post("/api/models/m/predict")
async def predict(request: Request):
    return await run_in_threadpool(look, await request.body())

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error", access_log=False)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(command: list[str], port: int, folder: str) -> Iterator[str]:
    """A service that is up; where it is."""
    env = os.environ | {"TMPDIR": folder, "XDG_STATE_HOME": folder}
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as running:
        try:
            url = f"http://127.0.0.1:{port}"
            while True:
                try:
                    httpx.get(url + "/openapi.json")
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield url
        finally:
            running.send_signal(signal.SIGTERM)


@contextmanager
def daemon(model: str, folder: str) -> Iterator[str]:
    port = free_port()
    config = Path(folder, "config.yaml")
    config.write_text(
        f"cameras: {{still: {{source: 'scene:?fps=0.1&size=160x120'}}}}\n"
        f"models: {{m: {{path: '{Path(model).absolute()}', workers: {WORKERS}}}}}\n"
        f"web: {{enabled: true, listen: '127.0.0.1:{port}'}}\n"
    )
    command = [sys.executable, "-m", "edge_daemon", "run", str(config), "--publish", f"tcp://127.0.0.1:{free_port()}"]
    with process(command, port, folder) as url:
        yield url


@contextmanager
def plain(model: str, folder: str) -> Iterator[str]:
    port = free_port()
    with process([sys.executable, "-c", PLAIN, model, str(port), str(WORKERS)], port, folder) as url:
        yield url


def overhead_ms(url: str, data: bytes, count: int = 100) -> list[float]:
    """Of each call, the time that no stage accounts for."""
    spent = []
    with httpx.Client(base_url=url, timeout=60) as http:
        for _ in range(count):
            began = time.perf_counter()
            stages = http.post("/api/models/m/predict", content=data).json()["timing_ms"]
            took = 1e3 * (time.perf_counter() - began)
            spent.append(took - sum(ms for stage, ms in stages.items() if stage != "wait"))
    return spent[10:]


def load(url: str, data: bytes, clients: int, seconds: float) -> tuple[float, float]:
    """Requests a second, and the 99th percentile of their time in milliseconds."""
    until = time.perf_counter() + seconds

    def client(_: int) -> list[float]:
        took = []
        with httpx.Client(base_url=url, timeout=60) as http:
            while (began := time.perf_counter()) < until:
                http.post("/api/models/m/predict", content=data).raise_for_status()
                took.append(1e3 * (time.perf_counter() - began))
        return took

    with ThreadPoolExecutor(clients) as people:
        times = [ms for one in people.map(client, range(clients)) for ms in one]
    return len(times) / seconds, float(np.percentile(times, 99))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    data = arguments.picture.read_bytes()
    measured: dict[str, list[tuple[float, float]]] = {"daemon": [], "plain": []}
    with (
        tempfile.TemporaryDirectory(prefix="w") as folder,
        daemon(arguments.model, folder) as ours,
        plain(arguments.model, folder) as theirs,
    ):
        spent = overhead_ms(ours, data)
        print(f"overhead: median {statistics.median(spent):.1f} ms, p99 {np.percentile(spent, 99):.1f} ms")
        for _ in range(arguments.rounds):
            for name, url in (("daemon", ours), ("plain", theirs)):
                measured[name].append(load(url, data, arguments.clients, arguments.seconds))
    for name, rounds in measured.items():
        rate, p99 = (statistics.median(values) for values in zip(*rounds, strict=True))
        print(f"{name:8} {rate:6.1f} requests a second, p99 {p99:6.0f} ms")
    ratio = statistics.median(rate for rate, _ in measured["daemon"]) / statistics.median(
        rate for rate, _ in measured["plain"]
    )
    print(f"ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
