"""Creates all ZeroMQ sockets: who binds, who connects, and how much each may queue.

Queues are bounded by the protocols (a worker is sent a frame only after it reported that it is ready); high-water
marks are a second limit.
"""

import errno
import glob
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import zmq
from zmq.utils.monitor import recv_monitor_message

from edge_daemon.errors import StartError
from edge_daemon.transport.curve import ClientKeys, show

RECONNECT_MS = 20
RECONNECT_MAX_MS = 500
FRAME_HWM = 4
FRAME_BUFFER_BYTES = 1 << 20
"""Frames below this size are sent in one piece, with a single wake-up. The system may allow less."""
OUTCOME_HWM = 8
MAX_PICTURE_BYTES = 64_000_000 * 3
"""The largest picture, as raw pixels."""
MAX_SUBSCRIPTION_BYTES = 1024
"""Limit of a message; a peer that exceeds it is disconnected before memory is allocated."""
SUBSCRIBER_HWM = 100
"""Messages kept for a slow subscriber before it starts to lose some."""
LINGER_MS = 1000
_NOW, _MORE = int(zmq.NOBLOCK), int(zmq.NOBLOCK | zmq.SNDMORE)


def _bind(socket: zmq.Socket[bytes], address: str, what: str) -> None:
    try:
        socket.bind(address)
    except zmq.ZMQError as error:
        socket.close(0)
        raise StartError(f"cannot {what} on {address}: {_reason(error, address)}") from error


def _reason(error: zmq.ZMQError, address: str) -> str:
    if error.errno == zmq.EADDRINUSE:
        return "the address is in use by another program; stop it or choose another address"
    if error.errno in (errno.EADDRNOTAVAIL, errno.ENODEV):
        return "this machine has no such address"
    if address.startswith("ipc://") and len(address.removeprefix("ipc://").encode()) > zmq.IPC_PATH_MAX_LEN:
        return f"the path is longer than the {zmq.IPC_PATH_MAX_LEN} bytes that a socket's may have"
    return str(error.strerror or error).lower()


def send(socket: zmq.Socket[bytes], first: bytes, second: bytes) -> None:
    """Send two small parts at once: as `send_multipart` without waiting, in half the time."""
    socket.send(first, _MORE)
    socket.send(second, _NOW)


def receive(socket: zmq.Socket[bytes], most: int) -> Iterator[list[bytes]]:
    """The messages that have arrived, as lists of parts, up to `most`."""
    for _ in range(most):
        try:
            parts = [socket.recv(_NOW)]
        except zmq.Again:
            return
        while socket.get(zmq.RCVMORE):
            parts.append(socket.recv())
        yield parts


def path_of(address: str) -> Path:
    """Path of an address (ipc)."""
    return Path(address.removeprefix("ipc://"))


def of_this_process(address: str) -> str:
    """`address` (ipc) for this process alone. Sockets left there by killed processes are removed."""
    path = path_of(address)
    for left in path.parent.glob(f"{glob.escape(path.name)}-*"):
        if not is_there(left.name):
            left.unlink(missing_ok=True)
    return f"{address}-{os.getpid()}"


def is_there(address: str) -> bool:
    """True if the process for which `of_this_process` made this address still runs."""
    pid = address.rpartition("-")[2]
    return pid.isdecimal() and pid.isascii() and Path("/proc", pid).exists()


def inbox(context: zmq.Context[zmq.Socket[bytes]], address: str) -> zmq.Socket[bytes]:
    """A worker's socket for frames."""
    socket = context.socket(zmq.PULL)
    socket.linger = 0
    socket.rcvhwm = FRAME_HWM
    socket.rcvbuf = FRAME_BUFFER_BYTES
    socket.maxmsgsize = MAX_PICTURE_BYTES
    _bind(socket, address, "receive frames")
    return socket


def outbox(context: zmq.Context[zmq.Socket[bytes]], address: str) -> zmq.Socket[bytes]:
    """A capture's socket to one worker."""
    socket = context.socket(zmq.PUSH)
    socket.linger = LINGER_MS
    socket.sndhwm = FRAME_HWM
    socket.sndbuf = FRAME_BUFFER_BYTES
    socket.reconnect_ivl = RECONNECT_MS
    socket.connect(address)
    return socket


def collector(context: zmq.Context[zmq.Socket[bytes]], address: str) -> zmq.Socket[bytes]:
    """The sink's or the web's socket for the outcomes of workers."""
    socket = context.socket(zmq.PULL)
    socket.linger = 0
    socket.rcvhwm = OUTCOME_HWM
    socket.maxmsgsize = MAX_PICTURE_BYTES
    _bind(socket, address, "collect results")
    return socket


def outcomes(context: zmq.Context[zmq.Socket[bytes]], address: str) -> zmq.Socket[bytes]:
    """A worker's socket to the collector. It queues only while connected: what it cannot send is not lost."""
    socket = context.socket(zmq.PUSH)
    socket.linger = LINGER_MS
    socket.sndhwm = OUTCOME_HWM
    socket.immediate = 1
    socket.reconnect_ivl = RECONNECT_MS
    socket.reconnect_ivl_max = RECONNECT_MAX_MS
    socket.connect(address)
    return socket


def publisher(
    context: zmq.Context[zmq.Socket[bytes]], addresses: Sequence[str], secret_key: str | None = None
) -> zmq.Socket[bytes]:
    """The sink's socket to subscribers, which also receives their subscriptions. With `secret_key`, TCP is encrypted,
    and the context's authenticator admits subscribers.

    Raises:
        StartError: an address cannot be bound.
    """
    socket = context.socket(zmq.XPUB)
    socket.linger = LINGER_MS
    socket.sndhwm = SUBSCRIBER_HWM
    socket.ipv6 = True
    socket.maxmsgsize = MAX_SUBSCRIPTION_BYTES
    if secret_key:
        socket.curve_secretkey = secret_key.encode()
    for address in addresses:
        _guard(socket, address, guarded=bool(secret_key))
        _bind(socket, address, "publish results")
    return socket


def open_locally(publisher: zmq.Socket[bytes], address: str) -> None:
    """Publish at one more address, for processes of the daemon."""
    _guard(publisher, address, guarded=True)
    _bind(publisher, address, "publish results")


def _guard(publisher: zmq.Socket[bytes], address: str, *, guarded: bool) -> None:
    """Require keys at the next bound address if the socket has a key and other users can reach the address."""
    if guarded:
        publisher.curve_server = address.startswith("tcp://")


def move(publisher: zmq.Socket[bytes], before: Sequence[str], after: Sequence[str], *, guarded: bool = False) -> None:
    """Publish at the addresses `after` instead of `before`; subscribers at those in both stay connected.

    Raises:
        StartError: an address cannot be bound; the previous ones stay in use.
    """
    gone, new = [a for a in before if a not in after], [a for a in after if a not in before]
    ports = {_port(address) for address in new}
    in_the_way = [address for address in gone if _port(address) in ports]  # such as the same port on another interface
    bound: list[str] = []
    for address in in_the_way:
        publisher.unbind(address)
    try:
        for address in new:
            _guard(publisher, address, guarded=guarded)
            publisher.bind(address)
            bound.append(address)
    except zmq.ZMQError as error:
        for other in bound:
            publisher.unbind(other)
        for other in in_the_way:
            _guard(publisher, other, guarded=guarded)
            publisher.bind(other)
        raise StartError(f"cannot publish results on {address}: {_reason(error, address)}") from error
    for address in gone:
        if address not in in_the_way:
            publisher.unbind(address)


def _port(address: str) -> str:
    return address.rpartition(":")[2]


def subscriber(
    context: zmq.Context[zmq.Socket[bytes]], address: str, hwm: int, keys: ClientKeys | None = None
) -> zmq.Socket[bytes]:
    """A client's socket, not subscribed to anything yet.

    Raises:
        zmq.ZMQError: `address` is not valid.
    """
    socket = context.socket(zmq.SUB)
    socket.linger = 0
    socket.rcvhwm = hwm
    socket.ipv6 = True
    socket.reconnect_ivl = 100
    socket.reconnect_ivl_max = 2000
    if keys:
        show(socket, keys)
    try:
        socket.connect(address)
    except zmq.ZMQError:
        socket.close()
        raise
    return socket


class ConnectionCount:
    """Number of connections to a publisher, and time since it last changed."""

    def __init__(self, publisher: zmq.Socket[bytes]) -> None:
        self._publisher = publisher
        self._changes = publisher.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        self._count, self._changed_at = 0, 0.0

    def settled(self, count: int, for_s: float) -> bool:
        """True if at least `count` have been connected for `for_s`, long enough to have subscribed."""
        while self._changes.poll(0):
            came = recv_monitor_message(self._changes)["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED
            self._count += 1 if came else -1
            self._changed_at = time.monotonic()
        return self._count >= count and time.monotonic() - self._changed_at >= for_s

    def close(self) -> None:
        """Stop counting; the publisher is not affected."""
        self._publisher.disable_monitor()
        self._changes.close(0)


def ipc(folder: Path, name: str) -> str:
    """Address of the socket `name` in `folder`."""
    return f"ipc://{folder / name}"
