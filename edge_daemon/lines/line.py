"""One end of a line: whole messages over a Unix socket, which takes only so much at once."""

import select
import socket
from collections.abc import Iterator
from pathlib import Path

from edge_daemon.errors import StartError

SCHEME = "ipc://"
PIECE_BYTES = 100_000
"""A longer message goes in pieces: a socket takes only so much at once."""
LAST, MORE = 0, 1
"""The first byte of a piece."""
MAX_BYTES = 4 << 20
"""Whoever sends a longer message is hung up on."""
LONGEST_PATH = 107
PATIENCE_MS = 200
"""How long a message waits for a peer that does not read."""


class Line:
    """One end of a connection, which passes whole messages."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._end.setblocking(False)
        self._piece = bytearray(PIECE_BYTES + 1)
        self._pieces = bytearray()

    def fileno(self) -> int:
        """For a poller."""
        return self._end.fileno()

    def close(self) -> None:
        """Hang up. What was sent is still to be read."""
        self._end.close()

    def connect(self, path: Path) -> None:
        """Call who listens at `path`.

        Raises:
            OSError: nobody does, or too many call.
        """
        self._end.connect(str(path))

    def send_piece(self, piece: bytes) -> None:
        """Send one of the `pieces` of a message.

        Raises:
            OSError: the other end is gone, or (BlockingIOError) does not read.
        """
        self._end.send(piece, socket.MSG_NOSIGNAL)

    def send(self, message: bytes) -> None:
        """Send a message, and wait for a moment if the other end does not read.

        Raises:
            OSError: as `send_piece`; some of the message may have been sent.
        """
        for piece in pieces(message):
            try:
                self.send_piece(piece)
            except BlockingIOError:
                self.has_room(PATIENCE_MS)
                self.send_piece(piece)

    def has_room(self, wait_ms: int) -> bool:
        """Whether a piece can be sent; waits for that for a while. Also true when the other end is gone."""
        room = select.poll()
        room.register(self._end, select.POLLOUT)
        return bool(room.poll(wait_ms))

    def receive(self, most: int) -> Iterator[bytes]:
        """The messages that are here, up to so many.

        Raises:
            EOFError: the other end is gone, or sends what it should not.
        """
        for _ in range(most):
            try:
                size = self._end.recv_into(self._piece)
            except BlockingIOError:
                return
            except ConnectionResetError:  # it left without reading all; what it said before is still to come
                continue
            if not size or len(self._pieces) > MAX_BYTES:
                raise EOFError
            piece = self._piece[1:size]
            if self._piece[0] == MORE:
                self._pieces += piece
            elif self._pieces:
                message, self._pieces = self._pieces + piece, bytearray()
                yield bytes(message)
            else:
                yield bytes(piece)


def pieces(message: bytes) -> Iterator[bytes]:
    """A message as it is sent."""
    last = max(0, len(message) - 1) // PIECE_BYTES
    for number in range(last + 1):
        mark = bytes([LAST if number == last else MORE])
        yield mark + message[number * PIECE_BYTES : (number + 1) * PIECE_BYTES]


def path_of(address: str) -> Path:
    """Where an address (ipc) lies.

    Raises:
        StartError: it is longer than a socket's can be.
    """
    path = address.removeprefix(SCHEME)
    if len(path.encode()) > LONGEST_PATH:
        raise StartError(
            f"cannot use {address}: the path is longer than the {LONGEST_PATH} bytes that a socket's may have"
        )
    return Path(path)
