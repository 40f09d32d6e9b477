"""All processes of a run: started, listened to, restarted, and stopped."""

import contextlib
import heapq
import itertools
import logging
import os
import selectors
import time
from bisect import insort
from collections.abc import Callable, Iterable
from math import inf
from typing import Protocol

from edge_daemon.errors import StartError
from edge_daemon.runtime.control import Ask, Exited, Heartbeat, Started
from edge_daemon.supervisor.child import Child
from edge_daemon.supervisor.kinds.kind import ProcessSpec
from edge_daemon.supervisor.request_router import RequestRouter
from edge_daemon.supervisor.spawner import FIRST_S, PATIENCE_S, Spawner

logger = logging.getLogger(__name__)
READY_S = 5.0
"""Longest wait for a process to be up that has to store what is left before it stops."""
STEP_S = 0.2
"""Longest wait for processes that stop, before looking whether they still have the time for it."""
STARTS = 16
"""Maximum number of processes started before reading the reports of others."""


class Readable(Protocol):
    """Something that a selector can wait for."""

    def fileno(self) -> int:
        """File descriptor to poll."""
        ...


class ProcessTable:
    """Keeps its processes running. A report costs the same however many processes there are.

    `on_failure` is called for each process that ended without being asked to, with true if it had come up. What
    processes ask for goes to `requests`. `changed` is set when a process came up, ended or finished, or the table's
    processes are others.
    """

    def __init__(
        self,
        specs: Iterable[ProcessSpec],
        spawner: Spawner,
        on_failure: Callable[[Child, bool], None],
        requests: RequestRouter,
    ) -> None:
        self._spawner, self._requests = spawner, requests
        self._on_failure = on_failure
        self._selector = selectors.DefaultSelector()
        self._congested: set[Child] = set()  # those that are also polled for room
        self._timers: list[tuple[float, int, Child]] = []  # a heap; an entry that is not its child's `due` is stale
        self._numbers = itertools.count()
        self._spawned_at, self._patience_s = 0.0, FIRST_S
        self.children: list[Child] = []  # by rank
        self.changed = True
        for spec in specs:
            self.add(spec)

    def listen(self, to: Readable, act: Callable[[], None]) -> None:
        """Call `act` whenever there is something to read."""
        self._selector.register(to, selectors.EVENT_READ, act)

    def ignore(self, to: Readable) -> None:
        """Do not listen to it any more."""
        self._selector.unregister(to)

    def add(self, spec: ProcessSpec, *, once: bool = False) -> Child:
        """Add a process; with `once` it is not restarted, however it ends."""
        child = Child(spec, self._spawner, self._attend)
        child.once, self.changed = once, True
        insort(self.children, child, key=lambda one: one.spec.rank)
        self._attend(child)
        return child

    def retire(self, child: Child) -> None:
        """End a process for good; it stays in the table until it is gone."""
        self._requests.release(child)
        child.retire()
        if not child.running:
            self._remove(child)

    def poll(self, wait_s: float) -> None:
        """Do what is due, then receive what arrives within `wait_s`."""
        now = time.monotonic()
        for _ in range(STARTS):
            if not self._timers or self._timers[0][0] > now:
                break
            _, _, child = heapq.heappop(self._timers)
            if child.due is not None and child.due <= now:
                self._act(child)
        if self._timers:
            wait_s = min(wait_s, self._timers[0][0] - now)
        for key, _ in self._selector.select(max(wait_s, 0.0)):
            key.data()

    def watch_spawner(self) -> None:
        """Replace a fork server that does not start processes; those that it was to start are started by the next."""
        waiting = [child for child in self.children if child.spawning]
        since = max(self._spawned_at, min((child.heard_at for child in waiting), default=inf))
        if time.monotonic() - since <= self._patience_s:
            return
        logger.error("the fork server has started no process for %.0f s; replacing it", self._patience_s)
        self._patience_s = FIRST_S
        with contextlib.suppress(StartError):  # then its clients' requests replace it
            self._spawner.replace()
        for child in waiting:
            self.hang_up(child)

    def stop(self, *, graceful: Callable[[], bool]) -> None:
        """Stop all processes, those of the highest rank first; at once when it need not be graceful. Of a kind that
        stores, one that is down is started for that once more, and so is one that dies meanwhile.
        """
        for child in self.children:
            if not (child.spec.kind.stores and child.starts and graceful()):
                child.forbid_restart()
            elif not child.running:
                child.retry()
        again = {child.spec.key for child in self.children if not child.once}
        while self.children:
            rank = self.children[-1].spec.rank
            leaving = [child for child in self.children if child.spec.rank == rank]
            for child in leaving:
                self._await(child, graceful)
                self.retire(child)
            while self.children and self.children[-1].spec.rank == rank:
                if not graceful():
                    for child in self.children:
                        child.forbid_restart()
                        child.kill()
                self.poll(STEP_S)
            for child in leaving:
                if child.crashed and child.spec.key in again and graceful():
                    logger.error("%s: %s while it stopped; starting it again", child.title, child.why)
                    again.remove(child.spec.key)
                    self.add(child.spec)
        self._selector.close()

    def _await(self, child: Child, graceful: Callable[[], bool]) -> None:
        """Wait until a process is up that is not forbidden to start again."""
        until = time.monotonic() + READY_S
        while not (child.once or child.ready) and graceful() and time.monotonic() < until:
            self.poll(STEP_S)

    def _act(self, child: Child) -> None:
        """Do what is due for a process."""
        if child.exiting:
            self._reap(child)
        elif child.running:
            child.kill_late()
            if child.spawning:
                self.hang_up(child)
        elif child.start():
            self.listen(child, lambda: self._serve(child))
            self._attend(child)
        else:
            self._ended(child, was_ready=False)

    def _serve(self, child: Child) -> None:
        """Send what the process takes, and receive what it reports."""
        child.flush()
        self._attend(child)
        reports = child.receive()
        if reports is None:
            self.hang_up(child)
            return
        for report in reports:
            if isinstance(report, Started):
                self._spawned_at, self._patience_s = time.monotonic(), PATIENCE_S
            if isinstance(report, Ask):
                self._receive(child, report)
            elif not isinstance(report, Heartbeat):
                self.changed = True

    def hang_up(self, child: Child) -> None:
        """Go on after a process has closed its channel, or is given up."""
        if child.spawning:
            self._reap_unknown()
        self.ignore(child)
        self._congested.discard(child)
        child.hang_up()
        self._reap(child)

    def _reap_unknown(self) -> None:
        """Reap processes that ended before they had reported."""
        import psutil  # hardly ever needed

        known = {child.pid for child in self.children} | {self._spawner.pid}
        for process in psutil.Process().children():
            with contextlib.suppress(psutil.Error, ChildProcessError):
                if process.pid not in known and process.status() == psutil.STATUS_ZOMBIE:
                    os.waitpid(process.pid, os.WNOHANG)

    def _receive(self, child: Child, ask: Ask) -> None:
        if child.spec.kind.asks:
            self._requests.receive(ask.request, child, ask.id)
        else:
            logger.warning("%s asked for something, which its kind may not", child.title)

    def _reap(self, child: Child) -> None:
        was_ready = child.ready
        if not child.reap():
            self._attend(child)
            return
        for other in self.children:
            if other.spec.kind.receives_exits and other is not child:
                other.send(Exited(process=child.name, role=child.spec.role))
        self._ended(child, was_ready=was_ready)

    def _ended(self, child: Child, *, was_ready: bool) -> None:
        """Go on after a process has ended, or could not be started."""
        self.changed = True
        if child.once:
            self._remove(child)
        elif not child.finished:
            child.restarts += 1
            self._attend(child)
            if not child.replaced:
                self._on_failure(child, was_ready)

    def _remove(self, child: Child) -> None:
        self.children.remove(child)
        child.removed = self.changed = True

    def _attend(self, child: Child) -> None:
        """Look at a process when it is due; and wake up when it can take more commands, if it has not taken all."""
        if child.due is not None:
            heapq.heappush(self._timers, (child.due, next(self._numbers), child))
        if child.wants_to_write != (child in self._congested):
            self._congested ^= {child}
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if child.wants_to_write else 0)
            self._selector.modify(child, events, self._selector.get_key(child).data)
