"""Threads that wait for the answers of one server."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from edge_daemon.errors import ModelError
from edge_daemon.models.remote.connection import Connection
from edge_daemon.models.tensors import Answer, Arrays

W = TypeVar("W")


@dataclass(frozen=True)
class Ticket(Generic[W]):
    """A request under way for the work `what`; `in_flight` were when it was sent, itself included."""

    what: W
    feeds: Arrays
    outputs: Sequence[str]
    timeout_s: float
    in_flight: int


@dataclass(frozen=True)
class Returned(Generic[W]):
    """The answer to a request, or why there is none, and the time that took."""

    ticket: Ticket[W]
    answer: Answer | ModelError
    took_s: float


class Lane(Generic[W]):
    """Sends requests over a connection, each in a thread of its own. What returns is passed to `receive`, in that
    thread.
    """

    def __init__(self, connection: Connection, name: str, receive: "Callable[[Lane[W], Returned[W]], None]") -> None:
        self._connection, self._name, self._receive = connection, name, receive
        self._queue: queue.SimpleQueue[Ticket[W] | None] = queue.SimpleQueue()
        self._threads = 0

    def send(self, ticket: Ticket[W]) -> None:
        """Send a request."""
        if ticket.in_flight > self._threads:
            self._threads += 1
            threading.Thread(target=self._run, name=self._name, daemon=True).start()
        self._queue.put(ticket)

    def close(self) -> None:
        """Close the connection: requests under way return without an answer."""
        for _ in range(self._threads):
            self._queue.put(None)
        self._connection.close()

    def _run(self) -> None:
        while ticket := self._queue.get():
            began = time.monotonic()
            answer: Answer | ModelError
            try:
                answer = self._connection.infer(ticket.feeds, ticket.outputs, ticket.timeout_s)
            except ModelError as error:
                answer = error
            except Exception as error:
                answer = ModelError(f"{type(error).__name__}: {error}")
            self._receive(self, Returned(ticket, answer, time.monotonic() - began))
