"""Looks at files that people name, without waiting for a file system that does not answer.

A call to the kernel about a file on such a network drive may never return, and its process can then not even be killed.
So another process makes the calls, and is replaced if it does not answer.
"""

import contextlib
import logging
import os
import select
import stat
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edge_daemon.errors import StartError

if TYPE_CHECKING:
    import subprocess

logger = logging.getLogger(__name__)
LIMIT_S = 3.0
"""Time limit of an answer."""
AGAIN_S = 30.0
"""How long a file system that did not answer is not asked again."""
MAX_BYTES = 8192
_PROGRAM = """
import os
while path := os.read(0, 8192):
    try:
        found = os.stat(path)
        answer = "%d %d %d %d" % (found.st_mode, found.st_mtime_ns, found.st_size, os.access(path, os.R_OK))
    except (OSError, ValueError) as error:
        answer = "-%d" % (getattr(error, "errno", None) or 22)
    os.write(1, answer.encode())
"""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What there is at a path: its `mode` (0: nothing), its `stamp` (time of the last change, and size), and the
    `error` number of a failure.
    """

    mode: int = 0
    stamp: str = ""
    readable: bool = False
    error: int = 0
    hung: bool = False

    @property
    def is_folder(self) -> bool:
        """True if it is a folder."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        """True if it is a regular file, which can be read without waiting for a writer."""
        return stat.S_ISREG(self.mode)


class _Looker:
    """The process that looks, while it is needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._hung: dict[str, float] = {}  # mount points, and until when they are not asked again
        self._last: dict[Path, Found] = {}  # of paths that answered

    def look(self, path: Path) -> Found:
        with self._lock:
            mount = _mount_of(path)
            if time.monotonic() < self._hung.get(mount, 0.0):
                return self._unknown(path)
            answer = self._ask(os.fsencode(path.absolute()))
            if answer is None:
                logger.warning("%s does not answer; is its network drive there?", path)
                self._hung[mount] = time.monotonic() + AGAIN_S
                return self._unknown(path)
            self._last[path] = found = _found(answer)
            return found

    def close(self) -> None:
        with self._lock:
            self._end()

    def _unknown(self, path: Path) -> Found:
        return msgspec.structs.replace(self._last.get(path, Found()), hung=True)

    def _ask(self, path: bytes) -> bytes | None:
        import subprocess  # not needed by captures, which only import this module

        for _ in range(2):
            if self._process is None:
                command = [sys.executable, "-I", "-S", "-c", _PROGRAM]
                pipe = subprocess.PIPE
                self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, bufsize=0, cwd="/")
            assert self._process.stdin
            assert self._process.stdout
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(path[:MAX_BYTES])
            if not select.select([self._process.stdout], [], [], LIMIT_S)[0]:
                self._end()
                return None
            if answer := self._process.stdout.read(MAX_BYTES):
                return answer
            self._end()  # it was killed
        return None

    def _end(self) -> None:
        if self._process is None:
            return
        import subprocess

        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # it cannot be killed
            self._process.wait(0.1)
        self._process = None


_looker = _Looker()
look = _looker.look
"""What there is at a path."""
close = _looker.close
"""End the process that looks; the next `look` starts another."""


def is_folder(path: Path) -> bool:
    """True if there is a folder."""
    return look(path).is_folder


def must_answer(path: Path) -> None:
    """Look at a path that is to be read now.

    Raises:
        StartError: it does not answer.
    """
    if look(path).hung:
        raise StartError(f"{path} does not answer within {LIMIT_S:g} s; is its network drive there?")


def _found(answer: bytes) -> Found:
    if answer.startswith(b"-"):
        return Found(error=-int(answer))
    mode, changed, size, readable = map(int, answer.split())
    return Found(mode=mode, stamp=f"{changed}/{size}", readable=bool(readable))


def file_system(path: Path) -> str:
    """The kind of file system that `path` is on, such as `ext4` or `nfs4`, going by its text alone."""
    return _mounted_at(path)[1]


def is_remote(kind: str) -> bool:
    """True if a kind of file system is on another machine, or made by a program."""
    return kind in ("9p", "afs", "ceph", "cifs", "ncpfs", "smb3", "smbfs") or kind.startswith(("fuse", "nfs"))


def _mount_of(path: Path) -> str:
    """The mount point that `path` is below, going by its text alone."""
    return _mounted_at(path)[0]


def _mounted_at(path: Path) -> tuple[str, str]:
    """The mount point that `path` is below, and the kind of its file system."""
    best, kind, path = "/", "", path.absolute()
    with contextlib.suppress(OSError), Path("/proc/self/mountinfo").open("rb") as mounts:
        for line in mounts:
            place = os.fsdecode(line.split()[4].replace(rb"\040", b" "))
            if len(place) >= len(best) and path.is_relative_to(place):  # of two at a place, the later one is in use
                best, kind = place, line.partition(b" - ")[2].split()[0].decode()
    return best, kind
