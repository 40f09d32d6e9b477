"""Files of lines that stay small: when one is full it becomes the older one, in place of the one before."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

OLDER = ".1"
"""Ending of the older file's name."""


def append(path: Path, line: bytes, most_bytes: int) -> None:
    """Append a line, without its end, to a file to which other processes may append too. It is full with `most_bytes`.

    Raises:
        OSError: it cannot be written.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, line + b"\n")
        if os.fstat(fd).st_size > most_bytes:
            with suppress(BlockingIOError, FileNotFoundError):  # another process does it, or has done it
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if path.stat().st_ino == os.fstat(fd).st_ino:
                    path.replace(path.with_name(path.name + OLDER))
    finally:
        os.close(fd)


def backwards(path: Path) -> Iterator[bytes]:
    """The lines of both files, the newest first."""
    for file in (path, path.with_name(path.name + OLDER)):
        with suppress(OSError):  # there is none yet
            yield from reversed(file.read_bytes().splitlines())
