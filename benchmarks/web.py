"""What the web interface costs, beside what one would write oneself.

    python benchmarks/web.py MODEL PICTURE [--clients 8] [--seconds 10] [--rounds 3]

Time of a predict call minus its stages, one client at a time; then requests a second and latency with several clients
at once, in turn: of the daemon, of a plain FastAPI service that runs the same decoder in a thread pool, and of LitServe
(if it is installed) with the same decoder, with two workers or threads each.
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
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx
import numpy as np

WORKERS = 2
START_S = 30.0
STILL = "{still: {source: 'scene:?fps=0.1&size=160x120'}}"
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


LITSERVE = """
import sys
import litserve
import cv2, numpy as np
from edge_daemon.models.model import Model
from edge_daemon.settings import ModelSettings
from edge_daemon.worker.report import report
import msgspec

class Detector(litserve.LitAPI):
    def setup(self, device):
        cv2.setNumThreads(1)
        self.model = Model(ModelSettings(name="m", path=sys.argv[1]))

    def decode_request(self, request):
        return cv2.imdecode(np.frombuffer(request["content"].file.read(), np.uint8), cv2.IMREAD_COLOR)

    def predict(self, bgr):
        (found,), _ = self.model.detect_all([bgr])
        return msgspec.to_builtins(report(found, self.model, bgr.shape[1], bgr.shape[0]))

    def encode_response(self, found):
        return found

if __name__ == "__main__":
    server = litserve.LitServer(
        Detector(api_path="/api/models/m/predict"), accelerator="cpu", workers_per_device=int(sys.argv[3])
    )
    server.run(host="127.0.0.1", port=int(sys.argv[2]), log_level="error", generate_client_file=False)
"""


@dataclass(frozen=True)
class Service:
    """Where it is, and whether it takes pictures in forms only."""

    url: str
    form: bool = False

    def ask(self, http: httpx.Client, data: bytes) -> httpx.Response:
        """Post a picture."""
        path = "/api/models/m/predict"
        answer = http.post(path, files={"content": data}) if self.form else http.post(path, content=data)
        return answer.raise_for_status()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(command: list[str], port: int, folder: str, *, form: bool = False) -> Iterator[Service]:
    """A service that is up.

    Raises:
        TimeoutError: it does not come up.
    """
    env = os.environ | {"TMPDIR": folder, "XDG_STATE_HOME": folder}
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as running:
        try:
            url, until = f"http://127.0.0.1:{port}", time.monotonic() + START_S
            while not _answers(url):
                if time.monotonic() > until:
                    raise TimeoutError(f"not up within {START_S} s: {command[:3]}")
                time.sleep(0.1)
            yield Service(url, form)
        finally:
            running.send_signal(signal.SIGTERM)
            try:
                running.wait(10)
            except subprocess.TimeoutExpired:
                running.kill()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url + "/openapi.json", timeout=5).is_success
    except httpx.TransportError:
        return False


@contextmanager
def daemon(model: str, folder: str, *, cameras: str = STILL) -> Iterator[Service]:
    """edge-daemon."""
    port = free_port()
    config = Path(folder, "config.yaml")
    config.write_text(
        f"cameras: {cameras}\n"
        f"models: {{m: {{path: '{Path(model).absolute()}', workers: {WORKERS}}}}}\n"
        f"web: {{listen: '127.0.0.1:{port}'}}\n"
    )
    command = [sys.executable, "-m", "edge_daemon", "run", str(config), "--publish", f"tcp://127.0.0.1:{free_port()}"]
    with process(command, port, folder) as service:
        while not httpx.get(service.url + "/v2/models/m/ready").is_success:
            time.sleep(0.1)
        yield service


@contextmanager
def written(text: str, model: str, folder: str, *, form: bool = False) -> Iterator[Service]:
    """One that is written as `text`."""
    port = free_port()
    script = Path(folder, f"served-{port}.py")
    script.write_text(text)
    with process([sys.executable, str(script), model, str(port), str(WORKERS)], port, folder, form=form) as service:
        yield service


def overhead_ms(service: Service, data: bytes, count: int = 200) -> list[float]:
    """Of each call, the time that no stage accounts for."""
    spent = []
    with httpx.Client(base_url=service.url, timeout=60) as http:
        for _ in range(count):
            began = time.perf_counter()
            stages = service.ask(http, data).json()["timing_ms"]
            took = 1e3 * (time.perf_counter() - began)
            spent.append(took - sum(ms for stage, ms in stages.items() if stage != "wait"))
    return spent[10:]


def load(service: Service, data: bytes, clients: int, seconds: float) -> tuple[float, float]:
    """Requests a second, and the 99th percentile of their time in milliseconds."""
    until = time.perf_counter() + seconds

    def client(_: int) -> list[float]:
        took = []
        with httpx.Client(base_url=service.url, timeout=60) as http:
            while (began := time.perf_counter()) < until:
                service.ask(http, data)
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
    data, model = arguments.picture.read_bytes(), str(Path(arguments.model).absolute())
    with ExitStack() as running:
        folder = running.enter_context(tempfile.TemporaryDirectory(prefix="w"))
        services = {
            "daemon": running.enter_context(daemon(model, folder)),
            "plain": running.enter_context(written(PLAIN, model, folder)),
        }
        if find_spec("litserve"):
            services["litserve"] = running.enter_context(written(LITSERVE, model, folder, form=True))
        spent = overhead_ms(services["daemon"], data)
        print(f"overhead: median {statistics.median(spent):.1f} ms, p99 {np.percentile(spent, 99):.1f} ms")
        measured: dict[str, list[tuple[float, float]]] = {name: [] for name in services}
        for _ in range(arguments.rounds):
            for name, service in services.items():
                measured[name].append(load(service, data, arguments.clients, arguments.seconds))
    rates = {}
    for name, rounds in measured.items():
        rates[name], p99 = (statistics.median(values) for values in zip(*rounds, strict=True))
        print(f"{name:8} {rates[name]:6.1f} requests a second, p99 {p99:6.0f} ms")
    ours = rates.pop("daemon")
    print(f"ratio to the better one: {ours / max(rates.values()):.2f}")


if __name__ == "__main__":
    main()
