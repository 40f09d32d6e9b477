"""The result file: every result as a JSON line."""

import logging
import os
import stat
from pathlib import Path

from edge_daemon.errors import StartError

logger = logging.getLogger(__name__)
STDOUT = 1
BEGINNING = b'{"v":'
"""First bytes of every result."""
LIMIT_BYTES = 4 << 20
"""Bytes kept while the disk is full. Further lines are lost, and counted, except those to keep."""


class ResultFile:
    """Appends lines to a file, or to standard output (`-`).

    A failure to write (a full disk) is logged once, and is in `trouble` until writing works again. Meanwhile lines are
    kept, up to a limit except those that must not be lost. A half-written last line is truncated: its result is
    delivered again.

    Raises:
        StartError: the file cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self._name = "standard output" if path == "-" else path
        try:
            self._fd = STDOUT if path == "-" else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            raise StartError(f"cannot write results to {path}: {error.strerror}") from error
        if path != "-":
            _mend(path, self._fd)
        self._pending = bytearray()
        self._lost = 0
        self.trouble: OSError | None = None

    @property
    def waits(self) -> bool:
        """True while lines cannot be written, but may be later; false if the reader of a pipe is gone."""
        return self.trouble is not None and not isinstance(self.trouble, BrokenPipeError)

    @property
    def length(self) -> int:
        """Length of the file in bytes; -1 of a pipe."""
        try:
            return os.lseek(self._fd, 0, os.SEEK_END)
        except OSError:  # such as a pipe
            return -1

    def write(self, line: bytes, *, keep: bool = False) -> None:
        """Add a line, which `flush` writes. One to `keep` is not lost while this `waits`."""
        if len(self._pending) < LIMIT_BYTES or (keep and self.waits):
            self._pending += line + b"\n"
        else:
            self._lost += 1

    def flush(self) -> None:
        """Write all lines that were added."""
        try:
            while self._pending:
                del self._pending[: os.write(self._fd, self._pending)]
        except OSError as error:
            if not self.trouble:
                logger.error("cannot write results to %s: %s", self._name, error.strerror)
            self.trouble = error
            return
        if self.trouble:
            logger.warning("results are written to %s again; %d are missing", self._name, self._lost)
        self.trouble, self._lost = None, 0

    def close(self) -> None:
        """Write all lines, to the disk itself."""
        self.flush()
        lost = self._lost + self._pending.count(b"\n")
        if lost:
            logger.error("%d results are missing from %s", lost, self._name)
        if self._fd != STDOUT:
            try:
                os.fsync(self._fd)
            except OSError as error:  # also of a pipe, or a device
                logger.debug("%s: %s", self._name, error.strerror)
            os.close(self._fd)


def _mend(path: str, fd: int) -> None:
    """Truncate a last line that begins like a result and has no end."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        return
    with Path(path).open("rb") as file:
        start = max(0, status.st_size - LIMIT_BYTES)
        file.seek(start)
        tail = file.read()
    torn = tail[tail.rfind(b"\n") + 1 :]
    if torn.startswith(BEGINNING) and len(torn) < len(tail) + (start == 0):
        os.ftruncate(fd, status.st_size - len(torn))
