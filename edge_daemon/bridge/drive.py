"""Work on a drive that may not answer: one piece at a time, in a thread, for which nobody waits too long."""

import asyncio
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from edge_daemon.bridge.receiver import Undelivered
from edge_daemon.delivery.retry import Failure

TIMEOUT_S = 20.0
P = ParamSpec("P")
R = TypeVar("R")


class Drive:
    """Runs what reads and writes files."""

    def __init__(self) -> None:
        self._under_way: asyncio.Task[Any] | None = None

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The value of a function that runs in a thread.

        Raises:
            Undelivered: it failed, or there is no answer in time; until there is, nothing else is run.
        """
        if self._under_way and not self._under_way.done():
            raise Undelivered(Failure("the drive does not answer"))
        task = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
        self._under_way = task
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await asyncio.shield(task)
        except TimeoutError:
            task.add_done_callback(_forget)
            raise Undelivered(Failure("the drive does not answer")) from None
        except OSError as error:
            raise Undelivered(Failure((error.strerror or "cannot be written").lower())) from None


def _forget(task: "asyncio.Task[Any]") -> None:
    """Take note of an error that is too late."""
    if not task.cancelled():
        task.exception()
