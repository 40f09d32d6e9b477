"""A mount of a file system whose server never answers, as that of a network drive that is gone."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_libc = ctypes.CDLL(None, use_errno=True)
MNT_FORCE_DETACH = 3


@contextmanager
def hung_mount(place: Path) -> Iterator[Path]:
    """Mount it at `place`; whatever waits for it goes on when it is gone again. Skips where mounting is not allowed."""
    place.mkdir()
    try:
        server = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"no FUSE here: {error.strerror}")
    options = f"fd={server},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    if _libc.mount(b"nothing", os.fsencode(place), b"fuse", 0, options.encode()):
        os.close(server)
        pytest.skip(f"mounting is not allowed here: {os.strerror(ctypes.get_errno())}")
    try:
        yield place
    finally:
        os.close(server)  # who waits gets an error
        _libc.umount2(os.fsencode(place), MNT_FORCE_DETACH)
