"""The status of a run for people: a live table on a terminal, log lines every few seconds elsewhere."""

import logging
import os
import sys
import threading
import time
from types import TracebackType
from typing import Self

from edge_daemon.cli.sentences import found_in, state_of, with_latency
from edge_daemon.messages.status import Status

logger = logging.getLogger(__name__)
LINES_S = 10.0


class LogLines:
    """Logs the status every few seconds."""

    def __init__(self) -> None:
        self._next = time.monotonic() + LINES_S

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def update(self, status: Status) -> None:
        """Log the status, if it is time to."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LINES_S
        for name, camera in status.cameras.items():
            for model, counts in camera.models.items():
                logger.info(
                    "%s (%s) / %s: %.1f fps%s, %d delivered, %d dropped, last: %s",
                    name,
                    state_of(camera),
                    model,
                    counts.fps,
                    with_latency(counts),
                    counts.delivered,
                    sum(counts.dropped.values()),
                    found_in(counts),
                    extra={"camera": name},
                )


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
        from edge_daemon.cli.tables import camera_table

        table = camera_table(status.cameras, width=self._console.width)
        down = [process.name for process in status.processes if process.pid is None and process.state != "finished"]
        table.caption = f"not running: {', '.join(down)}" if down else None
        self._live.update(table)
