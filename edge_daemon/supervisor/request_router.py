"""Routes requests to the supervisor: each goes to the handler of its kind, into the audit log, and gets one reply."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import msgspec

from edge_daemon.errors import EdgeError, ExitCode
from edge_daemon.messages.requests import AnyRequest, AuditNote, ConfigProblem, Reply, Request
from edge_daemon.runtime.audit_log import AuditLog

LONGEST_TEXT, MOST_PROBLEMS = 16_000, 100
STOPPING = Reply(exit_code=ExitCode.FAILED, text="the daemon is stopping")
RELEASED = Reply(text="the process that asked is being replaced; what it asked for goes on", final=False)
Respond = Callable[[Reply], None]
R = TypeVar("R", bound=Request)


class Asker(Protocol):
    """A process or a program that asks."""

    def responder(self, id: int) -> Respond:
        """Return the function that sends the reply to its request `id`; it does nothing once the asker is gone."""
        ...


@dataclass(eq=False)
class _Pending:
    request: AnyRequest
    asker: Asker | None
    respond: Respond


class RequestRouter:
    """Keeps the requests that have no reply yet. A handler gets a request and the function to call with its reply, at
    once or later; an `EdgeError` that it raises is a reply, too.
    """

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit
        self._handlers: dict[type[Request], Callable[[Any, Respond], None]] = {}
        self._pending: list[_Pending] = []
        self._stopping = False
        self.on(AuditNote, self._note)

    def on(self, kind: type[R], handler: Callable[[R, Respond], None]) -> None:
        """Let `handler` serve the requests of a kind."""
        self._handlers[kind] = handler

    def receive(self, request: AnyRequest, asker: Asker | None = None, id: int = 0) -> None:
        """Take in a request; without an `asker` (a signal), nobody gets the reply."""
        pending = _Pending(request, asker, asker.responder(id) if asker else _nobody)
        self._pending.append(pending)
        finish = partial(self._finish, pending)
        if self._stopping and not isinstance(request, AuditNote):
            finish(STOPPING)
            return
        try:
            self._handlers.get(type(request), _unknown)(request, finish)
        except EdgeError as error:
            finish(failure(error))

    def release(self, asker: Asker) -> None:
        """Reply to `asker`, which has to end; its requests go on."""
        for pending in self._pending:
            if pending.asker is asker:
                pending.respond(RELEASED)
                pending.respond = _nobody

    def stop(self) -> None:
        """Refuse all requests, also those that still come: the daemon stops."""
        self._stopping = True
        for pending in list(self._pending):
            self._finish(pending, STOPPING)

    def _finish(self, pending: _Pending, reply: Reply) -> None:
        if pending not in self._pending:
            return
        self._pending.remove(pending)
        request = pending.request
        if request.ACTION:
            self._audit.record(request.by, request.ACTION, "failed" if reply.exit_code else "done", reply.text)
        pending.respond(reply)

    def _note(self, note: AuditNote, respond: Respond) -> None:
        self._audit.record(note.by, note.action, note.result, note.text)
        respond(Reply())


def failure(error: EdgeError) -> Reply:
    """Reply to a request that failed."""
    problems = [
        msgspec.convert(problem, ConfigProblem, from_attributes=True) for problem in error.problems[:MOST_PROBLEMS]
    ]
    return Reply(exit_code=error.exit_code, text=str(error)[:LONGEST_TEXT], problems=problems)


def _unknown(request: Request, _: Respond) -> None:
    raise EdgeError(f"nothing here serves requests such as {type(request).__name__}")


def _nobody(_: Reply) -> None:
    """Nobody waits for the reply."""
