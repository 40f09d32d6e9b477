"""The server end of all channels to one process."""

import contextlib
import errno
import logging
import select
import socket
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Self

from edge_daemon.errors import StartError
from edge_daemon.transport.channel import Channel, path_of
from edge_daemon.transport.listener import Listener

logger = logging.getLogger(__name__)
MAX_UNSENT = 10_000
"""Pieces kept for a peer that does not read; beyond that it is disconnected, and begins again with a hello."""
BACKLOG = 1024


class Hub:
    """Accepts channels from peers. A peer's first message is its name; a newer connection of that name replaces the
    older one. `on_connect` is called with the name of a peer before its first message, `on_disconnect` with that of one
    that is gone, after its last.

    Raises:
        StartError: the socket at `address` cannot be made.
    """

    def __init__(self, address: str) -> None:
        self.on_connect: Callable[[str], None] = lambda name: None
        self.on_disconnect: Callable[[str], None] = lambda name: None
        self._path = path_of(address)
        self._listener = Listener(_listener(self._path, address))
        self._poll = select.epoll()
        self._poll.register(self._listener, select.EPOLLIN)
        self._channels: dict[int, Channel] = {}  # by file descriptor
        self._names: dict[int, str] = {}
        self._known: dict[str, int] = {}  # the file descriptor of each name
        self._muted: frozenset[int] = frozenset()
        self._ready: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """File descriptor that is readable when there is something to `wait` for."""
        return self._poll.fileno()

    def watch(self, fd: int) -> None:
        """Also wait for another file descriptor."""
        self._poll.register(fd, select.EPOLLIN)

    def mute(self, names: Collection[str]) -> None:
        """Do not wake up for exactly these peers; their messages are read on the next wake-up."""
        muted = frozenset(self._known[name] for name in names if name in self._known)
        changed, self._muted = muted ^ self._muted, muted
        for fd in changed:
            self._poll_for(fd)

    def wait(self, wait_ms: int) -> set[int]:
        """Wait until a message arrives; return the watched file descriptors that are ready."""
        others = set()
        self._ready.clear()
        for fd, events in self._poll.poll(wait_ms / 1e3):
            if fd in self._channels:
                if events & select.EPOLLOUT:
                    self._flush(fd)
                if events & ~select.EPOLLOUT:
                    self._ready.append(fd)
            elif fd == self._listener.fileno():
                self._accept()
            else:
                others.add(fd)
        return others

    def has_messages(self) -> bool:
        """Look for messages of all peers, the muted ones too; true if there are any."""
        self.mute(())
        self.wait(0)
        return bool(self._ready)

    def receive(self, most: int = 1) -> Iterator[tuple[str, bytes]]:
        """Yield (peer, message) for what had arrived when `wait` returned: up to `most` of each peer, the rest after
        the next `wait`.
        """
        for fd in (*self._ready, *self._muted):
            channel = self._channels.get(fd)
            try:
                for message in channel.receive(most) if channel else ():
                    if name := self._names.get(fd):
                        yield name, message
                    else:
                        self._introduce(fd, message)
            except EOFError:
                self._disconnect(fd)

    def send(self, name: str, message: bytes) -> None:
        """Send a message to a peer, if it is connected. Never waits."""
        if (fd := self._known.get(name)) is None:
            return
        channel = self._channels[fd]
        waiting = channel.unsent
        try:
            channel.post(message)
        except OSError:  # it is gone, which shows when its last messages have been read
            return
        if channel.unsent > MAX_UNSENT:
            logger.warning("%s does not read its messages: disconnected", name)
            self._disconnect(fd)
        elif channel.unsent and not waiting:
            self._poll_for(fd)

    def close(self) -> None:
        """Disconnect all peers and stop listening."""
        for fd in list(self._channels):
            self._disconnect(fd)
        self._poll.close()
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        if end := self._listener.accept():
            self._channels[end.fileno()] = Channel(end)
            self._poll.register(end, select.EPOLLIN)

    def _introduce(self, fd: int, message: bytes) -> None:
        name = message.decode(errors="replace")
        if (before := self._known.pop(name, None)) is not None:
            self._disconnect(before)
        self._names[fd], self._known[name] = name, fd
        self.on_connect(name)

    def _flush(self, fd: int) -> None:
        channel = self._channels[fd]
        with contextlib.suppress(OSError):  # it is gone, which shows when its last messages have been read
            channel.flush()
            if channel.unsent:
                return
        self._poll_for(fd, writable=False)

    def _poll_for(self, fd: int, *, writable: bool = True) -> None:
        """Poll this channel for input unless it is muted, and for room while it has unsent messages."""
        if channel := self._channels.get(fd):
            room = select.EPOLLOUT if writable and channel.unsent else 0
            self._poll.modify(fd, (0 if fd in self._muted else select.EPOLLIN) | room)

    def _disconnect(self, fd: int) -> None:
        self._channels.pop(fd).close()
        self._muted -= {fd}
        name = self._names.pop(fd, None)
        if name is not None and self._known.get(name) == fd:
            del self._known[name]
            self.on_disconnect(name)


def _listener(path: Path, address: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        if _is_stale(path):
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
        raise StartError(f"cannot listen on {address}: {reason}") from error
    return listener


def _is_stale(path: Path) -> bool:
    """True if the process that listened there is gone."""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)) as client:
        return client.connect_ex(str(path)) == errno.ECONNREFUSED
