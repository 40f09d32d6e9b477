"""Which frame a worker is at, left where it outlives the worker: of that one it may have died, and of no other."""

import logging
import mmap
import os
import struct
from pathlib import Path
from typing import NamedTuple

from edge_daemon.sockets import of_this_process

logger = logging.getLogger(__name__)
_HEAD = struct.Struct("<qqH")
_BYTES = 1024


class Place(NamedTuple):
    """A frame."""

    camera: str
    epoch: int
    seq: int


class Bookmark:
    """This worker's, beside its `inbox` (the address of one of its name). Where there can be no file none is kept."""

    def __init__(self, inbox: str) -> None:
        self._file: mmap.mmap | None = None
        try:
            fd = os.open(of_this_process(str(_path(inbox))), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.ftruncate(fd, _BYTES)
                self._file = mmap.mmap(fd, _BYTES)
            finally:
                os.close(fd)
        except OSError as error:
            logger.warning("cannot keep a bookmark for %s: %s", inbox, error.strerror)

    def put(self, camera: str, epoch: int, seq: int) -> None:
        """The worker begins this frame."""
        if self._file is not None:
            name = camera.encode(errors="replace")[: _BYTES - _HEAD.size]
            self._file[: _HEAD.size + len(name)] = _HEAD.pack(epoch, seq, len(name)) + name

    def close(self) -> None:
        """The worker ends, and not for a frame."""
        if self._file is not None:
            self._file.close()


def read(inbox: str) -> Place | None:
    """Where the worker whose inbox this was had come; None where it has left no word of that."""
    try:
        data = _path(inbox).read_bytes()
        epoch, seq, length = _HEAD.unpack_from(data)
        return Place(data[_HEAD.size : _HEAD.size + length].decode(errors="replace"), epoch, seq)
    except (OSError, struct.error):
        return None


def _path(inbox: str) -> Path:
    path = Path(inbox.removeprefix("ipc://"))
    return path.with_name("at-" + path.name)
