"""All processes of a run: started, heard, started again, and let go."""

import logging
import selectors
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from edge_daemon.runtime.control import Ask, Exited
from edge_daemon.supervisor.child import Child, ProcessSpec
from edge_daemon.supervisor.request_router import RequestRouter
from edge_daemon.supervisor.spawner import Spawner

logger = logging.getLogger(__name__)
GRACE_S = {"web": 4.0, "capture": 3.0, "worker": 5.0, "dispatcher": 3.0, "sink": 5.0}
"""How long a process that was told to stop may take."""
STOP_ORDER = ("web", "capture", "worker", "dispatcher", "sink")
ASKERS = ("web",)
"""Roles whose processes may ask the supervisor for something."""


class Readable(Protocol):
    """What a selector can wait for."""

    def fileno(self) -> int:
        """Readable when something has come."""
        ...


class ProcessTable:
    """Keeps its processes running. `on_failure` is called for each that ended unasked, with true if it had come up.
    What processes ask for goes to `requests`.
    """

    def __init__(
        self,
        specs: Iterable[ProcessSpec],
        spawner: Spawner,
        on_failure: Callable[[Child, bool], None],
        requests: RequestRouter,
    ) -> None:
        self._spawner, self._requests = spawner, requests
        self.children = [Child(spec, spawner) for spec in specs]
        self._on_failure = on_failure
        self._selector = selectors.DefaultSelector()
        self._congested: set[Child] = set()  # those polled for room

    def listen(self, to: Readable, act: Callable[[], None]) -> None:
        """Call `act` whenever there is something to read."""
        self._selector.register(to, selectors.EVENT_READ, act)

    def ignore(self, to: Readable) -> None:
        """Listen to it no more."""
        self._selector.unregister(to)

    def of(self, role: str) -> list[Child]:
        """The processes of one role."""
        return [child for child in self.children if child.spec.role == role]

    def add(self, spec: ProcessSpec, *, once: bool = False) -> Child:
        """One more process; with `once` its end, whatever it is, is for good."""
        child = Child(spec, self._spawner)
        child.once = once
        self.children.append(child)
        return child

    def retire(self, child: Child) -> None:
        """End a process for good; it is one of us until it is gone."""
        self._requests.release(child)
        child.retire(GRACE_S[child.spec.role])
        if not child.running:
            self.children.remove(child)

    def poll(self, wait_s: float) -> None:
        """Start whoever is due, then hear what there is to hear for `wait_s` at most."""
        now = time.monotonic()
        for child in list(self.children):
            if child.start_at is not None and child.start_at <= now:
                self._start(child)
            child.kill_if_late()
        self._poll_for_room()
        due = [child.start_at for child in self.children if child.start_at is not None]
        for key, _ in self._selector.select(max(min([now + wait_s, *due]) - now, 0.0)):
            key.data()

    def stop(self, *, graceful: Callable[[], bool]) -> None:
        """End all, whoever gives first, so that nothing under way is lost; and at once when it need not be graceful."""
        for child in self.children:
            child.once, child.start_at = True, None
        for role in STOP_ORDER:
            for child in self.of(role):
                self.retire(child)
            while self.of(role):
                if not graceful():
                    for child in self.of(role):
                        child.kill()
                self.poll(0.2)
        self._selector.close()

    def _start(self, child: Child) -> None:
        if child.start():
            self.listen(child, lambda: self._serve(child))
        else:
            self._after(child, was_ready=False)

    def _poll_for_room(self) -> None:
        """Wake up when a process that has commands waiting can take them."""
        waiting = {child for child in self.children if child.wants_to_write}
        for child in waiting ^ self._congested:
            if child.running:
                events = selectors.EVENT_READ | (selectors.EVENT_WRITE if child in waiting else 0)
                self._selector.modify(child, events, self._selector.get_key(child).data)
        self._congested = waiting

    def _serve(self, child: Child) -> None:
        """Send what the process takes, and receive what it reports."""
        child.flush()
        if (reports := child.receive()) is not None:
            for ask in reports:
                if isinstance(ask, Ask):
                    self._receive(child, ask)
            return
        self.ignore(child)
        self._congested.discard(child)
        was_ready = child.ready
        child.gone()
        for other in self.of("dispatcher"):
            if other is not child:
                other.send(Exited(process=child.spec.name, role=child.spec.role))
        self._after(child, was_ready=was_ready)

    def _receive(self, child: Child, ask: Ask) -> None:
        if child.spec.role in ASKERS:
            self._requests.receive(ask.request, child, ask.id)
        else:
            logger.warning("%s asked for something, which its kind may not", child.title)

    def _after(self, child: Child, *, was_ready: bool) -> None:
        """What comes after a process has ended, or could not be started."""
        if child.once:
            self.children.remove(child)
        elif not child.finished:
            child.restarts += 1
            if not child.replaced:
                self._on_failure(child, was_ready)
