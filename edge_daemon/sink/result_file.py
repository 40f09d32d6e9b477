"""The files of results, and of tracks, counts and events: a JSON line for each message."""

import logging
import os
import stat
from collections.abc import Collection
from pathlib import Path

import msgspec

from edge_daemon.errors import StartError
from edge_daemon.messages.accounting import StreamKey
from edge_daemon.sink.syncer import Syncer

logger = logging.getLogger(__name__)
STDOUT = 1
BEGINNING = b'{"v":'
"""First bytes of every line."""
LIMIT_BYTES = 4 << 20
"""Bytes kept while the disk is full. Further lines are lost, and counted, except those to keep."""
MODE = 0o644


class ResultFile:
    """Appends lines of `what` it is for (results, or events) to a file, or to standard output (`-`).

    With a `marker`, the lines replace those of earlier runs: the first one empties the file, and then makes the file
    `marker`, so that this happens once in a run. A file that was renamed or removed, such as to keep it from growing
    without end, is followed by a new one.

    A failure to write (a full disk) is logged once, and is in `trouble` until writing works again. Meanwhile lines are
    kept, up to a limit except those that must not be lost. A half-written last line is truncated: its result is
    delivered again.

    Raises:
        StartError: the file cannot be opened.
    """

    def __init__(self, path: str, marker: Path | None = None, *, what: str = "results") -> None:
        self._name = "standard output" if path == "-" else path
        self._path, self.what = path, what
        try:
            self._fd = STDOUT if path == "-" else _opened(path)
        except OSError as error:
            raise StartError(f"cannot write {what} to {path}: {error.strerror}") from error
        self._is_file = path != "-" and stat.S_ISREG(os.fstat(self._fd).st_mode)
        self._marker = marker if marker and self._is_file and not marker.exists() else None
        if self._is_file and not self._marker:
            _mend(path, self._fd)
        self._syncer = Syncer(self._fd) if self._is_file else None
        self._pending = bytearray()
        self._lost = 0
        self.trouble: OSError | None = None

    @property
    def waits(self) -> bool:
        """True while lines cannot be written, but may be later; false if the reader of a pipe is gone."""
        return self.trouble is not None and not isinstance(self.trouble, BrokenPipeError)

    @property
    def length(self) -> int:
        """Length of the file in bytes, of this run's lines if they are to replace others; -1 of a pipe."""
        if self._marker:
            return 0
        try:
            return os.lseek(self._fd, 0, os.SEEK_END)
        except OSError:  # such as a pipe
            return -1

    def take_back(self, length: int, ours: Collection[StreamKey]) -> None:
        """Shorten the file to `length` bytes: what follows is delivered again. If there are lines of other programs
        among it, which have other cameras and models than `ours`, it is left as it is.
        """
        if not self._is_file or self._marker or not 0 <= length < self.length:
            return
        with Path(self._path).open("rb") as file:
            file.seek(length)
            lines = file.read().splitlines()
        if all(_stream_of(line) in ours for line in lines):
            os.ftruncate(self._fd, length)

    def write(self, line: bytes, *, keep: bool = False) -> None:
        """Add a line, which `flush` writes. One to `keep` is not lost while this `waits`."""
        if len(self._pending) < LIMIT_BYTES or (keep and self.waits):
            self._pending += line + b"\n"
        else:
            self._lost += 1

    def flush(self) -> None:
        """Write all lines that were added."""
        if not self._pending and not self.trouble:
            return
        try:
            self._follow()
            self._empty()
            while self._pending:
                del self._pending[: os.write(self._fd, self._pending)]
        except OSError as error:
            if not self.trouble:
                logger.error("cannot write %s to %s: %s", self.what, self._name, error.strerror)
            self.trouble = error
            return
        if self._syncer:
            self._syncer.note_written()
        if self.trouble:
            logger.warning("%s are written to %s again; %d are missing", self.what, self._name, self._lost)
        self.trouble, self._lost = None, 0

    def close(self) -> None:
        """Write all lines, to the disk itself."""
        self.flush()
        lost = self._lost + self._pending.count(b"\n")
        if lost:
            logger.error("%d %s are missing from %s", lost, self.what, self._name)
        if self._syncer:
            self._syncer.close()
        if self._fd != STDOUT:
            os.close(self._fd)

    def _follow(self) -> None:
        """Open a new file if this one has another name by now, or none."""
        if not self._syncer:
            return
        try:
            there = os.stat(self._path)  # noqa: PTH116 (for each result)
            if os.path.samestat(there, os.fstat(self._fd)):
                return
        except FileNotFoundError:
            pass
        new = _opened(self._path)
        self._syncer.follow(new)
        os.close(self._fd)
        self._fd, self._marker = new, None

    def _empty(self) -> None:
        """Remove the lines of earlier runs, once."""
        if self._marker and self._pending:
            os.ftruncate(self._fd, 0)
            self._marker.touch()
            self._marker = None


class _Line(msgspec.Struct):
    camera: str
    model: str


def _stream_of(line: bytes) -> StreamKey | None:
    """Camera and model that a line is about."""
    try:
        one = msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return one.camera, one.model


def _opened(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, MODE)


def _mend(path: str, fd: int) -> None:
    """Truncate a last line that begins like those of a sink and is not complete."""
    size = os.fstat(fd).st_size
    with Path(path).open("rb") as file:
        start = max(0, size - LIMIT_BYTES)
        file.seek(start)
        tail = file.read()
    torn = tail[tail.rfind(b"\n") + 1 :]
    if torn.startswith(BEGINNING) and len(torn) < len(tail) + (start == 0):
        os.ftruncate(fd, size - len(torn))
