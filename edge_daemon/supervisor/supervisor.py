"""The loop that keeps all processes running, applies other configurations, and stops in order."""

import logging
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import get_args

from edge_daemon.config.problems import unknown
from edge_daemon.errors import EdgeError, ExitCode, StartError
from edge_daemon.messages.hints import kind_of
from edge_daemon.messages.published import utc
from edge_daemon.messages.requests import (
    Reload,
    Reply,
    Requester,
    Retry,
    SetMode,
    SteerDelivery,
    StoreRequest,
    SwitchCamera,
    SwitchRule,
)
from edge_daemon.messages.status import BRIDGE, RecorderReport, SinkReport, Status, Streams, camera_statuses
from edge_daemon.runtime.audit_log import AuditLog
from edge_daemon.runtime.control import Processes
from edge_daemon.settings import SinkSettings
from edge_daemon.supervisor.child import Child
from edge_daemon.supervisor.control_socket import Caller, ControlSocket
from edge_daemon.supervisor.kinds.kind import ProcessSpec
from edge_daemon.supervisor.notify import ServiceStatus, notify
from edge_daemon.supervisor.process_table import ProcessTable
from edge_daemon.supervisor.reload import Load, reload
from edge_daemon.supervisor.request_router import RequestRouter, Respond, failure
from edge_daemon.supervisor.signals import Signals
from edge_daemon.supervisor.spawner import Spawner
from edge_daemon.supervisor.switchboard import Switchboard
from edge_daemon.supervisor.usage import Survey

logger = logging.getLogger(__name__)
TABLE_S = 1.0
START_S = 1800.0
"""Time that a process may take to come up: some accelerators compile a new model for many minutes."""
LATE_S = 10.0
"""Time that the start waits for a process that need not be there."""
RELOAD_S = 0.05
"""Interval at which the progress of a reload is checked when nothing happens."""
Observer = Callable[[Status], None]


class Supervisor:
    """Runs the processes of `specs` until all sources have ended, or a signal asks it to stop.

    `observe` receives the status once a second. `load` returns the specs of a reload, for which SIGHUP, a caller of
    `control` or the web may ask. What people have switched is kept in the folder `state`.
    """

    def __init__(
        self,
        specs: list[ProcessSpec],
        signals: Signals,
        *,
        spawner: Spawner,
        control: ControlSocket,
        load: Load,
        observe: Observer | None = None,
        audit: AuditLog | None = None,
        state: Path | None = None,
    ) -> None:
        self._requests = RequestRouter(audit or AuditLog(None))
        self._requests.on(Reload, lambda _, respond: self._next_callers.append(respond))
        self._switchboard = Switchboard(state, self._sink_settings)
        self._requests.on(SwitchCamera, self._switch_camera)
        self._requests.on(SwitchRule, self._switchboard.switch_rule)
        self._requests.on(SetMode, self._switchboard.set_mode)
        self._requests.on(Retry, self._retry)
        for kind in get_args(StoreRequest):
            self._requests.on(kind, self._edit_store)
        self._requests.on(SteerDelivery, self._steer_delivery)
        self._table = ProcessTable(self._switchboard.applied(specs), spawner, self._failed, self._requests)
        self._sink = next((child for child in self._table.children if isinstance(child.report, SinkReport)), None)
        self._signals, self._control, self._load, self._observe = signals, control, load, observe
        self._table.listen(signals, signals.read)
        self._table.listen(control, self._called)
        self._started = self._finished = False
        self._failure: EdgeError | None = None
        self._table_at = 0.0
        self._survey = Survey()
        self._service_status = ServiceStatus()
        self._reload: Generator[None, None, str] | None = None
        self._next_callers: list[Respond] = []  # of the reload that begins next
        self._callers: list[Respond] = []  # of the one under way
        self._switching: list[Respond] = []  # of switches of cameras that are to be applied next
        self._is_switching = False  # they are, by a reload that reads no file

    @property
    def streams(self) -> Streams:
        """The counts that the sink reported last."""
        return self._sink.report.streams if self._sink and isinstance(self._sink.report, SinkReport) else {}

    def _sink_settings(self) -> SinkSettings | None:
        """Settings of the sink at present, which have the names of rules and modes."""
        settings = self._sink.spec.settings if self._sink else None
        return settings if isinstance(settings, SinkSettings) else None

    def run(self) -> None:
        """Keep all processes running until done or asked to stop.

        Raises:
            EdgeError: it could not start; its exit code is the kind of failure.
        """
        try:
            while not self._stopping:
                wait_s = max(self._table_at - time.monotonic(), 0.0)
                self._table.poll(min(wait_s, RELOAD_S) if self._reload else wait_s)
                self._note_changes()
                self._tick()
                self._advance()
        finally:
            notify("STOPPING=1")
            self._requests.stop()
            self._table.stop(graceful=lambda: self._signals.count < 2 and not self._failure)
        if self._failure:
            raise self._failure

    def _failed(self, child: Child, was_ready: bool) -> None:
        """Go on after a process has ended by itself. Only what a process reports itself ends the start of the daemon:
        one that was killed, such as for want of memory, is started again.
        """
        if child.failure and child.spec.awaited and not self._started and not was_ready:
            self._failure = StartError(child.why)
            self._failure.exit_code = ExitCode(child.failure.exit_code)
        else:
            again_s = (child.due or 0.0) - time.monotonic()
            logger.error("%s: %s; starts again in %.1f s", child.title, child.why, again_s)

    def _note_changes(self) -> None:
        """Look whether all processes are up now, and whether all sources have ended."""
        if not self._table.changed:
            return
        self._table.changed = False
        children = self._table.children
        sources = [child for child in children if child.spec.kind.ends_run]
        self._finished = bool(sources) and all(child.finished for child in sources)
        if not self._started and all(map(_is_up, children)):
            self._started = True
            up = sum(child.ready for child in children)
            logger.info("%s %d processes are up", "all" if up == len(children) else "the first", up)
            notify("READY=1")

    def _tick(self) -> None:
        """Once a second: report the process table, and look for processes that hang or grow."""
        now = time.monotonic()
        if now < self._table_at:
            return
        self._table_at = now + TABLE_S
        self._table.watch_spawner()
        self._table.changed |= not self._started  # time alone may tell that no more is to be waited for
        children = self._table.children
        self._survey.measure(children)
        rows = [child.status() for child in children]
        switches = self._switchboard.present
        for child in list(children):
            # A process that has not taken the previous table does not need this one.
            if child.spec.kind.receives_processes and not child.wants_to_write:
                child.send(Processes(processes=rows, switches=switches))
            hang_s = child.spec.hang_s if child.ready else START_S
            if child.running and not child.exiting and now - child.heard_at > hang_s:
                logger.error("no heartbeat from %s for %.0f s; killing it", child.title, hang_s)
                child.kill()
                self._table.hang_up(child)
            child.replace_if_large()
        self._service_status.update(children)
        if self._observe:
            cameras = camera_statuses(self.streams, rows)
            self._observe(Status(at=utc(time.time_ns()), cameras=cameras, processes=rows, switches=switches))

    def _retry(self, request: Retry, respond: Respond) -> None:
        cameras = {child.spec.camera: child for child in self._table.children if child.spec.camera}
        if (child := cameras.get(request.camera)) is None:
            raise EdgeError(unknown("camera", request.camera, cameras))
        if kind_of(child.state) != "down":
            respond(Reply(text=f"camera {request.camera} is not down: it is {child.state}"))
            return
        child.retry()
        respond(Reply(text=f"camera {request.camera} is opened now"))

    def _edit_store(self, request: StoreRequest, respond: Respond) -> None:
        recorder = next((child for child in self._table.children if isinstance(child.report, RecorderReport)), None)
        if recorder is None:
            raise EdgeError("nothing is stored here: the configuration has neither rules nor `storage`")
        recorder.serve(request, respond)

    def _steer_delivery(self, request: SteerDelivery, respond: Respond) -> None:
        bridges = {child.spec.name: child for child in self._table.children if child.spec.role == BRIDGE}
        if (child := bridges.get(request.receiver)) is None:
            raise EdgeError(unknown("receiver", request.receiver, bridges))
        child.serve(request, respond)

    def _switch_camera(self, request: SwitchCamera, respond: Respond) -> None:
        """Switch a camera; the reply follows when its capture has done so.

        Raises:
            EdgeError: it cannot be switched.
        """
        done = self._switchboard.switch_camera(request)
        self._switching.append(lambda reply: respond(reply if reply.exit_code else Reply(text=done)))

    def _planned(self) -> list[ProcessSpec]:
        """The processes of a reload."""
        return self._switchboard.applied(self._load())

    def _switched(self) -> list[ProcessSpec]:
        """The processes that run, with other switches."""
        return self._switchboard.applied([child.spec for child in self._table.children])

    def _called(self) -> None:
        if caller := self._control.accept():
            self._table.listen(caller, lambda: self._serve(caller))

    def _serve(self, caller: Caller) -> None:
        if (asks := caller.receive()) is None:
            self._table.ignore(caller)
            caller.close()
            return
        for ask in asks:
            self._requests.receive(ask.request, caller, ask.id)

    def _advance(self) -> None:
        """Begin a reload that was asked for, or continue the one under way."""
        if self._signals.take_hang_up():
            self._requests.receive(Reload(by=Requester(role="administrator", via="signal")))
        if self._next_callers and self._started and self._reload is None:
            notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
            self._reload = reload(self._table, self._planned)
            self._callers, self._next_callers = self._next_callers, []
        elif self._switching and self._started and self._reload is None:
            self._reload = reload(self._table, self._switched)
            self._callers, self._switching, self._is_switching = self._switching, [], True
        if self._reload is None:
            return
        try:
            next(self._reload)
        except StopIteration as done:
            logger.log(logging.DEBUG if self._is_switching else logging.INFO, "reloaded: %s", done.value)
            self._reloaded(Reply(text=done.value))
        except EdgeError as error:
            logger.error("reload failed, the previous configuration stays in use: %s", error)
            self._reloaded(failure(error))

    def _reloaded(self, reply: Reply) -> None:
        for respond in self._callers:
            respond(reply)
        self._reload, self._callers, self._is_switching = None, [], False
        notify("READY=1")

    @property
    def _stopping(self) -> bool:
        finished = self._reload is None and self._finished
        return bool(self._signals.count) or self._failure is not None or finished


def _is_up(child: Child) -> bool:
    """True if the service need not wait for this process: it is ready, or a camera that comes and goes is away, or on
    a file system that does not answer.
    """
    is_late = child.restarts > 0 or time.monotonic() - child.started_at > LATE_S
    return child.ready or child.finished or (not child.spec.awaited and is_late)
