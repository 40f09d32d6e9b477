"""The supervisor with real processes: one that hangs is replaced, with no service manager's help."""

import os
import signal
from dataclasses import replace
from pathlib import Path

from edge_daemon.config.load import loads
from edge_daemon.messages.status import Status
from edge_daemon.supervisor.control_socket import ControlSocket
from edge_daemon.supervisor.folders import run_folder
from edge_daemon.supervisor.plan import plan
from edge_daemon.supervisor.signals import Signals
from edge_daemon.supervisor.spawner import Spawner
from edge_daemon.supervisor.supervisor import Supervisor
from tests.acceptance.harness import free_port
from tests.onnx_models import slow_model

HANG_S = 3.0


class Onlooker:
    """Stops the dispatcher once frames flow, and the supervisor once they flow again."""

    def __init__(self) -> None:
        self.stopped: int | None = None
        self.delivered = 0

    def update(self, status: Status) -> None:
        """Look at the status."""
        delivered = status.cameras["door"].models["m"].delivered if status.cameras else 0
        dispatcher = next(process for process in status.processes if process.role == "dispatcher")
        if self.stopped is None and delivered and dispatcher.pid:
            self.stopped, self.delivered = dispatcher.pid, delivered
            os.kill(dispatcher.pid, signal.SIGSTOP)
        elif dispatcher.pid != self.stopped and delivered > self.delivered + 15:
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_dispatcher_that_hangs_is_replaced_and_frames_flow_again(tmp_path: Path) -> None:
    config = loads(
        f"""
cameras: {{door: {{source: "scene:?fps=15&size=320x180"}}}}
models: {{m: {{path: {slow_model(tmp_path / "m.onnx", 1)}}}}}
publish: {{bind: ["tcp://127.0.0.1:{free_port()}"]}}
""",
        "here",
    )
    onlooker = Onlooker()
    with Spawner() as spawner, Signals() as signals, run_folder(tmp_path) as folder:
        specs = [replace(spec, hang_s=HANG_S) if spec.name == "dispatcher" else spec for spec in plan(config, folder)]
        with ControlSocket(folder, None) as control:
            Supervisor(
                specs, signals, spawner=spawner, control=control, load=lambda: specs, observe=onlooker.update
            ).run()
    assert onlooker.stopped
