"""One process of ours: started, heard, and ended."""

import logging
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil

from edge_daemon.backoff import Backoff
from edge_daemon.errors import StartError
from edge_daemon.messages.requests import Reply
from edge_daemon.runtime import control
from edge_daemon.runtime.control import (
    Command,
    Failed,
    Finished,
    Heartbeat,
    ProcessChannel,
    ProcessStatus,
    Ready,
    Reconfigured,
    Replied,
    Report,
    Stop,
)
from edge_daemon.supervisor.request_router import Respond
from edge_daemon.supervisor.spawner import Spawner

logger = logging.getLogger(__name__)
MEMORY_S, LIMITED_S = 30.0, 5.0
"""How often memory is measured, and where it is limited: the kernel walks all of a process's pages for it."""
RESTART_S, RESTART_MAX_S = 0.25, 30.0
"""Delay before a process that failed is started again, doubled with each failure in a row, and its limit."""
FORGIVEN_S = 2.0
"""Each such time that it was up forgives one failure before: a process that works for a while is soon back."""
EXIT_S = 2.0
"""How long a process that closed its line may take to end."""


@dataclass(frozen=True)
class ProcessSpec:
    """A process that a configuration calls for. One that is `awaited` must come up for a run to start at all; one
    whose loop did not turn for `hang_s` is killed and started again; one that takes more than `max_bytes` of memory is
    replaced once it has done what it is at.
    """

    role: str
    name: str
    settings: msgspec.Struct
    awaited: bool = True
    hang_s: float = control.HANG_S
    max_bytes: int | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the others."""
        return self.role, self.name


class Child:
    """A process and what is known of it. It can be started again after it ended, unless it is to run only `once`."""

    def __init__(self, spec: ProcessSpec, spawner: Spawner) -> None:
        self.spec = spec
        self._spawner = spawner
        self.once = self.replaced = False
        self.restarts = 0
        self.ready = self.finished = False
        self.failure: Failed | None = None
        self.answer: Reconfigured | None = None
        self.why = ""
        self.state = "starting"
        self.detail: dict[str, Any] = {}
        self.start_at: float | None = 0.0
        self.heard_at = 0.0
        self._ready_at = 0.0
        self._leave_by: float | None = None
        self._backoff = Backoff(RESTART_S, RESTART_MAX_S)
        self._process: psutil.Process | None = None
        self._channel: ProcessChannel | None = None
        self._memory_bytes, self._memory_at = 0, 0.0
        self._cpu = 0.0

    @property
    def title(self) -> str:
        """`capture door`, or just `sink` where there is one of a kind."""
        return self.spec.role if self.spec.role == self.spec.name else f"{self.spec.role} {self.spec.name}"

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None

    @property
    def settled(self) -> bool:
        """Whether it has come up, or has shown that it cannot."""
        return self.ready or self.finished or self.restarts > 0

    @property
    def pid(self) -> int | None:
        """Of the process there is."""
        return self._process.pid if self._process else None

    def fileno(self) -> int:
        """File descriptor that is readable when a report has arrived, or the process is gone."""
        assert self._channel is not None
        return self._channel.fileno()

    @property
    def wants_to_write(self) -> bool:
        """True while there are commands that the process has not taken yet."""
        return self._channel is not None and self._channel.wants_to_write

    def start(self) -> bool:
        """Start the process and send it its settings; true if that worked."""
        self.start_at, self.heard_at = None, time.monotonic()
        self.ready, self.failure, self.state, self.detail = False, None, "starting", {}
        self.replaced, self._leave_by = False, None
        try:
            settings = control.encoded_start(self.spec.settings, self.spec.hang_s)
            self._channel = control.ProcessChannel()
            with self._channel.theirs as theirs:
                self._process = psutil.Process(self._spawner.start(self.spec.role, self.spec.name, theirs))
        except StartError as error:
            self.failure = control.failed(error)
            self._ended(str(error), 0.0)
            return False
        self._channel.start(settings)
        return True

    def send(self, command: Command) -> bool:
        """Send a command; true if there is a process that can take it."""
        return self.running and self._channel is not None and self._channel.send(command)

    def responder(self, id: int) -> Respond:
        """Return the function that sends the reply to request `id` of the process that runs now, not of a later one."""
        channel = self._channel
        assert channel is not None

        def respond(reply: Reply) -> None:
            channel.send(Replied(id=id, reply=reply))

        return respond

    def flush(self) -> None:
        """Send what the process takes now of the commands before."""
        if self._channel:
            self._channel.flush()

    def reconfigure(self, restarted: list[str]) -> bool:
        """Have the process go on with the settings of its spec, which `answer` is about; true if it was told."""
        self.answer = None
        return self.send(control.reconfigure(self.spec.settings, restarted))

    def retire(self, grace_s: float) -> None:
        """Let the process end, within `grace_s`, and start none again."""
        self.once, self.start_at = True, None
        self._leave(grace_s)

    def replace_if_large(self) -> None:
        """Let the process end once it has done what it is at, and start another, if it takes too much memory."""
        if self.ready and not self.replaced and self._memory_bytes > (self.spec.max_bytes or self._memory_bytes):
            logger.warning("%s takes %.0f MB, which is too much; it is replaced", self.title, self._memory_bytes / 1e6)
            self.replaced = True
            self._leave(self.spec.hang_s)

    def _leave(self, grace_s: float) -> None:
        self._leave_by = time.monotonic() + grace_s
        self.send(Stop())

    def kill_if_late(self) -> None:
        """End the process if it has had its time."""
        if self._leave_by and self.running and time.monotonic() > self._leave_by:
            logger.warning("%s did not stop in time and is killed", self.title)
            self._leave_by = None
            self.kill()

    def receive(self) -> list[Report] | None:
        """Take in the reports that have arrived, and return them; None once the process is gone."""
        assert self._channel is not None
        reports = self._channel.receive()
        if reports:
            self.heard_at = time.monotonic()
        for report in reports or []:
            match report:
                case Ready():
                    self.ready, self.state, self._ready_at = True, "up", time.monotonic()
                case Heartbeat():
                    self.state, self.detail = report.state, report.detail
                case Failed():
                    self.failure = report
                case Reconfigured():
                    self.answer = report
                case Finished():
                    self.finished = True
        return reports

    def gone(self) -> None:
        """Close the books on a process that is gone: `why` says what it said last, or how it ended."""
        assert self._process is not None
        try:
            code = self._process.wait(EXIT_S)
        except psutil.TimeoutExpired:  # it has let go of us, but does not end
            code = self._killed(self._process)
        up_s = time.monotonic() - self._ready_at if self.ready else 0.0
        self._ended(f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}", up_s)

    def _killed(self, process: psutil.Process) -> int:
        """The exit code of a process that is killed; one that a driver holds is left to that, and counts as killed."""
        process.kill()
        try:
            return int(process.wait(EXIT_S))
        except psutil.TimeoutExpired:
            logger.error("%s was killed and does not end: a driver may hold process %d", self.title, process.pid)
            return -signal.SIGKILL

    def _ended(self, how: str, up_s: float) -> None:
        if self._channel:
            self._channel.close()
            self._channel = None
        self._process = None
        self.ready = False
        self._cpu, self._memory_bytes = 0.0, 0
        wait_s = 0.0 if self.replaced else self._backoff.failed(forgiven=int(up_s / FORGIVEN_S))
        self.start_at = None if self.finished else time.monotonic() + wait_s
        self.why = self.failure.sentence if self.failure else how
        self.state = "finished" if self.finished else f"down ({self.why})"

    def kill(self) -> None:
        """End the process at once."""
        if self._process:
            self._process.kill()

    def status(self) -> ProcessStatus:
        """For the process table."""
        self._measure()
        return ProcessStatus(
            name=self.spec.name,
            role=self.spec.role,
            pid=self.pid,
            state=self.state,
            restarts=self.restarts,
            cpu=round(self._cpu, 3),
            memory_bytes=self._memory_bytes,
            silent_s=round(time.monotonic() - self.heard_at, 1) if self.running else 0.0,
            rejected=self.detail.get("rejected", 0),
            detail=self.detail if self.spec.role in ("capture", "worker") else {},
        )

    def _measure(self) -> None:
        if self._process is None:
            return
        try:
            self._cpu = self._process.cpu_percent() / 100
            if time.monotonic() - self._memory_at > (LIMITED_S if self.spec.max_bytes else MEMORY_S):
                self._memory_at = time.monotonic()
                self._memory_bytes = _proportional_bytes(self._process.pid)
        except (psutil.Error, OSError):
            return


def _proportional_bytes(pid: int) -> int:
    """PSS: memory of this process, what it shares divided among those who share it."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
