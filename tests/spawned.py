"""A process of the daemon that a test starts without a supervisor, and that may be killed at any time."""

import subprocess
import sys
from typing import Any

import msgspec

from edge_daemon.messages.status import ProcessReport
from edge_daemon.runtime.control import Command, Heartbeat, ProcessChannel, Ready, Stop, encoded_start
from tests.waiting import eventually

START_S = 30.0
RUN = "import sys; from edge_daemon.runtime.process import run; sys.exit(run(sys.argv[1], 'test', int(sys.argv[2])))"


class Spawned:
    """Runs a module's `serve` with settings. `read` takes in its heartbeats: the last `state` and `report`."""

    def __init__(self, module: str, settings: msgspec.Struct, report: type[ProcessReport] = ProcessReport) -> None:
        self._module, self._settings, self._decoder = module, settings, msgspec.msgpack.Decoder(report)
        self.state, self.report = "", report()
        self.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        self._channel = ProcessChannel()
        fd = self._channel.theirs.fileno()
        self._process = subprocess.Popen([sys.executable, "-c", RUN, self._module, str(fd)], pass_fds=[fd])
        self._channel.theirs.close()
        self._channel.start(encoded_start(self._settings))
        eventually(lambda: any(isinstance(one, Ready) for one in self.read()), START_S, what=f"{self._module} up")

    def read(self) -> list[Any]:
        reports = self._channel.receive() or []
        for report in reports:
            if isinstance(report, Heartbeat):
                self.state, self.report = report.state, self._decoder.decode(report.report)
        return list(reports)

    def send(self, command: Command) -> None:
        self._channel.send(command)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._channel.close()

    def stop(self) -> None:
        self._channel.send(Stop())
        eventually(lambda: (self.read(), self._process.poll())[1] is not None, START_S, what=f"{self._module} gone")
        self._channel.close()
