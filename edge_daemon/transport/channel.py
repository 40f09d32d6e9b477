"""One end of a channel: whole messages of any length over a Unix socket, which takes only so much at once."""

import select
import socket
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from edge_daemon.errors import StartError
from edge_daemon.messages.codec import MAX_BYTES

SCHEME = "ipc://"
PIECE_BYTES = 100_000
"""A longer message is sent in pieces: less than any kernel's default socket buffer."""
LAST, MORE = 0, 1
"""The first byte of a piece."""
LONGEST_PATH = 107
PATIENCE_MS = 200
"""Longest wait of `send` for a peer that does not read."""


class _Buffer(threading.local):
    """Buffer in which a thread receives pieces: one for all its channels, of which a process may have thousands."""

    def __init__(self) -> None:
        self.piece = bytearray(PIECE_BYTES + 1)


_buffer = _Buffer()


class Channel:
    """One end of a connection that carries whole messages of up to `MAX_BYTES`; a peer that sends more is cut off."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._end.setblocking(False)
        self._pieces = bytearray()
        self._unsent: deque[bytes] = deque()

    @classmethod
    def pair(cls) -> tuple["Channel", socket.socket]:
        """Create a connected pair: this process's end, and the socket that another process inherits.

        Raises:
            OSError: the limit of open files is reached.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(ours), theirs

    def fileno(self) -> int:
        """File descriptor to poll."""
        return self._end.fileno()

    def close(self) -> None:
        """Close this end. The peer can still read what was sent."""
        self._end.close()

    def connect(self, path: Path) -> None:
        """Connect to the listener at `path`.

        Raises:
            OSError: nobody listens there, or its backlog is full.
        """
        self._end.connect(str(path))

    def send_piece(self, piece: bytes) -> None:
        """Send one of the `pieces` of a message.

        Raises:
            OSError: the peer is gone, or (BlockingIOError) does not read.
        """
        self._end.send(piece, socket.MSG_NOSIGNAL)

    def send(self, message: bytes, wait_ms: int | None = PATIENCE_MS) -> None:
        """Send a message; where the peer does not read, wait up to `wait_ms` (None: as long as it takes) a piece.

        Raises:
            OSError: as `send_piece`; a part of the message may have been sent.
        """
        for piece in pieces(message):
            try:
                self.send_piece(piece)
            except BlockingIOError:
                self.has_room(wait_ms)
                self.send_piece(piece)

    def post(self, message: bytes) -> None:
        """Send a message without waiting; `flush` sends what the peer does not take now.

        Raises:
            OSError: the peer is gone.
        """
        self._unsent.extend(pieces(message))
        self.flush()

    def flush(self) -> None:
        """Send as much of what was posted as the peer takes.

        Raises:
            OSError: the peer is gone.
        """
        try:
            while self._unsent:
                self.send_piece(self._unsent[0])
                self._unsent.popleft()
        except BlockingIOError:
            return

    @property
    def unsent(self) -> int:
        """Number of posted pieces that the peer has not taken yet."""
        return len(self._unsent)

    def has_room(self, wait_ms: int | None) -> bool:
        """True if a piece can be sent, or the peer is gone; waits for that up to `wait_ms`."""
        room = select.poll()
        room.register(self._end, select.POLLOUT)
        return bool(room.poll(wait_ms))

    def wait_for_message(self) -> bytes:
        """Wait for the next message, for as long as it takes.

        Raises:
            EOFError: the peer is gone.
        """
        arrival = select.poll()
        arrival.register(self._end, select.POLLIN)
        while True:
            for message in self.receive(1):
                return message
            arrival.poll()

    def receive(self, most: int | None = None) -> Iterator[bytes]:
        """Yield the messages that have arrived, up to `most`.

        Raises:
            EOFError: the peer is gone, or sent too long a message.
        """
        count, buffer = 0, _buffer.piece
        while most is None or count < most:
            try:
                size = self._end.recv_into(buffer)
            except BlockingIOError:
                return
            except ConnectionResetError:  # it left without reading everything; what it sent before can still be read
                continue
            if not size or len(self._pieces) > MAX_BYTES:
                raise EOFError
            piece = buffer[1:size]
            if buffer[0] == MORE:
                self._pieces += piece
                continue
            message, self._pieces = self._pieces + piece if self._pieces else piece, bytearray()
            count += 1
            yield bytes(message)


def pieces(message: bytes) -> Iterator[bytes]:
    """Split a message as it is sent."""
    last = max(0, len(message) - 1) // PIECE_BYTES
    for number in range(last + 1):
        mark = bytes([LAST if number == last else MORE])
        yield mark + message[number * PIECE_BYTES : (number + 1) * PIECE_BYTES]


def path_of(address: str) -> Path:
    """Path of an `ipc://` address.

    Raises:
        StartError: it is longer than a socket's path can be.
    """
    path = address.removeprefix(SCHEME)
    if len(path.encode()) > LONGEST_PATH:
        raise StartError(f"cannot use {address}: the path of a socket may have at most {LONGEST_PATH} bytes")
    return Path(path)
