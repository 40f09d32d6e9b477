"""The status of a run for people: a live table on a terminal, log lines every few seconds elsewhere."""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from edge_daemon.cli.sentences import in_brief
from edge_daemon.messages.status import Status, Streams

logger = logging.getLogger(__name__)
SUMMARIES_S = (10.0, 60.0, 600.0, 3600.0)
"""Times of the first summaries after the start; then one follows after each of the last."""


class LogLines:
    """Logs a summary: soon after the start, and then once an hour. Changes are logged by the processes themselves.

    A status without cameras, such as that of a sink that has just been started again, says nothing.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._began, self._waits = clock, clock(), iter(SUMMARIES_S)
        self._next = self._began + next(self._waits)
        self._before: Streams = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def update(self, status: Status) -> None:
        """Log the summary, if it is time to."""
        now = self._clock()
        if now < self._next or not status.cameras:
            return
        self._next = self._began + next(self._waits, now - self._began + SUMMARIES_S[-1])
        logger.info("%s", in_brief(status, self._before))
        self._before = {name: camera.models for name, camera in status.cameras.items()}


class Screen:
    """A live table at the bottom of the terminal; output to stderr appears above it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._terminal = os.dup(2)
        self._console = Console(file=os.fdopen(self._terminal, "w"), force_terminal=True)
        self._live = Live(console=self._console, refresh_per_second=4, transient=False)

    def __enter__(self) -> Self:
        read, write = os.pipe()
        sys.stderr.flush()
        os.dup2(write, 2)
        os.close(write)
        self._lines = threading.Thread(target=self._print_lines, args=(read,), name="log lines", daemon=True)
        self._live.start()
        self._lines.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stderr.flush()
        os.dup2(self._terminal, 2)  # the pipe's last writer is gone: its reader ends
        self._lines.join(timeout=2)
        self._live.stop()

    def _print_lines(self, read: int) -> None:
        from rich.text import Text

        with os.fdopen(read, errors="replace") as lines:
            for line in lines:
                self._console.print(Text(line.rstrip("\n")))

    def update(self, status: Status) -> None:
        """Show the status."""
        from edge_daemon.cli.tables import camera_table, plain

        table = camera_table(status.cameras, width=self._console.width)
        down = [process.name for process in status.processes if process.pid is None and process.state != "finished"]
        table.caption = plain(f"not running: {', '.join(down)}") if down else None
        self._live.update(table)
