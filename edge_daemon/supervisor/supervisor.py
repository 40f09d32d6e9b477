"""The loop that keeps all processes running, and ends them in order."""

import logging
import selectors
import time
from collections.abc import Callable
from typing import Any

from edge_daemon.errors import EdgeError, ExitCode, StartError
from edge_daemon.link import Exited, ProcessStatus, Stop, Table
from edge_daemon.supervisor.child import Child, ProcessSpec
from edge_daemon.supervisor.notify import Standing, notify
from edge_daemon.supervisor.signals import Signals

logger = logging.getLogger(__name__)
TABLE_S = 1.0
GRACE_S = {"capture": 3.0, "worker": 5.0, "dispatcher": 3.0, "sink": 5.0}
"""How long a process that was told to stop may take."""
STOP_ORDER = ("capture", "worker", "dispatcher", "sink")
Observer = Callable[[dict[str, Any], list[ProcessStatus]], None]


class Supervisor:
    """Runs the processes of `specs` until all sources have ended, or a signal says stop.

    `observe` gets the cameras' counts (as in `status/`) and the process table once a second.
    """

    def __init__(self, specs: list[ProcessSpec], signals: Signals, observe: Observer | None = None) -> None:
        self._children = [Child(spec) for spec in specs]
        self._observe = observe
        self._signals = signals
        self._selector = selectors.DefaultSelector()
        self._selector.register(signals, selectors.EVENT_READ, None)
        self._started = False
        self._failure: EdgeError | None = None
        self._table_at = 0.0
        self._standing = Standing()

    @property
    def cameras(self) -> dict[str, Any]:
        """The cameras' counts as the sink told them last."""
        sink = next(child for child in self._children if child.spec.role == "sink")
        cameras: dict[str, Any] = sink.detail.get("cameras", {})
        return cameras

    def run(self) -> None:
        """Keep all running until done or told to stop.

        Raises:
            EdgeError: it could not start; its exit code says of what kind the failure is.
        """
        try:
            while not self._stopping:
                self._revive()
                self._turn(self._wait_s())
                self._watch()
        finally:
            notify("STOPPING=1")
            self._stop()
        if self._failure:
            raise self._failure

    def _turn(self, wait_s: float) -> None:
        """Hear what the processes say, for `wait_s` at most."""
        for key, _ in self._selector.select(wait_s):
            if key.data is None:
                self._signals.read()
            elif key.data.hear() is None:
                self._ended(key.data)

    def _wait_s(self) -> float:
        due = [self._table_at, *(child.start_at for child in self._children if child.start_at is not None)]
        return max(min(due) - time.monotonic(), 0.0)

    def _revive(self) -> None:
        for child in self._children:
            if child.start_at is not None and child.start_at <= time.monotonic():
                child.start()
                self._selector.register(child, selectors.EVENT_READ, child)

    def _ended(self, child: Child) -> None:
        self._selector.unregister(child)
        failure, was_ready = child.failure, child.ready
        how = child.gone()
        for other in self._children:
            if other.spec.role == "dispatcher" and other is not child:
                other.tell(Exited(process=child.spec.name, role=child.spec.role))
        if child.finished or self._stopping:
            return
        child.restarts += 1
        sentence = failure.sentence if failure else f"{child.title} {how}"
        if child.spec.awaited and not self._started and not was_ready:
            self._failure = StartError(sentence)
            if failure:
                self._failure.exit_code = ExitCode(failure.exit_code)
        else:
            again_s = (child.start_at or 0.0) - time.monotonic()
            logger.error("%s: %s; starts again in %.1f s", child.title, sentence if failure else how, again_s)

    def _watch(self) -> None:
        """Once a second: the process table, and whether anybody hangs."""
        if not self._started and all(map(_is_there, self._children)):
            self._started = True
            up = sum(child.ready for child in self._children)
            logger.info("%s %d processes are up", "all" if up == len(self._children) else "the first", up)
            notify("READY=1")
        now = time.monotonic()
        if now < self._table_at:
            return
        self._table_at = now + TABLE_S
        table = [child.status() for child in self._children]
        for child in self._children:
            if child.spec.role == "sink":
                child.tell(Table(processes=table))
            if child.ready and now - child.heard_at > child.spec.hang_s:
                logger.error("%s has not been heard for %.0f s and is killed", child.title, child.spec.hang_s)
                child.kill()
        self._standing.tell(self.cameras, table)
        if self._observe:
            self._observe(self.cameras, table)

    def _all_finished(self) -> bool:
        captures = [child for child in self._children if child.spec.role == "capture"]
        return bool(captures) and all(child.finished for child in captures)

    @property
    def _stopping(self) -> bool:
        return bool(self._signals.count) or self._failure is not None or self._all_finished()

    def _stop(self) -> None:
        """End all, whoever gives first, so that nothing under way is lost."""
        for role in STOP_ORDER:
            group = [child for child in self._children if child.spec.role == role]
            for child in group:
                child.start_at = None
                child.tell(Stop())
            deadline = time.monotonic() + (GRACE_S[role] if self._signals.count < 2 and not self._failure else 0.0)
            while any(child.running for child in group) and self._signals.count < 2:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    break
                self._turn(min(left_s, 0.2))
            for child in group:
                if child.running:
                    if not self._failure:
                        logger.warning("%s did not stop in time and is killed", child.title)
                    child.kill()
            while any(child.running for child in group):
                self._turn(1.0)
        self._selector.close()


def _is_there(child: Child) -> bool:
    """Whether the service need not wait for this process to be ready: a camera that comes and goes may be gone."""
    return child.ready or (not child.spec.awaited and child.restarts > 0)
