"""The frame that a worker has in hand, in a file that outlives the worker: only that frame may have killed it."""

import logging
import os
import struct
from pathlib import Path
from typing import NamedTuple

from edge_daemon.transport.zeromq import of_this_process, path_of

logger = logging.getLogger(__name__)
_HEAD = struct.Struct("<qqH")
_BYTES = 1024


class FrameId(NamedTuple):
    """Identity of a frame."""

    camera: str
    epoch: int
    seq: int


class CrashMarker:
    """The marker of this worker, beside its `inbox` (the address common to all workers of its name). If the file cannot
    be created, there is no marker.
    """

    def __init__(self, inbox: str) -> None:
        self._fd, self._file = -1, Path(of_this_process(str(_path(inbox))))
        try:
            self._fd = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.write(self._fd, bytes(_BYTES))  # reserves the space, however full the disk gets
        except OSError as error:
            self._give_up(error)

    def put(self, camera: str, epoch: int, seq: int) -> None:
        """Record that the worker starts this frame."""
        if self._fd >= 0:
            name = camera.encode(errors="replace")[: _BYTES - _HEAD.size]
            try:
                os.pwrite(self._fd, _HEAD.pack(epoch, seq, len(name)) + name, 0)
            except OSError as error:
                self._give_up(error)

    def close(self) -> None:
        """Close the file: the worker ends, and not because of a frame."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _give_up(self, error: OSError) -> None:
        logger.warning("cannot write the crash marker %s: %s", self._file, error.strerror)
        self._file.unlink(missing_ok=True)
        self.close()


def read(inbox: str) -> FrameId | None:
    """Frame that the worker at `inbox` had in hand last; None if it left no marker."""
    try:
        data = _path(inbox).read_bytes()
        epoch, seq, length = _HEAD.unpack_from(data)
        return FrameId(data[_HEAD.size : _HEAD.size + length].decode(errors="replace"), epoch, seq)
    except (OSError, struct.error):
        return None


def _path(inbox: str) -> Path:
    path = path_of(inbox)
    return path.with_name("at-" + path.name)
