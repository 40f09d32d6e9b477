"""The picture that a worker has in hand, in a file that outlives the worker: only that picture may have killed it."""

import logging
import os
import struct
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge_daemon.transport.zeromq import of_this_process, path_of

logger = logging.getLogger(__name__)
_HEAD = struct.Struct("<H")
_BYTES = 1024


class FrameId(NamedTuple):
    """Identity of a camera's frame."""

    camera: str
    epoch: int
    seq: int


InHand = FrameId | int
"""A frame, or the number of the request whose picture it is."""
NOTHING = FrameId("", 0, 0)
"""In hand of a worker that has not begun anything yet, or is done."""
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[InHand] = msgspec.msgpack.Decoder(InHand)


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
        self.put(NOTHING)

    def put(self, picture: InHand) -> None:
        """Record that the worker starts this picture."""
        if self._fd >= 0:
            encoded = _encoder.encode(picture)
            try:
                os.pwrite(self._fd, _HEAD.pack(len(encoded)) + encoded, 0)
            except OSError as error:
                self._give_up(error)

    def close(self) -> None:
        """Close the file: the worker ends, and not because of a picture."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _give_up(self, error: OSError) -> None:
        logger.warning("cannot write the crash marker %s: %s", self._file, error.strerror)
        self._file.unlink(missing_ok=True)
        self.close()


def read(inbox: str) -> InHand | None:
    """Picture that the worker at `inbox` had in hand last; None if it left no marker."""
    try:
        data = _path(inbox).read_bytes()
        (length,) = _HEAD.unpack_from(data)
        return _decoder.decode(data[_HEAD.size : _HEAD.size + length])
    except (OSError, struct.error, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _path(inbox: str) -> Path:
    path = path_of(inbox)
    return path.with_name("at-" + path.name)
