"""Real inference servers, where tools/inference_servers.sh has installed them, and how each is started."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.harness import free_port

SCRIPTS = Path(__file__).parents[1] / "benchmarks" / "servers"
SCHEMES = {"triton": ("http", "grpc"), "kserve": ("grpc",), "mlserver": ("grpc",), "edge-daemon": ("http", "grpc")}
"""What each speaks with binary tensors."""
START_S = 100.0
"""Longest time until one is up."""


@contextmanager
def serving(
    server: str, installed: Path, model: Path, folder: Path, inside: Sequence[str] = ()
) -> Iterator[dict[str, str]]:
    """Serve an ONNX file, with the other files in `folder`; the addresses of the model by scheme. Its command is put
    behind `inside`.
    """
    ports = {"http": free_port(), "grpc": free_port()}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*inside, *_command(server, installed, model, folder, ports)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            process_group=0,  # not a session, which could get less CPU than its client
        )
    try:
        yield {scheme: f"{scheme}://127.0.0.1:{ports[scheme]}/m" for scheme in SCHEMES[server]}
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _command(server: str, installed: Path, model: Path, folder: Path, ports: dict[str, int]) -> list[str]:
    if server in ("triton", "kserve"):
        script = SCRIPTS / ("triton.py" if server == "triton" else "kserve_server.py")
        python = str(installed / server / "bin" / "python")
        return [python, str(script), str(model), "m", str(ports["http"]), str(ports["grpc"])]
    if server == "edge-daemon":
        web = {"listen": f"127.0.0.1:{ports['http']}", "grpc": f"127.0.0.1:{ports['grpc']}"}
        idle = {"idle": {"source": "scene:?size=64x64", "fps": 0.01}}
        config = {"cameras": idle, "models": {"m": {"path": str(model)}}, "web": web}
        (folder / "config.yaml").write_text(json.dumps(config | {"publish": {"bind": [f"ipc://{folder}/publish"]}}))
        return [sys.executable, "-m", "edge_daemon", "run", str(folder / "config.yaml")]
    shutil.copy(SCRIPTS / "mlserver" / "runtime.py", folder / "onnx_runtime.py")
    listens = {"host": "127.0.0.1", "http_port": ports["http"], "grpc_port": ports["grpc"], "metrics_port": free_port()}
    settings = {**listens, "parallel_workers": 0, "grpc_max_message_length": 1 << 26}
    (folder / "settings.json").write_text(json.dumps(settings))
    described = {"name": "m", "implementation": "onnx_runtime.Onnx", "parameters": {"uri": str(model)}}
    (folder / "model-settings.json").write_text(json.dumps(described))
    return [str(installed / server / "bin" / "mlserver"), "start", str(folder)]
