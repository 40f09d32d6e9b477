"""Real inference servers, if tools/inference_servers.sh has installed them: the same boxes as here, to the last bit."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from edge_daemon.demo.scene.scene import Scene
from edge_daemon.models.builtin import path_of
from edge_daemon.models.model import Model
from edge_daemon.models.remote.connection import AwayError
from edge_daemon.models.remote.engine import RemoteEngine
from edge_daemon.models.remote.opening import open_model
from edge_daemon.settings import ModelSettings, RemoteSettings
from tests.acceptance.test_remote import free_port
from tests.waiting import eventually

SCRIPTS = Path(__file__).parents[2] / "benchmarks" / "servers"
PERSON = path_of("person")
START_S = 100.0
INSTALLED = Path(os.environ.get("INFERENCE_SERVERS", "none"))
pytestmark = pytest.mark.skipif(
    not INSTALLED.is_absolute(), reason="INFERENCE_SERVERS does not name the folder of tools/inference_servers.sh"
)


def command(server: str, folder: Path, http: int, grpc: int) -> list[str]:
    if server != "mlserver":
        script = SCRIPTS / ("triton.py" if server == "triton" else "kserve_server.py")
        return [str(INSTALLED / server / "bin" / "python"), str(script), str(PERSON), "person", str(http), str(grpc)]
    shutil.copy(SCRIPTS / "mlserver" / "runtime.py", folder / "onnx_runtime.py")
    ports = {"host": "127.0.0.1", "http_port": http, "grpc_port": grpc, "metrics_port": free_port()}
    settings = {**ports, "parallel_workers": 0, "grpc_max_message_length": 1 << 26}
    (folder / "settings.json").write_text(json.dumps(settings))
    model = {"name": "person", "implementation": "onnx_runtime.Onnx", "parameters": {"uri": str(PERSON)}}
    (folder / "model-settings.json").write_text(json.dumps(model))
    return [str(INSTALLED / server / "bin" / "mlserver"), "start", str(folder)]


@contextmanager
def running(server: str, folder: Path, http: int, grpc: int) -> Iterator[None]:
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command(server, folder, http, grpc), stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def opened(url: str) -> Model | None:
    try:
        return open_model(ModelSettings(name="m", path=str(PERSON), remote=RemoteSettings(urls=[url])))
    except AwayError:
        return None


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("server", "scheme"), [("triton", "http"), ("triton", "grpc"), ("kserve", "grpc"), ("mlserver", "grpc")]
)
def test_boxes_are_those_of_the_model_here(tmp_path: Path, server: str, scheme: str) -> None:
    if scheme == "grpc":
        pytest.importorskip("grpc", reason="edge-daemon[remote] is not installed")
    ports = {"http": free_port(), "grpc": free_port()}
    street = Scene(seed=1, width=640, height=360, people=4).frame(5, 15.0)[0]
    expected = Model(ModelSettings(name="m", path=str(PERSON))).detect(street)[0].detections
    with running(server, tmp_path, ports["http"], ports["grpc"]):
        there = eventually(lambda: opened(f"{scheme}://127.0.0.1:{ports[scheme]}/person"), START_S, what=server)
        assert there is not None
        found = there.detect(street)[0].detections
        assert isinstance(there.session.engine, RemoteEngine)
        there.session.engine.close()
    assert len(expected) > 0
    assert np.array_equal(found.xyxy, expected.xyxy)
    assert np.array_equal(found.confidence, expected.confidence)
