"""The connections of others to a publisher: counted, and kept below a limit."""

import contextlib
import logging
import resource
import socket
import struct
import time

import zmq

logger = logging.getLogger(__name__)
MOST, SHARE = 1024, 4
"""Limit of connections: this many, or this part of the files that the process may open."""
_EVENT = struct.Struct("=hi")
"""Kind and value of an event (zmq_socket_monitor(3))."""
_MONITOR = "inproc://connections"
_FAILED = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
_EVENTS = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | _FAILED


class Connections:
    """Follows the connections to a publisher, which is made to listen afterwards. `changes` is readable when there is
    something to `update`.

    ZeroMQ accepts at most about a thousand connections before `update` has read of them. Those beyond the limit are
    closed, and so are those without a handshake, by ZeroMQ itself (`zeromq.HANDSHAKE_MS`).
    """

    def __init__(self, publisher: zmq.Socket[bytes], most: int | None = None) -> None:
        self._publisher, self._most = publisher, most or _limit()
        publisher.monitor(_MONITOR, _EVENTS)
        self.changes = publisher.context.socket(zmq.PAIR)
        self.changes.linger, self.changes.rcvhwm = 0, 1
        self.changes.connect(_MONITOR)
        self._accepted: dict[int, None] = {}  # file descriptors, the newest last
        self._subscribers, self._failed, self._changed_at = 0, 0, 0.0

    def update(self) -> None:
        """Read what has happened, and close the newest connections if there are too many."""
        while self.changes.poll(0):
            event, _ = self.changes.recv_multipart()
            self._read(*_EVENT.unpack(event))
        if len(self._accepted) > self._most:
            logger.warning("there are %d connections of subscribers already: refused another", self._most)
            for fd in list(self._accepted)[self._most :]:
                _shut(fd)

    def settled(self, count: int, for_s: float) -> bool:
        """True if at least `count` subscribers have been connected for `for_s`, long enough to have subscribed."""
        return self._subscribers >= count and time.monotonic() - self._changed_at >= for_s

    def close(self) -> None:
        """Stop following; the publisher is not affected."""
        while self.changes.poll(0):  # its thread would wait for room
            self.changes.recv_multipart()
        self._publisher.disable_monitor()
        self.changes.close()

    def _read(self, kind: int, fd: int) -> None:
        if kind == zmq.EVENT_ACCEPTED:
            self._accepted[fd] = None
        elif kind & _FAILED:
            self._failed += 1
        elif kind == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._subscribers, self._changed_at = self._subscribers + 1, time.monotonic()
        elif self._accepted.pop(fd, fd) is None and self._failed:  # it was no subscriber
            self._failed -= 1
        else:
            self._subscribers, self._changed_at = self._subscribers - 1, time.monotonic()


def _shut(fd: int) -> None:
    """End a connection that ZeroMQ has; it closes the file itself, and may have done so by now."""
    with contextlib.suppress(OSError):
        connection = socket.socket(fileno=fd)
        if connection.type == socket.SOCK_STREAM:
            connection.shutdown(socket.SHUT_RDWR)
        connection.detach()


def _limit() -> int:
    """Limit of connections in this process, which may then open as many files as the system lets it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return min(MOST, most // SHARE) if most != resource.RLIM_INFINITY else MOST
