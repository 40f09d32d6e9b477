"""A process of the supervisor: started, listened to, and ended. Nothing here waits for it."""

import itertools
import logging
import os
import signal
import time
from collections.abc import Callable

import msgspec

from edge_daemon import log
from edge_daemon.backoff import Backoff
from edge_daemon.errors import EdgeError, ExitCode, StartError
from edge_daemon.messages.hints import kind_of
from edge_daemon.messages.published import utc
from edge_daemon.messages.requests import AnyRequest, Reply
from edge_daemon.messages.status import ProcessReport, ProcessStatus
from edge_daemon.runtime import control
from edge_daemon.runtime.control import (
    Command,
    Failed,
    Finished,
    Heartbeat,
    ProcessChannel,
    Ready,
    Reconfigured,
    Replied,
    Report,
    RetryNow,
    Serve,
    Served,
    Started,
    Stop,
)
from edge_daemon.runtime.forkserver import SpawnRequest
from edge_daemon.supervisor.kinds.kind import ProcessSpec
from edge_daemon.supervisor.request_router import Respond
from edge_daemon.supervisor.spawner import Spawner
from edge_daemon.supervisor.usage import Usage

logger = logging.getLogger(__name__)
RESTART_S, RESTART_MAX_S = 0.25, 30.0
"""Delay before a process that failed is started again, doubled with each failure in a row, and its limit."""
FORGIVEN_S = 2.0
"""Time of service that cancels one earlier failure, so that a process that works for a while restarts soon."""
EXIT_S = 2.0
"""Time that a process which closed its channel may take to end; and, once it is killed, to be gone."""
UNREADY_S = 0.5
"""Time that a process may take to stop that is not ready, such as one that loads a model: it has no work in hand."""
REAP_S, STUCK_S = 0.01, 1.0
"""Interval at which that is checked, also of a process that the kernel could not end in time."""


class Child:
    """A process and what is known of it. It can be started again after it ended, unless it is to run only `once`.

    It is waiting for its start, being spawned (it was asked for, and has not reported its `pid`), running, leaving (it
    has until a deadline to stop) or exiting (its channel is closed, but it is not gone yet). `due` is the time at which
    it needs attention next. `on_change` is called when that may have changed, or there may be commands that the process
    has not taken yet.
    """

    def __init__(
        self, spec: ProcessSpec, spawner: Spawner, on_change: Callable[["Child"], None] = lambda child: None
    ) -> None:
        self.spec, self.name, self.title = spec, spec.name, spec.title
        self._spawner, self._on_change = spawner, on_change
        self.once = self.replaced = self.removed = False
        self.starts = self.restarts = 0
        self.ready = self.finished = False
        self.failure: Failed | None = None
        self.answer: Reconfigured | None = None
        self._numbers = itertools.count(1)
        self._serving: dict[int, Respond] = {}
        self.why = ""
        self._state, self._since_ns = "starting", time.time_ns()
        self.report: ProcessReport = spec.kind.report()
        self.due: float | None = 0.0
        self.pid: int | None = None
        self.usage: Usage | None = None
        self.heard_at = self.started_at = 0.0
        self._ready_at = 0.0
        self._exit_by: float | None = None
        self._killed = self._condemned = False
        self.crashed = False
        """True if its last process ended with an error, or was killed by somebody else."""
        self._backoff = Backoff(RESTART_S, RESTART_MAX_S)
        self._channel: ProcessChannel | None = None

    @property
    def state(self) -> str:
        """Its state in a word or two, with the reason if it is down."""
        return self._state

    @state.setter
    def state(self, state: str) -> None:
        if kind_of(state) != kind_of(self._state):
            self._since_ns = time.time_ns()
        self._state = state

    @property
    def running(self) -> bool:
        """True if there is a process, or will be at once."""
        return self._channel is not None or self.exiting

    @property
    def spawning(self) -> bool:
        """True if the fork server was asked for the process, which has not reported yet."""
        return self._channel is not None and self.pid is None

    @property
    def exiting(self) -> bool:
        """True if the process has closed its channel and is not gone yet."""
        return self._exit_by is not None

    @property
    def settled(self) -> bool:
        """True if it has come up, or has shown that it cannot."""
        return self.ready or self.finished or self.restarts > 0

    @property
    def silent_s(self) -> float:
        """Time since its last report; 0 if there is no process."""
        return time.monotonic() - self.heard_at if self.running else 0.0

    def fileno(self) -> int:
        """File descriptor that is readable when a report has arrived, or the process has closed its channel."""
        assert self._channel is not None
        return self._channel.fileno()

    @property
    def wants_to_write(self) -> bool:
        """True while there are commands that the process has not taken yet."""
        return self._channel is not None and self._channel.wants_to_write

    def start(self) -> bool:
        """Start the process and send it its settings; true if that worked."""
        self.due, self.started_at = None, time.monotonic()
        self.heard_at = self.started_at
        self.ready, self.failure, self.state, self.report = False, None, "starting", self.spec.kind.report()
        self.replaced = self._killed = self.crashed = self._condemned = False
        self.starts += 1
        try:
            settings = control.encoded_start(self.spec.settings, self.spec.hang_s)
            self._channel = ProcessChannel()
            request = SpawnRequest(self.spec.kind.module, self.title, self.spec.camera, log.level(), log.kept_in())
            with self._channel.theirs as theirs:
                self._spawner.start(request, theirs)
        except (StartError, OSError) as error:
            self._close()
            self._ended(str(error), 0.0)
            return False
        self._channel.start(settings)
        return True

    def send(self, command: Command) -> bool:
        """Send a command; true if there is a process that can take it."""
        sent = self._channel is not None and self._channel.send(command)
        self._on_change(self)
        return sent

    def serve(self, request: AnyRequest, respond: Respond) -> None:
        """Have the process serve a request.

        Raises:
            EdgeError: there is no process that could.
        """
        number = next(self._numbers)
        if not self.ready or not self.send(Serve(id=number, request=request)):
            raise EdgeError(f"the {self.title} is {self.state}: try again")
        self._serving[number] = respond

    def retry(self) -> None:
        """Start the process now if it waits for that; otherwise let it try again now."""
        if not self.running and self.due is not None:
            self.due = time.monotonic()
            self._on_change(self)
        else:
            self.send(RetryNow())

    def responder(self, id: int) -> Respond:
        """Return the function that sends the reply to request `id` of the process that runs now, not of a later one."""
        channel = self._channel
        assert channel is not None

        def respond(reply: Reply) -> None:
            channel.send(Replied(id=id, reply=reply))
            self._on_change(self)

        return respond

    def flush(self) -> None:
        """Send as much of the earlier commands as the process takes now."""
        if self._channel:
            self._channel.flush()

    def reconfigure(self, restarted: list[str]) -> bool:
        """Send the process the settings of its spec, to be followed by an `answer`; true if there is a process."""
        self.answer = None
        return self.send(control.reconfigure(self.spec.settings, restarted))

    def forbid_restart(self) -> None:
        """Do not start the process again."""
        self.once = True
        if not self.running:
            self.due = None

    def retire(self) -> None:
        """Let the process end within the grace of its kind, and do not start it again."""
        self.forbid_restart()
        self._leave(self.spec.kind.grace_s if self.ready else min(self.spec.kind.grace_s, UNREADY_S))

    def replace_if_large(self) -> None:
        """Let the process finish its current work, and start another, if it uses too much memory."""
        used, most = self.usage.memory_bytes if self.usage else 0, self.spec.max_bytes
        if most is not None and used > most and self.ready and not self.replaced:
            logger.warning("%s uses %.0f MB of memory, which is too much; replacing it", self.title, used / 1e6)
            self.replaced = True
            self._leave(self.spec.hang_s)

    def _leave(self, grace_s: float) -> None:
        if self._channel is not None:
            self.due = time.monotonic() + grace_s
            self.send(Stop())

    def kill_late(self) -> None:
        """Kill the process, whose time to stop is over."""
        if self.ready:
            logger.warning("%s did not stop in time; killing it", self.title)
        self.due = None
        self.kill()

    def kill(self) -> None:
        """Kill the process, if there is one."""
        if self.pid is not None:
            self._condemned = True
            os.kill(self.pid, signal.SIGKILL)

    def receive(self) -> list[Report] | None:
        """Receive the reports that have arrived, and return them; None once the process has closed its channel."""
        assert self._channel is not None
        reports = self._channel.receive()
        if reports:
            self.heard_at = time.monotonic()
        for report in reports or ():
            match report:
                case Started():
                    self.pid = report.pid
                    self.usage = Usage(self.pid, limited=self.spec.max_bytes is not None)
                case Heartbeat():
                    self.state, self.report = report.state, self.spec.kind.decode_report(report.report)
                case Ready():
                    self.ready, self.state, self._ready_at = True, "up", time.monotonic()
                case Failed():
                    self.failure = report
                case Reconfigured():
                    self.answer = report
                case Finished():
                    self.finished = True
                case Served():
                    if respond := self._serving.pop(report.id, None):
                        respond(report.reply)
        return reports

    def hang_up(self) -> None:
        """Close the channel to a process that has closed its end, or is given up; it is gone once it can be reaped."""
        self._close()
        self._exit_by = time.monotonic() + EXIT_S

    def reap(self) -> bool:
        """Look whether an exiting process is gone; if so, `why` is the reason. One that the kernel cannot end is waited
        for, since the next would not end either; but not if it is not to be started again.
        """
        assert self._exit_by is not None
        now = time.monotonic()
        if self.pid is None:
            self._ended("it could not be started; is there memory, and room for another process?", 0.0)
            return True
        code = _exit_code(self.pid)
        if code is None and now < self._exit_by:
            self.due = now + REAP_S
            return False
        if code is None and not self._killed:
            self.kill()
            self._killed, self._exit_by, self.due = True, now + EXIT_S, now + REAP_S
            return False
        if code is None and not self.once:
            stuck = f"down (process {self.pid} was killed but has not ended: a driver or a file system holds it)"
            if self.state != stuck:
                logger.error("%s was killed but has not ended: process %d is stuck in the kernel", self.title, self.pid)
            self.state = stuck
            self.due = now + STUCK_S
            return False
        if code is None:
            code = -signal.SIGKILL
        up_s = now - self._ready_at if self.ready else 0.0
        self.crashed = bool(code) and not self._condemned
        self._ended(f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}", up_s)
        return True

    def _close(self) -> None:
        if self._channel:
            self._channel.close()
            self._channel = None
        for respond in self._serving.values():
            respond(Reply(exit_code=ExitCode.FAILED, text=f"the {self.title} has ended: see if it was done"))
        self._serving.clear()

    def _ended(self, how: str, up_s: float) -> None:
        self.pid = self.usage = self._exit_by = None
        self.ready = False
        wait_s = 0.0 if self.replaced else self._backoff.failed(forgiven=int(up_s / FORGIVEN_S))
        self.due = None if self.finished or self.once else time.monotonic() + wait_s
        self.why = self.failure.sentence if self.failure else how
        self.state = "finished" if self.finished else f"down ({self.why})"

    @property
    def _next_start_s(self) -> float | msgspec.UnsetType:
        if self.running or self.finished or self.due is None:
            return msgspec.UNSET
        return round(max(0.0, self.due - time.monotonic()), 1)

    def status(self) -> ProcessStatus:
        """Its row of the process table."""
        usage = self.usage
        return ProcessStatus(
            name=self.name,
            role=self.spec.role,
            pid=self.pid,
            state=self.state,
            restarts=self.restarts,
            cpu=round(usage.cpu, 3) if usage else 0.0,
            memory_bytes=usage.memory_bytes if usage else 0,
            silent_s=round(self.silent_s, 1),
            since=utc(self._since_ns),
            next_start_s=self._next_start_s,
            rejected=self.report.rejected,
            detail=self.spec.kind.detail(self.report),
        )


def _exit_code(pid: int) -> int | None:
    """Exit code of a child of this process, negative for a signal; None if it still runs."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return -signal.SIGKILL
    return os.waitstatus_to_exitcode(status) if ended else None
