"""The journal: a file of JSON lines for each day (UTC), which are only ever appended to. It is the truth of the store.

The first line of a file names the store and the position that was next when it was begun. Each other line is an entry,
the start of a run of the recorder, or a correction of the clock (`Shift`).
"""

import os
import re
from collections.abc import Callable, Container, Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge_daemon.errors import WireError
from edge_daemon.runtime.state import sync_folder
from edge_daemon.store.entry import Entry, about

VERSION = 1
ENDING = ".jsonl"
CHUNK, TAIL = 1 << 16, 1 << 18
BIT = 1 << 19
"""Bytes of a file that are thinned at once."""
_POSITION = re.compile(rb'\{"position":(\d+),')


class Head(NamedTuple):
    """The first line of a file."""

    store: str
    next: int

    @property
    def line(self) -> bytes:
        """Its line in the journal."""
        return b'{"v":%d,"store":"%s","next":%d}\n' % (VERSION, self.store.encode(), self.next)


class Shift(NamedTuple):
    """The entries of the runs `first` to `run` before a position happened `seconds` later than they say: the clock was
    set.
    """

    first: int
    run: int
    before: int
    seconds: float

    @property
    def line(self) -> bytes:
        """Its line in the journal."""
        runs = b'"first":%d,"run":%d' % (self.first, self.run)
        return b'{"shift_s":%.3f,%s,"before":%d}\n' % (self.seconds, runs, self.before)


class RunStart(NamedTuple):
    """The recorder started: the number of the run, and which start of the machine that was in."""

    run: int
    boot: str
    wall_s: float
    boottime_s: float

    @property
    def offset_s(self) -> float:
        """What the wall clock showed when the machine was started, by its clock then."""
        return self.wall_s - self.boottime_s

    @property
    def line(self) -> bytes:
        """Its line in the journal."""
        times = b'"wall_s":%.3f,"boottime_s":%.3f' % (self.wall_s, self.boottime_s)
        return b'{"run":%d,"boot":"%s",%s}\n' % (self.run, self.boot.encode(), times)


class Gone(NamedTuple):
    """Entries of the file `of` were removed. The lines of `erased` ones go at once, others when their day is over."""

    of: str
    positions: Sequence[int]
    erased: bool = False

    @property
    def line(self) -> bytes:
        """Its line in the journal."""
        return b'{"gone":%s,"of":"%s","erased":%s}\n' % (
            msgspec.json.encode(self.positions),
            self.of.encode(),
            b"true" if self.erased else b"false",
        )


Line = Head | Entry | Shift | RunStart | Gone
Stays = Callable[[bytes], bool]
"""True if a line of the journal has to stay."""


class _Line(msgspec.Struct):
    v: int = 0
    store: str = ""
    next: int = 1
    position: int = 0
    run: int = 0
    message: msgspec.Raw = msgspec.Raw(b"")
    shift_s: float | None = None
    first: int = 0
    before: int = 0
    gone: list[int] | None = None
    of: str = ""
    erased: bool = False
    boot: str = ""
    wall_s: float = 0.0
    boottime_s: float = 0.0


class Journal:
    """The files in `folder`. Lines that cannot be read, such as those that a power cut has torn, are left out and
    counted in `unreadable`; the last one of a file is removed before the next is appended.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._fd, self._name = -1, ""
        self.name = ""
        """The file that was written to last."""
        self._unsynced = False
        self.unreadable = 0

    def files(self) -> dict[str, int]:
        """Length of each file, in the order of their names."""
        return {path.name: path.stat().st_size for path in sorted(self.folder.glob(f"*{ENDING}"))}

    def repair(self) -> None:
        """Remove last lines that were not written to their end, for the only writer.

        Raises:
            OSError: a file cannot be written.
        """
        for name in self.files():
            fd = os.open(self.folder / name, os.O_RDWR | os.O_CLOEXEC)
            try:
                _mend(fd)
            finally:
                os.close(fd)

    def read(self, name: str, offset: int = 0) -> Iterator[Line]:
        """The lines of a file, from the byte `offset` on."""
        with (self.folder / name).open("rb") as file:
            file.seek(offset)
            for data in file:
                if line := _decoded(data, name):
                    yield line
                else:
                    self.unreadable += 1

    def head(self, name: str) -> Head | None:
        """The first line of a file, if it can be read."""
        line = next(iter(self.read(name)), None)
        return line if isinstance(line, Head) else None

    def tail(self, name: str) -> Iterator[Line]:
        """The last lines of a file."""
        start = max(0, (self.folder / name).stat().st_size - TAIL)
        unreadable = self.unreadable
        yield from self.read(name, start)
        self.unreadable = unreadable  # the first line may be cut

    def append(self, day: str, head: Head, lines: Sequence[bytes]) -> tuple[str, int]:
        """Append lines to the file of a day, all or none; `head` begins a new one. Return its name and new length.

        Raises:
            OSError: they cannot be written.
        """
        self._follow(f"{day}{ENDING}", head)
        before = os.fstat(self._fd).st_size
        data = memoryview(b"".join(lines))
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError:
            with suppress(OSError):  # the disk may be gone
                os.ftruncate(self._fd, before)
            self._drop()
            raise
        self._unsynced = True
        return self._name, os.fstat(self._fd).st_size

    def sync(self) -> None:
        """Make what was appended survive a power cut.

        Raises:
            OSError: that failed.
        """
        if self._unsynced and self._fd >= 0:
            os.fdatasync(self._fd)
            self._unsynced = False

    def thin(self, name: str, head: Head, stays: Stays) -> Generator[None, None, int]:
        """Replace a file by one that has another head and only the lines that `stays` names, a little at a time; return
        its new length. It is on the disk then. The file may grow meanwhile. One of a day before that has only lines
        which may be lost is removed, and has the length 0.

        Raises:
            OSError: it cannot be written.
        """
        path, new, is_needed = self.folder / name, self.folder / f".{name}.new", name >= self.name
        try:
            with path.open("rb") as old, new.open("wb") as thinned:
                os.fchmod(thinned.fileno(), 0o600)
                thinned.write(head.line)
                old.readline()
                while lines := old.readlines(BIT):
                    kept = [data for data in lines if stays(data)]
                    is_needed = is_needed or any(_matters(data, name) for data in kept)
                    thinned.writelines(kept)
                    thinned.flush()
                    os.fdatasync(thinned.fileno())
                    if old.tell() < os.fstat(old.fileno()).st_size:
                        yield
                length = thinned.tell()
            if name == self._name:
                self.close()
            if not is_needed:
                path.unlink()
                return 0
            new.replace(path)
            sync_folder(self.folder)
            return length
        finally:
            new.unlink(missing_ok=True)

    def close(self) -> None:
        """Sync and close the file that is open.

        Raises:
            OSError: it cannot be synced.
        """
        if self._fd >= 0:
            try:
                self.sync()
            finally:
                self._drop()

    def _drop(self) -> None:
        """Have no file open: the disk that it was on may be gone, and another one be in its place."""
        os.close(self._fd)
        self._fd, self._name, self._unsynced = -1, "", False

    def _follow(self, name: str, head: Head) -> None:
        """Have the file of this name open; another one if it is gone by now.

        Raises:
            OSError: it cannot be opened. A folder that is gone is not made again: its disk may come back.
        """
        path = self.folder / name
        if name == self._name and _is_at(path, self._fd):
            return
        with suppress(OSError):  # the disk may be gone
            self.close()
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _mend(fd)
            if not os.fstat(fd).st_size:
                os.write(fd, head.line)
                sync_folder(self.folder)
        except OSError:
            os.close(fd)
            raise
        self._fd, self._name, self.name = fd, name, name


def _decoded(data: bytes, name: str) -> Line | None:
    """A line of the journal; None if it cannot be read, or is of a kind that is not known."""
    try:
        line = msgspec.json.decode(data, type=_Line)
        if line.store:
            return Head(line.store, line.next)
        if line.shift_s is not None:
            return Shift(line.first or line.run, line.run, line.before, line.shift_s)
        if line.gone is not None:
            return Gone(line.of, line.gone, line.erased)
        if line.boot:
            return RunStart(line.run, line.boot, line.wall_s, line.boottime_s)
        body = bytes(line.message)
        return Entry(line.position, line.run, name, about(body), body) if line.position > 0 else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, WireError):
        return None


def stay(
    name: str, is_live: Callable[[int], bool], removed: Container[int], is_pending: Callable[[str], bool]
) -> Stays:
    """Which lines of a file have to stay: entries whose position `is_live`, and removals of entries that are still in a
    file: of this one those that are not all in `removed`, of others while it `is_pending` to thin them.
    """

    def stays(data: bytes) -> bool:
        if found := _POSITION.match(data):
            return is_live(int(found[1]))
        line = _decoded(data, name)
        if not isinstance(line, Gone):
            return True
        return any(one not in removed for one in line.positions) if line.of == name else is_pending(line.of)

    return stays


def _matters(data: bytes, name: str) -> bool:
    """True if a line must not be lost."""
    return bool(_POSITION.match(data)) or isinstance(_decoded(data, name), Gone | Shift)


def _is_at(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(fd))  # noqa: PTH116 (for each entry)
    except FileNotFoundError:
        return False


def _mend(fd: int) -> None:
    """Remove what follows the last line break: a line that was not written to its end."""
    size = end = os.fstat(fd).st_size
    while end:
        start = max(0, end - CHUNK)
        found = os.pread(fd, end - start, start).rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    if end < size:
        os.ftruncate(fd, end)
