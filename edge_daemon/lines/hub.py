"""The end of all lines to one process."""

import contextlib
import errno
import logging
import select
import socket
from collections import deque
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Self

from edge_daemon.errors import StartError
from edge_daemon.lines.line import Line, path_of, pieces

logger = logging.getLogger(__name__)
UNREAD = 10_000
"""So many pieces wait for a peer that does not read; one that leaves more is hung up on, and told anew then."""
BACKLOG = 1024


class Hub:
    """The end of all lines to the dispatcher, or to the sink. Who calls says a name first; a later line of that name
    takes its place.

    Raises:
        StartError: nobody can be listened to at `address`.
    """

    def __init__(self, address: str) -> None:
        self._path = path_of(address)
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
        changed, self._hushed = hushed ^ self._hushed, hushed
        for fd in changed:
            self._listen_to(fd)

    def wait(self, wait_ms: int) -> set[int]:
        """Wait until somebody says something; which of those watched for are ready."""
        others = set()
        self._ready.clear()
        for fd, events in self._poll.poll(wait_ms / 1e3):
            if fd in self._lines:
                if events & select.EPOLLOUT:
                    self._send_unread(fd)
                if events & ~select.EPOLLOUT:
                    self._ready.append(fd)
            elif fd == self._listener.fileno():
                self._let_in()
            else:
                others.add(fd)
        return others

    def has_news(self) -> bool:
        """Whether somebody has said something."""
        self.hush(())
        self.wait(0)
        return bool(self._ready)

    def receive(self, most: int = 1) -> Iterator[tuple[str, bytes]]:
        """What was said before `wait` came back, and by whom: of each so many messages, the rest is there after the
        next.
        """
        for fd in (*self._ready, *self._hushed):
            line = self._lines.get(fd)
            try:
                for message in line.receive(most) if line else ():
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
