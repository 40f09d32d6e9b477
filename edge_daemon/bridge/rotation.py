"""A file of lines that is replaced by a new one before it grows too large or too old: `events.jsonl` becomes
`events-20261128T221403.120000Z.jsonl`, and the oldest of those are removed.
"""

import os
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from edge_daemon.delivery.settings import FilesSettings

MODE = 0o640
STAMP = "%Y%m%dT%H%M%S.%fZ"
TAIL_BYTES = 4 << 20
"""Bytes of the last lines that are looked at."""


class RotatingFile:
    """Appends lines to the file. Other programs may read, rename and remove it at any time.

    Raises (all methods):
        OSError: it cannot be read or written.
    """

    def __init__(self, settings: FilesSettings) -> None:
        self._settings, self._path = settings, Path(settings.path)
        name = re.escape(self._path.stem), re.escape(self._path.suffix)
        self._older = re.compile(rf"{name[0]}-\d{{8}}T\d{{6}}\.\d{{6}}Z{name[1]}")

    def mend(self) -> list[bytes]:
        """Remove the end of a line that was cut off, and return the last lines."""
        if self._path.exists():
            with self._path.open("r+b") as file:
                size = file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
                last = file.read()
                whole = last.rfind(b"\n") + 1
                if whole < len(last):
                    file.truncate(size + whole)
        newest = self.older()[-1:]
        return b"".join(_tail(path) for path in [*newest, self._path]).splitlines()

    def write(self, lines: Sequence[bytes], *, sync: bool) -> None:
        """Append lines, whole ones or none; with `sync`, to the disk itself."""
        self._rotate()
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
        try:
            before = os.fstat(fd).st_size
            if not before:
                os.fchmod(fd, MODE)
            left = memoryview(b"".join(line + b"\n" for line in lines))
            try:
                while left:
                    left = left[os.write(fd, left) :]
                if sync:
                    os.fdatasync(fd)
            except OSError:
                os.ftruncate(fd, before)
                raise
        finally:
            os.close(fd)

    def older(self) -> list[Path]:
        """The files that were replaced, the oldest first."""
        return sorted(one for one in self._path.parent.iterdir() if self._older.fullmatch(one.name))

    def _rotate(self) -> None:
        """Replace the file if it is full, or was written in an earlier period."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return
        now, age_s = time.time(), self._settings.age_s
        is_old = age_s is not None and now // age_s > found.st_mtime // age_s
        if found.st_size and (is_old or found.st_size >= self._settings.size_bytes):
            stem = f"{self._path.stem}-{datetime.fromtimestamp(now, UTC):{STAMP}}"
            self._path.rename(self._path.with_name(stem + self._path.suffix))
            for path in self.older()[: -self._settings.keep or None]:
                path.unlink()


def _tail(path: Path) -> bytes:
    """The last whole lines of a file."""
    try:
        with path.open("rb") as file:
            start = file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            found = file.read()
    except FileNotFoundError:
        return b""
    return found.partition(b"\n")[2] if start else found
