"""What the web interface costs, beside what one would write oneself.

    python benchmarks/web.py MODEL PICTURE [--clients 8] [--seconds 10] [--rounds 3]

Time of a predict call minus its stages, one client at a time; then requests a second and latency with several clients
at once, in turn: of the daemon, of a plain FastAPI service with a thread pool, and of LitServe (if it is installed),
with two workers each; those two with the model run as its documentation shows it, and with the daemon's own code
(`tuned`). The model has to be a YOLOX.
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
USUAL = """
import sys
import cv2, numpy as np, onnxruntime

class Model:
    def __init__(self):
        self.session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.side = self.session.get_inputs()[0].shape[2]

    def __call__(self, data):
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        ratio = min(self.side / bgr.shape[0], self.side / bgr.shape[1])
        small = cv2.resize(bgr, (int(bgr.shape[1] * ratio), int(bgr.shape[0] * ratio)))
        padded = np.full((self.side, self.side, 3), 114, np.uint8)
        padded[: small.shape[0], : small.shape[1]] = small
        tensor = padded.transpose(2, 0, 1)[None].astype(np.float32)
        (rows,) = self.session.run(None, {self.input: tensor})[0]
        grids, strides = [], []
        for stride in (8, 16, 32):
            count = self.side // stride
            x, y = np.meshgrid(np.arange(count), np.arange(count))
            grids.append(np.stack((x, y), 2).reshape(-1, 2))
            strides.append(np.full((count * count, 1), stride))
        grid, stride = np.concatenate(grids), np.concatenate(strides)
        centre, size = (rows[:, :2] + grid) * stride, np.exp(rows[:, 2:4]) * stride
        boxes = np.concatenate(((centre - size / 2) / ratio, size / ratio), 1)
        scores = rows[:, 4:5] * rows[:, 5:]
        sure, kinds = scores.max(1), scores.argmax(1)
        kept = cv2.dnn.NMSBoxes(boxes.tolist(), sure.tolist(), 0.4, 0.45)
        return {"detections": [
            {"xywh": boxes[n].tolist(), "confidence": float(sure[n]), "class_id": int(kinds[n])} for n in kept
        ]}
"""
"""As its model's documentation shows it, for YOLOX."""
OURS = """
import sys
import cv2, numpy as np
import msgspec
from edge_daemon.models import model as models
from edge_daemon.settings import ModelSettings
from edge_daemon.worker.report import report

class Model:
    def __init__(self):
        cv2.setNumThreads(1)
        self.model = models.Model(ModelSettings(name="m", path=sys.argv[1]))

    def __call__(self, data):
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        (found,), _ = self.model.detect_all([bgr])
        return msgspec.to_builtins(report(found, self.model, bgr.shape[1], bgr.shape[0]))
"""
"""The daemon's own model, one thread each."""
PLAIN = """
import threading
import uvicorn
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool

models = [Model() for _ in range(int(sys.argv[3]))]
free, app = threading.Semaphore(len(models)), FastAPI()

def look(data):
    with free:
        model = models.pop()
        try:
            return model(data)
        finally:
            models.append(model)

@app.post("/api/models/m/predict")
async def predict(request: Request):
    return await run_in_threadpool(look, await request.body())

uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error", access_log=False)
"""
LITSERVE = """
import litserve

class Detector(litserve.LitAPI):
    def setup(self, device):
        self.model = Model()

    def decode_request(self, request):
        return request["content"].file.read()

    def predict(self, data):
        return self.model(data)

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
        services = {"daemon": running.enter_context(daemon(model, folder))}
        for name, code in (("", USUAL), (" tuned", OURS)):
            services[f"plain{name}"] = running.enter_context(written(code + PLAIN, model, folder))
            if find_spec("litserve"):
                services[f"litserve{name}"] = running.enter_context(written(code + LITSERVE, model, folder, form=True))
        spent = overhead_ms(services["daemon"], data)
        print(f"overhead: median {statistics.median(spent):.1f} ms, p99 {np.percentile(spent, 99):.1f} ms")
        measured: dict[str, list[tuple[float, float]]] = {name: [] for name in services}
        for _ in range(arguments.rounds):
            for name, service in services.items():
                measured[name].append(load(service, data, arguments.clients, arguments.seconds))
    rates = {}
    for name, rounds in measured.items():
        rates[name], p99 = (statistics.median(values) for values in zip(*rounds, strict=True))
        ratio = rates["daemon"] / rates[name]
        print(f"{name:14} {rates[name]:6.1f} requests a second, p99 {p99:6.0f} ms, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
