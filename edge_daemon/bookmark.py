"""Which frame a worker is at, left where it outlives the worker: of that one it may have died, and of no other."""

import logging
import os
import struct
from pathlib import Path
from typing import NamedTuple

from edge_daemon.sockets import of_this_process, path_of

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
        self._fd, self._file = -1, Path(of_this_process(str(_path(inbox))))
        try:
            self._fd = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.write(self._fd, bytes(_BYTES))  # so that there is room for it, however full the disk gets
        except OSError as error:
            self._give_up(error)

    def put(self, camera: str, epoch: int, seq: int) -> None:
        """The worker begins this frame."""
        if self._fd >= 0:
            name = camera.encode(errors="replace")[: _BYTES - _HEAD.size]
            try:
                os.pwrite(self._fd, _HEAD.pack(epoch, seq, len(name)) + name, 0)
            except OSError as error:
                self._give_up(error)

    def close(self) -> None:
        """The worker ends, and not for a frame."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _give_up(self, error: OSError) -> None:
        logger.warning("cannot keep a bookmark in %s: %s", self._file, error.strerror)
        self._file.unlink(missing_ok=True)
        self.close()


def read(inbox: str) -> Place | None:
    """Where the worker whose inbox this was had come; None where it has left no word of that."""
    try:
        data = _path(inbox).read_bytes()
        epoch, seq, length = _HEAD.unpack_from(data)
        return Place(data[_HEAD.size : _HEAD.size + length].decode(errors="replace"), epoch, seq)
    except (OSError, struct.error):
        return None


def _path(inbox: str) -> Path:
    path = path_of(inbox)
    return path.with_name("at-" + path.name)
