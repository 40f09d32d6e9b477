"""The lines between our processes: small messages, over Unix sockets of this machine.

Pictures travel by ZeroMQ, as does what is published. What is said about them is some hundred bytes, several times a
frame, and through ZeroMQ's threads that would cost three times as much and come later: here the thread that has
something to say says it, and the one that waits for it wakes up. A line keeps messages whole and in order
(SOCK_SEQPACKET), and each end learns at once when the other is gone.
"""

import contextlib
import errno
import logging
import select
import socket
import time
from collections import deque
from collections.abc import Collection, Iterator
from math import ceil
from pathlib import Path
from typing import Self

from edge_daemon.errors import StartError

logger = logging.getLogger(__name__)
SCHEME = "ipc://"
PIECE_BYTES = 100_000
"""A longer message goes in pieces: a socket takes only so much at once."""
LAST, MORE = 0, 1
"""The first byte of a piece."""
MAX_BYTES = 4 << 20
"""Whoever sends a longer message is hung up on."""
UNREAD = 10_000
"""So many pieces wait for a peer that does not read; one that leaves more is hung up on, and told anew then."""
LONGEST_PATH = 107
BACKLOG = 1024
RETRY_S, RETRY_MAX_S = 0.02, 0.5
PATIENCE_MS = 200
"""How long a peer waits for a dispatcher that does not read."""


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


class Hub:
    """The end of all lines to the dispatcher, or to the sink. Who calls says a name first; a later line of that name
    takes its place.

    Raises:
        StartError: nobody can be listened to at `address`.
    """

    def __init__(self, address: str) -> None:
        self._path = _path(address)
        self._listener = _listening(self._path, address)
        self._poll = select.epoll()
        self._poll.register(self._listener, select.EPOLLIN)
        self._lines: dict[int, Line] = {}  # by file descriptor
        self._names: dict[int, str] = {}
        self._known: dict[str, int] = {}  # the file descriptor of each name
        self._unread: dict[int, deque[bytes]] = {}
        self._hushed: frozenset[int] = frozenset()
        self._ready: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """For a poller of the owner's: readable when there is something to `wait` for."""
        return self._poll.fileno()

    def watch(self, fd: int) -> None:
        """Wait for another file descriptor too."""
        self._poll.register(fd, select.EPOLLIN)

    def hush(self, names: Collection[str]) -> None:
        """What these peers say, and no others, can wait: it wakes nobody up, but is read with what others say."""
        hushed = frozenset(self._known[name] for name in names if name in self._known)
        for fd in hushed ^ self._hushed:
            self._hushed = hushed
            self._listen_to(fd)

    def wait(self, wait_ms: int) -> set[int]:
        """Wait until somebody says something; which of those watched for are ready."""
        others = set()
        self._ready.clear()
        for fd, events in self._poll.poll(wait_ms / 1e3):
            if fd == self._listener.fileno():
                self._let_in()
            elif fd not in self._lines:
                others.add(fd)
            else:
                if events & select.EPOLLOUT:
                    self._send_unread(fd)
                if events & ~select.EPOLLOUT:
                    self._ready.append(fd)
        return others

    def has_news(self) -> bool:
        """Whether somebody has said something."""
        self.hush(())
        self.wait(0)
        return bool(self._ready)

    def receive(self) -> Iterator[tuple[str, bytes]]:
        """What was said before `wait` came back, and by whom: of each one message, the rest is there after the next."""
        for fd in (*self._ready, *self._hushed):
            line = self._lines.get(fd)
            try:
                for message in line.receive(1) if line else ():
                    if name := self._names.get(fd):
                        yield name, message
                    else:
                        self._name(fd, message)
            except EOFError:
                self._hang_up(fd)

    def send(self, name: str, message: bytes) -> None:
        """Say something to a peer, if it is there."""
        if (fd := self._known.get(name)) is None:
            return
        unread = self._unread.get(fd)
        for piece in pieces(message):
            if unread is None:
                try:
                    self._lines[fd].send_piece(piece)
                    continue
                except BlockingIOError:
                    unread = self._unread[fd] = deque()
                    self._listen_to(fd)
                except OSError:  # it is gone, which shows when what it has said is read
                    return
            unread.append(piece)
        if unread and len(unread) > UNREAD:
            logger.warning("%s has not read for long: hung up on it", name)
            self._hang_up(fd)

    def close(self) -> None:
        """Hang up on all."""
        for fd in list(self._lines):
            self._hang_up(fd)
        self._poll.close()
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _let_in(self) -> None:
        with contextlib.suppress(OSError):  # gone again, or there are too many
            end, _ = self._listener.accept()
            self._lines[end.fileno()] = Line(end)
            self._poll.register(end, select.EPOLLIN)

    def _name(self, fd: int, said: bytes) -> None:
        name = said.decode(errors="replace")
        if (before := self._known.get(name)) is not None:
            self._hang_up(before)
        self._names[fd], self._known[name] = name, fd

    def _send_unread(self, fd: int) -> None:
        unread = self._unread.get(fd, deque())
        try:
            while unread:
                self._lines[fd].send_piece(unread[0])
                unread.popleft()
        except BlockingIOError:
            return
        except OSError:
            unread.clear()
        self._unread.pop(fd, None)
        self._listen_to(fd)

    def _listen_to(self, fd: int) -> None:
        """Have the poll tell of what is to be told of this line."""
        said = 0 if fd in self._hushed else select.EPOLLIN
        if fd in self._lines:
            self._poll.modify(fd, said | (select.EPOLLOUT if fd in self._unread else 0))

    def _hang_up(self, fd: int) -> None:
        self._lines.pop(fd).close()
        self._hushed -= {fd}
        self._unread.pop(fd, None)
        name = self._names.pop(fd, None)
        if name is not None and self._known.get(name) == fd:
            del self._known[name]


class Peer:
    """The other end of a line, under a name. While there is nobody at the hub it tries again and again.

    The owner waits for `fileno()`, at most `wait_ms`, and says hello whenever `renewed()` is true. What is sent while
    there is no connection is dropped, since the hello after it tells everything; of what nobody will say again each
    piece is sent when it `has_room`.

    Raises:
        StartError: `address` can be none.
    """

    def __init__(self, address: str, name: str) -> None:
        self._path, self._name = _path(address), name.encode()
        self._poll = select.epoll()
        self._line: Line | None = None
        self._retry_s, self._retry_at = RETRY_S, 0.0

    @property
    def connected(self) -> bool:
        """Whether somebody is there."""
        return self._line is not None

    def fileno(self) -> int:
        """For a poller: readable when something was said, or the line is lost."""
        return self._poll.fileno()

    def wait_ms(self, most: int) -> int:
        """How long to wait for something to happen, up to `most`: not past the time to try again."""
        if self._line:
            return most
        return max(0, min(most, ceil((self._retry_at - time.monotonic()) * 1e3)))

    def renewed(self) -> bool:
        """Connect if that is to be tried now; true when it worked and a hello is due."""
        if self._line or time.monotonic() < self._retry_at:
            return False
        line = Line(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        try:
            line.connect(self._path)
            line.send(self._name)
        except OSError:
            line.close()
            self._retry_at = time.monotonic() + self._retry_s
            self._retry_s = min(2 * self._retry_s, RETRY_MAX_S)
            return False
        self._line, self._retry_s = line, RETRY_S
        self._poll.register(line, select.EPOLLIN)
        return True

    def receive(self, most: int) -> Iterator[bytes]:
        """What was said, up to so many messages."""
        try:
            yield from self._line.receive(most) if self._line else ()
        except EOFError:
            self._lose()

    def send(self, message: bytes) -> None:
        """Say something, if somebody is there."""
        if self._line is None:
            return
        try:
            self._line.send(message)
        except BlockingIOError:  # it has not read for long: what it reads next is a hello, over a new line
            self._lose()
        except OSError:  # it is gone, which shows when what it has said is read
            return

    def has_room(self, wait_ms: int) -> bool:
        """Whether the other end is there and reads, so that a piece can be sent; waits for that for a while."""
        if self._line is None:
            time.sleep(self.wait_ms(wait_ms) / 1e3)
            self.renewed()
        return self._line is not None and self._line.has_room(wait_ms)

    def send_piece(self, piece: bytes) -> bool:
        """Send one of the `pieces` of a message, for which there is room; false if the other end is gone."""
        try:
            if self._line:
                self._line.send_piece(piece)
                return True
        except OSError:
            self._lose()
        return False

    def close(self) -> None:
        """Hang up. What was sent still arrives."""
        self._lose()
        self._poll.close()

    def _lose(self) -> None:
        if self._line:
            self._line.close()
            self._line = None


def _path(address: str) -> Path:
    path = address.removeprefix(SCHEME)
    if len(path.encode()) > LONGEST_PATH:
        raise StartError(
            f"cannot use {address}: the path is longer than the {LONGEST_PATH} bytes that a socket's may have"
        )
    return Path(path)


def _listening(path: Path, address: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        if _is_left(path):
            path.unlink(missing_ok=True)
        listener.bind(str(path))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        reason = (
            "the address is in use by another program"
            if error.errno == errno.EADDRINUSE
            else str(error.strerror).lower()
        )
        raise StartError(f"cannot hand out frames on {address}: {reason}") from error
    return listener


def _is_left(path: Path) -> bool:
    """Whether who listened there is gone."""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)) as caller:
        return caller.connect_ex(str(path)) == errno.ECONNREFUSED
