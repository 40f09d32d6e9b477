"""The supervisor as the web's routes see it: they ask it for changes, and report what belongs in the audit log.

Everything happens in the thread of the event loop.
"""

import asyncio
import time

from fastapi import HTTPException

from edge_daemon.log import Repeats
from edge_daemon.messages.requests import AnyRequest, AuditNote, AuditResult, Reply, Requester
from edge_daemon.runtime.control import Control, Replied

MOST_WAITING = 32


class SupervisorClient:
    """Sends requests by the control channel, and hands out the replies."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._repeats = Repeats()

    async def ask(self, request: AnyRequest) -> Reply:
        """Ask for something, and wait for the reply, for as long as it takes.

        Raises:
            HTTPException: too many requests wait, or the daemon is stopping.
        """
        if self._control.stopping:
            raise _stopping()
        if len(self._waiting) >= MOST_WAITING:
            raise HTTPException(503, f"{MOST_WAITING} requests wait already", {"Retry-After": "1"})
        id = self._control.ask(request)
        replied: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[id] = replied
        try:
            return await replied
        finally:
            self._waiting.pop(id, None)

    def replied(self, message: Replied) -> None:
        """Receive a reply; the route that asked may be gone."""
        if (future := self._waiting.get(message.id)) and not future.done():
            future.set_result(message.reply)

    def release(self) -> None:
        """Release all waiting callers: no replies will come."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(_stopping())

    def note(self, by: Requester, action: str, result: AuditResult, text: str = "") -> None:
        """Add an entry to the audit log; of one kind and name at most one a second, which counts those left out."""
        left_out = self._repeats.pass_on((action, result, by.name), time.monotonic())
        if left_out is None:
            return
        if left_out:
            text = f"{text} ({left_out} more like this)".strip()
        self._control.ask(AuditNote(by=by, action=action, result=result, text=text))


def _stopping() -> HTTPException:
    return HTTPException(503, "the daemon is stopping", {"Retry-After": "1"})
