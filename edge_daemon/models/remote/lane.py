"""Threads that wait for the answers of one server."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from edge_daemon.errors import ModelError
from edge_daemon.models.remote.connection import Connection
from edge_daemon.models.tensors import Answer, Arrays, Metadata

T = TypeVar("T")
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


@dataclass(frozen=True)
class Checked:
    """What a server says of its model, or why it says nothing."""

    about: Metadata | ModelError


class Lane(Generic[W]):
    """Sends requests over a connection, each in a thread of its own. What returns is passed to `receive`, in that
    thread.
    """

    def __init__(
        self, connection: Connection, name: str, receive: "Callable[[Lane[W], Returned[W] | Checked], None]"
    ) -> None:
        self._connection, self._name, self._receive = connection, name, receive
        self._queue: queue.SimpleQueue[Callable[[], Returned[W] | Checked] | None] = queue.SimpleQueue()
        self._threads = 0

    def send(self, ticket: Ticket[W]) -> None:
        """Send a request."""
        self._put(partial(self._infer, ticket), ticket.in_flight)

    def check(self, timeout_s: float, in_flight: int) -> None:
        """Ask whether the server still has the model; `in_flight` requests are under way, this one included."""
        self._put(partial(self._check, timeout_s), in_flight)

    def close(self) -> None:
        """Close the connection: requests under way return without an answer."""
        for _ in range(self._threads):
            self._queue.put(None)
        self._connection.close()

    def _put(self, call: "Callable[[], Returned[W] | Checked]", in_flight: int) -> None:
        if in_flight > self._threads:
            self._threads += 1
            threading.Thread(target=self._run, name=self._name, daemon=True).start()
        self._queue.put(call)

    def _run(self) -> None:
        while call := self._queue.get():
            self._receive(self, call())

    def _infer(self, ticket: Ticket[W]) -> Returned[W]:
        began = time.monotonic()
        answer = _outcome(partial(self._connection.infer, ticket.feeds, ticket.outputs, ticket.timeout_s))
        return Returned(ticket, answer, time.monotonic() - began)

    def _check(self, timeout_s: float) -> Checked:
        return Checked(_outcome(partial(self._connection.metadata, timeout_s)))


def _outcome(call: Callable[[], T]) -> T | ModelError:
    try:
        return call()
    except ModelError as error:
        return error
    except Exception as error:
        return ModelError(f"{type(error).__name__}: {error}")
