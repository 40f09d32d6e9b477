"""A model on inference servers that are killed, frozen and replaced while the real daemon runs."""

import importlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from edge_daemon.demo.scene.scene import Scene
from edge_daemon.errors import ModelError
from edge_daemon.models.builtin import path_of
from edge_daemon.models.model import Model
from edge_daemon.models.remote.connection import AwayError
from edge_daemon.models.remote.engine import RemoteEngine
from edge_daemon.models.remote.opening import open_model
from edge_daemon.settings import ModelSettings, RemoteSettings
from tests.acceptance.harness import clip, free_port, listens
from tests.batched import batched_model
from tests.inference_server import Spawned, serving
from tests.onnx_models import yolox_output
from tests.waiting import eventually

PERSON = str(path_of("person"))
WAIT_S = 60.0
TOKEN = "a-token-of-another-box-0123456789"


@contextmanager
def server() -> Iterator[Spawned]:
    one = Spawned(PERSON)
    try:
        yield one
    finally:
        one.kill()


class Daemon:
    """`edge-daemon run` with one camera `c` and model `m`, and the results that it has written so far."""

    def __init__(
        self, folder: Path, camera: dict[str, Any], model: dict[str, Any], web: dict[str, Any] | None = None
    ) -> None:
        folder.mkdir()
        config = {"cameras": {"c": camera}, "models": {"m": model}, "publish": {"bind": [f"ipc://{folder}/publish"]}}
        config["web"] = web or {"enabled": False}
        (folder / "config.yaml").write_text(json.dumps(config))
        self._file, self._log = folder / "results.jsonl", folder / "log"
        command = [
            sys.executable,
            "-m",
            "edge_daemon",
            "run",
            str(folder / "config.yaml"),
            "--results",
            str(self._file),
        ]
        with self._log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def rows(self) -> list[dict[str, Any]]:
        lines = self._file.read_text().splitlines(keepends=True) if self._file.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def results(self) -> list[dict[str, Any]]:
        return [row for row in self.rows() if row["type"] == "result"]

    def wait_for(self, count: int) -> None:
        eventually(lambda: len(self.results()) >= count, WAIT_S, what=f"{count} results\n{self._log.read_text()}")

    def finish(self) -> list[dict[str, Any]]:
        assert self.process.wait(WAIT_S) == 0, self._log.read_text()
        return self.rows()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(WAIT_S)


@contextmanager
def daemon(
    folder: Path, camera: dict[str, Any], model: dict[str, Any], web: dict[str, Any] | None = None
) -> Iterator[Daemon]:
    one = Daemon(folder, camera, model, web)
    try:
        yield one
    finally:
        one.stop()


def found(rows: list[dict[str, Any]]) -> list[tuple[int, Any]]:
    return [(row["seq"], row["detections"]) for row in rows if row["type"] == "result"]


@pytest.mark.long
def test_every_frame_of_a_file_is_looked_at_once_however_often_the_server_dies(tmp_path: Path) -> None:
    source = str(clip(tmp_path / "clip.mp4", 100))
    known = {"input": {"color": "rgb"}, "labels": ["person"]}
    with daemon(tmp_path / "here", {"source": source}, {"path": PERSON, **known}) as here:
        expected = here.finish()
    with server() as one, daemon(tmp_path / "there", {"source": source}, {"url": one.url, **known}) as there:
        for count in (5, 50):
            there.wait_for(count)
            one.kill()
            one.start(PERSON)
        rows = there.finish()
        assert {row["served_by"] for row in rows if row["type"] == "result"} == {one.url}
    assert found(rows) == found(expected)
    assert rows[-1] == {**expected[-1], "epoch": rows[-1]["epoch"]}


def test_the_model_here_stands_in_within_a_second_and_gives_back(tmp_path: Path) -> None:
    camera = {"source": "scene:?size=320x180", "fps": 10}
    with server() as one, daemon(tmp_path / "d", camera, {"url": one.url, "fallback": PERSON}) as run:
        for number in (signal.SIGKILL, signal.SIGSTOP):
            run.wait_for(len(run.results()) + 10)
            eventually(lambda: "served_by" in run.results()[-1], WAIT_S, what="the server")
            before = len(run.results())
            if number == signal.SIGKILL:
                one.kill()
            else:
                one.process.send_signal(number)
            eventually(lambda: "served_by" not in run.results()[-1], WAIT_S, what="the model here")
            rows = run.results()
            switch = next(at for at in range(before - 1, len(rows)) if "served_by" not in rows[at])
            assert rows[switch]["time_s"] - rows[switch - 1]["time_s"] < 1.0
            assert rows[switch]["timing_ms"]["total"] < 1500
            if number == signal.SIGKILL:
                one.start(PERSON)
            else:
                one.process.send_signal(signal.SIGCONT)
            eventually(lambda: "served_by" in run.results()[-1], WAIT_S, what="the server again")
        rows = run.results()
    gaps = sum(sum(row["dropped"].values()) for row in rows)
    assert rows[-1]["seq"] == len(rows) - 1 + gaps  # every frame has its fate


def test_without_a_model_here_frames_in_flight_are_server_lost_and_latency_stays_bounded(tmp_path: Path) -> None:
    with server() as one, daemon(tmp_path / "d", {"source": "scene:?size=320x180", "fps": 10}, {"url": one.url}) as run:
        run.wait_for(20)
        one.process.send_signal(signal.SIGSTOP)
        run_count = len(run.results())
        eventually(lambda: "server-lost" in run.rows()[-1].get("dropped", {}) or _lost(run), WAIT_S, what="the loss")
        one.process.send_signal(signal.SIGCONT)
        run.wait_for(run_count + 20)
        assert all(row["timing_ms"]["total"] < 2500 for row in run.results())
        reasons = {reason for row in run.results() for reason in row["dropped"]}
    assert reasons <= {"server-lost", "stale", "replaced", "paced"}


def _lost(run: Daemon) -> bool:
    return "timeout" in run._log.read_text()


def test_a_box_without_such_models_imports_nothing_for_them(tmp_path: Path) -> None:
    with daemon(tmp_path / "d", {"source": "scene:?size=320x180"}, {"path": PERSON}) as run:
        run.wait_for(1)
        maps = [
            Path(f"/proc/{process.pid}/maps").read_text()
            for process in psutil.Process(run.process.pid).children(recursive=True)
        ]
        assert maps
        assert not any("grpc" in text for text in maps)


def test_several_pictures_go_in_one_request_if_the_model_takes_them(tmp_path: Path) -> None:
    boxes = [(8, 16, 28, 56, 0.9, 0), (36, 16, 56, 56, 0.8, 1)]
    model = batched_model(tmp_path / "m.onnx", {"output": yolox_output(boxes, classes=2)})
    settings = {"batch": 3, "labels": ["a", "b"]}
    with serving(model) as one:
        one.behaviour.delay_s = 0.03
        camera = {"source": str(clip(tmp_path / "c.mp4", 60))}
        with daemon(tmp_path / "d", camera, {"url": one.url, **settings}) as run:
            rows = run.finish()
        requests = len(one.behaviour.asked)
    assert [len(row["detections"]) for row in rows if row["type"] == "result"] == [2] * 60
    assert requests < 45  # with those that find out how the model is read


def test_status_metrics_and_health_know_each_server(tmp_path: Path) -> None:
    port = free_port()
    camera = {"source": "scene:?size=320x180", "fps": 10}
    person = Path(PERSON)
    with serving(person) as one, serving(person) as other, httpx.Client(base_url=f"http://127.0.0.1:{port}") as http:
        model = {"url": [one.url, other.url]}
        with daemon(tmp_path / "d", camera, model, web={"listen": f"127.0.0.1:{port}"}) as run:
            run.wait_for(1)
            eventually(lambda: listens(port), WAIT_S, what="the web")
            eventually(lambda: up(http) == {one.url: 1, other.url: 1}, WAIT_S, what="both servers up")
            eventually(lambda: {row["served_by"] for row in run.results()} == {one.url, other.url}, WAIT_S)
            other.close()
            eventually(lambda: up(http) == {one.url: 1, other.url: 0}, WAIT_S, what="one server away")
            processes = http.get("/api/status").json()["processes"]
            detail = next(process["detail"] for process in processes if process["role"] == "worker")
            assert detail["provider"] == f"localhost:{one.port} (1 away)"
            assert [server["state"].partition(" ")[0] for server in detail["servers"]] == ["up", "down"]
            assert http.get("/healthz").status_code == 200
            one.close()
            eventually(lambda: http.get("/healthz").status_code == 503, WAIT_S, what="its ill health")


def up(http: httpx.Client) -> dict[str, float]:
    """Whether each server is up, as the metrics have it."""
    found = re.findall(r'^edge_daemon_server_up\{.*server="([^"]+)".*\} ([0-9.]+)$', http.get("/metrics").text, re.M)
    return {server: float(value) for server, value in found}


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_another_edge_daemon_takes_the_tensors_of_its_model(tmp_path: Path, scheme: str) -> None:
    if scheme == "grpc":
        pytest.importorskip("grpc", reason="edge-daemon[remote] is not installed")
    ports = {"http": free_port(), "grpc": free_port()}
    web: dict[str, Any] = {
        "listen": f"127.0.0.1:{ports['http']}",
        "grpc": f"127.0.0.1:{ports['grpc']}" if scheme == "grpc" else None,
    }
    web["tokens"] = {"box": {"token": TOKEN}}
    camera = {"source": "scene:?size=320x180", "fps": 1}
    with daemon(tmp_path / "d", camera, {"path": PERSON}, web=web) as other:
        other.wait_for(1)
        url = f"{scheme}://127.0.0.1:{ports[scheme]}/m"
        settings = ModelSettings(name="m", path="", remote=RemoteSettings(urls=[url], token=TOKEN))
        there = eventually(lambda: opened(settings), WAIT_S, what="its model")
        assert there is not None
        assert isinstance(there.session.engine, RemoteEngine)
        here = Model(ModelSettings(name="m", path=PERSON))
        assert (there.recipe, there.names) == (here.recipe, here.names)  # it states them
        street = Scene(seed=1, width=640, height=360, people=4).frame(5, 15.0)[0]
        found, expected = there.detect(street)[0].detections, here.detect(street)[0].detections
        assert len(expected) > 0
        assert np.array_equal(found.xyxy, expected.xyxy)
        assert np.array_equal(found.confidence, expected.confidence)
        by_another = tritons(scheme, ports[scheme], here)
        assert [array.tobytes() for array in by_another] == [
            array.tobytes() for array in here.session.engine.run(here.session.names, here.session.feeds())
        ]
        with pytest.raises(AwayError, match="unauthorised"):
            open_model(ModelSettings(name="m", path="", remote=RemoteSettings(urls=[url])))
        with pytest.raises(ModelError, match="no output 'boxes'"):
            there.session.engine.run(["boxes"], there.session.feeds())
        there.session.engine.close()


def tritons(scheme: str, port: int, model: Model) -> list[NDArray[np.generic]]:
    """The outputs that Triton's own client receives, for what a model has in its input."""
    kind = importlib.import_module(f"tritonclient.{scheme}")
    client = kind.InferenceServerClient(f"127.0.0.1:{port}")
    try:
        inputs = [kind.InferInput(name, array.shape, "FP32") for name, array in model.session.feeds().items()]
        for one, array in zip(inputs, model.session.feeds().values(), strict=True):
            one.set_data_from_numpy(array)
        outputs = [kind.InferRequestedOutput(name) for name in model.session.names]
        headers = {"authorization": f"Bearer {TOKEN}"}
        found = client.infer("m", inputs, model_version="tensors", outputs=outputs, headers=headers)
        return [found.as_numpy(name) for name in model.session.names]
    finally:
        client.close()


def opened(settings: ModelSettings) -> Model | None:
    try:
        return open_model(settings)
    except AwayError:  # it is not ready yet
        return None
