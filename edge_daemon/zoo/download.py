"""A file from the net to the disk: resumed where it broke off, held to its sha256, and there wholly or not at all.

What has come so far is in `TARGET.part`, which the process that is at it has locked. Once it is whole and right it
takes the target's name.
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
from pathlib import Path
from urllib.parse import urlsplit

from edge_daemon.errors import ModelError
from edge_daemon.log import redact
from edge_daemon.zoo.cache import sum_of
from edge_daemon.zoo.paths import checked_address
from edge_daemon.zoo.transfer import Answer, Lost, Unreachable, opened

logger = logging.getLogger(__name__)

LIMIT = 2 * 2**30
CHUNK = 2**16
TIMEOUT_S = 30.0
ATTEMPTS = 5
"""In a row, that brought nothing to speak of."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

Progress = Callable[[int, int | None], None]
"""Is told how many bytes are there, and of how many if that is known."""


def fetch(
    address: str,
    sha256: str,
    target: Path,
    *,
    progress: Progress | None = None,
    size: int | None = None,
    limit: int = LIMIT,
    timeout_s: float = TIMEOUT_S,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Make `target` the file at `address` that has this sha256, unless it is that already.

    A file of another `size`, or above `limit` bytes, is refused. `pause` waits between tries, for so many seconds.

    Raises:
        ModelError: it could not be fetched, is another file, or there is no room; says what to do.
    """
    job = _Job(checked(address), sha256, target, progress or _quiet, size, limit, timeout_s, pause)
    try:
        if sum_of(target) == sha256:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with _claimed(target.with_name(f"{target.name}.part")) as (part, file):
            if sum_of(target) == sha256:  # another process has fetched it meanwhile
                part.unlink()
                return
            job.run(part, file)
    except Unreachable as error:
        host = urlsplit(address).hostname
        raise ModelError(
            f"cannot reach {host} ({error}): connect this machine once, or copy the file to {target}"
        ) from error
    except OSError as error:
        raise job.not_written(error) from error


def checked(address: str) -> str:
    """`address` itself.

    Raises:
        ModelError: it is none that a model may be fetched from.
    """
    try:
        return checked_address(address)
    except ValueError as error:
        raise ModelError(f"{redact(address)}: {error}") from error


def _quiet(done: int, total: int | None) -> None:
    """Nobody looks on."""


@contextmanager
def _claimed(part: Path) -> Iterator[tuple[Path, int]]:
    """The file descriptor of `part`, which is this process's alone until the end of the block."""
    while True:
        file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logger.info("another process is fetching %s: waiting for it", part.with_suffix("").name)
                fcntl.flock(file, fcntl.LOCK_EX)  # that process's own deadlines end this wait
            if _is_at(part, file):
                yield part, file
                return
        finally:
            os.close(file)


def _is_at(path: Path, file: int) -> bool:
    """Whether the open file still has that name: who held it before may have finished or deleted it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


class _Other(ModelError):
    """What comes is not the file that was asked for: none of it is of use."""


@dataclass
class _Job:
    """One download: what is asked for, and what has come so far."""

    address: str
    sha256: str
    target: Path
    progress: Progress
    size: int | None
    limit: int
    timeout_s: float
    pause: Callable[[float], None]

    def __post_init__(self) -> None:
        self._done, self._total, self._sum, self._resumed = 0, self.size, hashlib.sha256(), False

    def run(self, part: Path, file: int) -> None:
        """Fill `file`, which is open at `part`, and give it the target's name; delete it if it is another file."""
        self._take_up(file)
        try:
            if self._sum.hexdigest() != self.sha256:
                self._receive(file)
            if self._sum.hexdigest() != self.sha256 and self._resumed:
                logger.info("%s: what was there from before does not fit: starting again", self.target.name)
                self._restart(file)
                self._receive(file)
            if (found := self._sum.hexdigest()) != self.sha256:
                raise _Other(
                    f"{redact(self.address)}: is another file than the one asked for: its sha256 is {found} "
                    f"and not {self.sha256}; nothing was kept: check the address and the sum"
                )
        except _Other:
            part.unlink()
            raise
        os.fsync(file)
        part.replace(self.target)
        _sync(self.target.parent)

    def _take_up(self, file: int) -> None:
        """Go on behind what an earlier run has left."""
        while chunk := os.read(file, CHUNK):
            self._sum.update(chunk)
            self._done += len(chunk)
        self._resumed = self._done > 0

    def _restart(self, file: int) -> None:
        os.ftruncate(file, 0)
        os.lseek(file, 0, os.SEEK_SET)
        self._done, self._sum, self._resumed = 0, hashlib.sha256(), False

    def _receive(self, file: int) -> None:
        """All that is missing, in as many requests as it takes."""
        failures, furthest = 0, self._done
        while True:
            try:
                with opened(self.address, self._done, self.timeout_s) as answer:
                    self._body(answer, file)
                return
            except Lost as lost:
                failures = 1 if self._done - furthest >= CHUNK else failures + 1
                furthest = max(furthest, self._done)
                if failures == ATTEMPTS:
                    raise ModelError(
                        f"{redact(self.address)}: broke off again and again ({lost}), at {self._share()}; "
                        "what is there is kept: try again later"
                    ) from lost
                wait_s = float(2 ** (failures - 1))
                logger.info("%s: broke off (%s) at %s: going on in %g s", self.target.name, lost, self._share(), wait_s)
                self.pause(wait_s)

    def _body(self, answer: Answer, file: int) -> None:
        if answer.start < self._done:
            self._restart(file)
        self._resumed = self._resumed or answer.start > 0
        self._check_total(answer.total)
        self._check_room(file)
        while chunk := answer.read(CHUNK):
            if self._done + len(chunk) > (self.limit if self.size is None else self.size):
                raise self._too_large("more than that")
            _write(file, chunk)
            self._sum.update(chunk)
            self._done += len(chunk)
            self.progress(self._done, self._total)
        if self._total is not None and self._done < self._total:
            raise Lost("connection closed")

    def _check_total(self, total: int | None) -> None:
        if total is not None:
            if total > self.limit or self.size not in (None, total):
                raise self._too_large(f"{total} bytes")
            self._total = total

    def _too_large(self, found: str) -> ModelError:
        wanted = f"{self.limit} bytes at most" if self.size is None else f"{self.size} bytes"
        return _Other(f"{redact(self.address)}: should have {wanted}, and has {found}: check the address")

    def _check_room(self, file: int) -> None:
        """Say so before the disk is full, which others on this machine need too."""
        if self._total is not None:
            disk = os.fstatvfs(file)
            if disk.f_blocks and disk.f_bavail * disk.f_frsize < self._total - self._done:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _share(self) -> str:
        return f"{self._done} of {'?' if self._total is None else self._total} bytes"

    def not_written(self, error: OSError) -> ModelError:
        """What to say of a disk that does not take the file."""
        folder = self.target.parent
        if error.errno in _FULL:
            return ModelError(
                f"no room for {self.target.name} in {folder}, at {self._share()}: "
                "free some, or choose another folder with --cache"
            )
        reason = (error.strerror or str(error)).lower()
        return ModelError(f"cannot keep {self.target.name} in {folder}: {reason}: choose another folder with --cache")


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _sync(folder: Path) -> None:
    """Make a new name in a folder last through a power cut."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
