"""A file from the net to the disk: resumed where it broke off, checked against its sha256, and complete or absent.

The bytes received so far are in `TARGET.part`, locked by the process that fetches them. The complete file takes the
target's name.
"""

import errno
import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from edge_daemon.backoff import delay_s
from edge_daemon.errors import ModelError
from edge_daemon.log import redact
from edge_daemon.zoo.cache import sum_of
from edge_daemon.zoo.transfer import Answer, Lost, Unreachable, opened

logger = logging.getLogger(__name__)

ATTEMPTS = 5
"""Limit on attempts in a row that bring less than `HEADWAY` bytes."""
HEADWAY = 2**16
PAUSE_S, PAUSE_MAX_S = 1.0, 8.0
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class _OtherFileError(ModelError):
    """The server has another file than the one requested: none of it is of use."""


@dataclass
class Download:
    """The file at `address` that has this sha256, to be kept as `target`.

    A file of another `size`, or above `limit` bytes, is refused. `pause` waits between attempts, for some seconds.
    """

    address: str
    sha256: str
    target: Path
    size: int | None = None
    progress: Callable[[int, int | None], object] | None = None
    limit: int = 2 * 2**30
    timeout_s: float = 30.0
    pause: Callable[[float], object] = time.sleep

    def fetch(self) -> None:
        """Fetch it, unless it is there already.

        Raises:
            ModelError: it could not be fetched, is another file, or there is no room; says what to do.
        """
        name, folder = self.target.name, self.target.parent
        try:
            if sum_of(self.target) == self.sha256:
                return
            folder.mkdir(parents=True, exist_ok=True)
            with _locked(folder / f"{name}.part") as (part, file):
                if sum_of(self.target) == self.sha256:  # another process has fetched it meanwhile
                    part.unlink()
                else:
                    self._fetch(part, file)
        except ModelError as error:
            raise ModelError(f"{redact(self.address)}: {error}") from error
        except OSError as error:
            problem, advice = ("no room for", "free some, or ") if error.errno in _FULL else ("cannot keep", "")
            raise ModelError(
                f"{problem} {name} in {folder}: {(error.strerror or str(error)).lower()}: "
                f"{advice}choose another folder with --cache"
            ) from error

    def _fetch(self, part: Path, file: FileIO) -> None:
        try:
            self._fill(file)
        except _OtherFileError:
            part.unlink()
            raise
        os.fsync(file)
        part.replace(self.target)
        _sync(self.target.parent)

    def _fill(self, file: FileIO) -> None:
        if _sum(file) == self.sha256:
            return  # an earlier run had received all of it
        is_spliced = self._receive(file)
        found = _sum(file)
        if is_spliced and found != self.sha256:
            logger.info("%s: the earlier part does not match: starting again", self.target.name)
            file.truncate(0)
            self._receive(file)
            found = _sum(file)
        if found != self.sha256:
            raise _OtherFileError(
                f"is another file than the one asked for: its sha256 is {found} and not {self.sha256}; "
                "nothing was kept: check the address and the sum"
            )

    def _receive(self, file: FileIO) -> bool:
        """Receive all that is missing, in as many requests as it takes; True if the last brought only a part.

        Parts may be of different files.
        """
        failures, furthest = 0, _size(file)
        while True:
            try:
                with opened(self.address, _size(file), self.timeout_s) as answer:
                    self._append(answer, file)
                    return answer.start > 0
            except Unreachable as error:
                advice = f"connect this machine once, or copy the file to {self.target}"
                raise ModelError(f"cannot be reached ({error}): {advice}") from error
            except Lost as error:
                done = _size(file)
                failures = 1 if done - furthest >= HEADWAY else failures + 1
                furthest, wait_s = max(furthest, done), delay_s(failures, PAUSE_S, PAUSE_MAX_S)
                if failures == ATTEMPTS:
                    raise ModelError(
                        f"broke off again and again ({error}), at {done} bytes, which are kept: try again later"
                    ) from error
                logger.info("%s: broke off (%s) at %d bytes: continuing in %g s", self.target.name, error, done, wait_s)
                self.pause(wait_s)

    def _append(self, answer: Answer, file: FileIO) -> None:
        if answer.start != _size(file):
            file.truncate(0)
        if answer.start != _size(file):
            raise Lost("the server sent another part than requested")
        if answer.total is not None and (answer.total > self.limit or self.size not in (None, answer.total)):
            raise self._misfit(f"{answer.total} bytes")
        total = answer.total or self.size
        _check_room(file, (total or 0) - answer.start)
        done = answer.start
        for chunk in answer.chunks:
            done += len(chunk)
            if done > (self.size or self.limit):
                raise self._misfit("more than that")
            _write(file, chunk)
            if self.progress:
                self.progress(done, total)
        if total and done < total:
            raise Lost("connection closed")

    def _misfit(self, found: str) -> ModelError:
        wanted = f"{self.limit} bytes at most" if self.size is None else f"{self.size} bytes"
        return _OtherFileError(f"should have {wanted}, and has {found}: check the address")


@contextmanager
def _locked(part: Path) -> Iterator[tuple[Path, FileIO]]:
    """`part` and its open file, locked against other processes until the end of the block."""
    while True:
        with FileIO(part, "a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logger.info("another process is fetching %s: waiting for it", part.stem)
                fcntl.flock(file, fcntl.LOCK_EX)  # that process's own deadlines end this wait
            if _is_at(part, file):
                yield part, file
                return


def _is_at(path: Path, file: FileIO) -> bool:
    """True if the open file still has that name; its last owner may have renamed or deleted it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _size(file: FileIO) -> int:
    return os.fstat(file.fileno()).st_size


def _sum(file: FileIO) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def _check_room(file: FileIO, missing: int) -> None:
    """Fail before the disk is full, which others on this machine need too."""
    disk = os.fstatvfs(file.fileno())
    if disk.f_blocks and disk.f_bavail * disk.f_frsize < missing:
        raise OSError(errno.ENOSPC, f"{missing} bytes are missing")


def _write(file: FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _sync(folder: Path) -> None:
    """Make a new name in a folder last through a power cut."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
