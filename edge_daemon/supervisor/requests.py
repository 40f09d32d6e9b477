"""Requests to the supervisor: each goes to the handler of its kind, into the audit log, and is answered once."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import msgspec

from edge_daemon.errors import EdgeError, ExitCode
from edge_daemon.messages.requests import Answer, AnyRequest, AuditNote, ConfigProblem, Reload
from edge_daemon.runtime.audit_log import AuditLog

logger = logging.getLogger(__name__)
LONGEST_TEXT, MOST_PROBLEMS = 16_000, 100
STOPPING = Answer(exit_code=ExitCode.FAILED, text="the daemon is stopping")
RELEASED = Answer(text="the process that asked is being replaced; what it asked for goes on", final=False)
Reply = Callable[[Answer], None]
R = TypeVar("R", Reload, AuditNote)


class Asker(Protocol):
    """A process or a program that asks."""

    def reply_to(self, id: int) -> Reply:
        """Return what sends the answer to its request `id`; that does nothing once the asker is gone."""
        ...


@dataclass(eq=False)
class _Pending:
    request: AnyRequest
    asker: Asker | None
    reply: Reply


class Requests:
    """Keeps the requests that are not answered yet. A handler gets the request, and what it calls with the answer, at
    once or later; an `EdgeError` that it raises is an answer too.
    """

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit
        self._handlers: dict[type[AnyRequest], Callable[[Any, Reply], None]] = {}
        self._pending: list[_Pending] = []
        self._stopping = False
        self.on(AuditNote, self._note)

    def on(self, kind: type[R], handler: Callable[[R, Reply], None]) -> None:
        """Let `handler` serve the requests of a kind."""
        self._handlers[kind] = handler

    def receive(self, request: AnyRequest, asker: Asker | None = None, id: int = 0) -> None:
        """Take in a request; without an `asker` (a signal), nobody gets the answer."""
        pending = _Pending(request, asker, asker.reply_to(id) if asker else _nobody)
        self._pending.append(pending)
        finish = partial(self._finish, pending)
        if self._stopping and not isinstance(request, AuditNote):
            finish(STOPPING)
            return
        try:
            self._handlers[type(request)](request, finish)
        except EdgeError as error:
            finish(failure(error))

    def release(self, asker: Asker) -> None:
        """Answer what `asker`, which has to end, waits for; the requests themselves go on."""
        for pending in self._pending:
            if pending.asker is asker:
                pending.reply(RELEASED)
                pending.reply = _nobody

    def stop(self) -> None:
        """Answer all requests, and those that still come, with a refusal: the daemon stops."""
        self._stopping = True
        for pending in list(self._pending):
            self._finish(pending, STOPPING)

    def _finish(self, pending: _Pending, answer: Answer) -> None:
        if pending not in self._pending:
            return
        self._pending.remove(pending)
        request = pending.request
        if request.ACTION:
            self._audit.record(request.by, request.ACTION, "failed" if answer.exit_code else "done", answer.text)
        pending.reply(answer)

    def _note(self, note: AuditNote, reply: Reply) -> None:
        self._audit.record(note.by, note.action, note.result, note.text)
        reply(Answer())


def failure(error: EdgeError) -> Answer:
    """Answer that says why a request failed."""
    problems = [
        msgspec.convert(problem, ConfigProblem, from_attributes=True) for problem in error.problems[:MOST_PROBLEMS]
    ]
    return Answer(exit_code=error.exit_code, text=str(error)[:LONGEST_TEXT], problems=problems)


def _nobody(_: Answer) -> None:
    """Nobody waits for the answer."""
