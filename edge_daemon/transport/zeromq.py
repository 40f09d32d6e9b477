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

from edge_daemon.errors import StartError
from edge_daemon.transport.curve import ClientKeys, show

RECONNECT_MS = 20
RECONNECT_MAX_MS, ABSENT_MS = 500, 2000
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
HANDSHAKE_MS = 3000
"""Time for a subscriber's handshake; a connection without one is closed then."""
RELEASE_S = 0.2
"""Time in which ZeroMQ releases an address."""
KEEPALIVE_S = 60
"""Silence of a subscriber's machine after which the system asks whether it is still there."""
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
    return of_process(address, os.getpid())


def of_process(address: str, pid: int | str) -> str:
    """`address` for the process `pid` alone."""
    return f"{address}-{pid}"


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


def collector(context: zmq.Context[zmq.Socket[bytes]], address: str | None = None) -> zmq.Socket[bytes]:
    """The web's socket for the outcomes of workers, or (without an address) the sink's, which connects to each."""
    socket = context.socket(zmq.PULL)
    socket.linger = 0
    socket.rcvhwm = OUTCOME_HWM
    socket.maxmsgsize = MAX_PICTURE_BYTES
    socket.reconnect_ivl = RECONNECT_MS
    socket.reconnect_ivl_max = RECONNECT_MAX_MS
    if address:
        _bind(socket, address, "collect results")
    return socket


def pictures(context: zmq.Context[zmq.Socket[bytes]], address: str) -> zmq.Socket[bytes]:
    """A worker's socket for outcomes with a picture, to which the sink connects. It queues only while there is one."""
    socket = context.socket(zmq.PUSH)
    socket.linger = LINGER_MS
    socket.sndhwm = OUTCOME_HWM
    _bind(socket, address, "send pictures")
    return socket


def outcomes(context: zmq.Context[zmq.Socket[bytes]], address: str) -> zmq.Socket[bytes]:
    """A worker's socket to the web. It queues only while connected: what it cannot send is not lost."""
    socket = context.socket(zmq.PUSH)
    socket.linger = LINGER_MS
    socket.sndhwm = OUTCOME_HWM
    socket.immediate = 1
    socket.reconnect_ivl = RECONNECT_MS
    socket.reconnect_ivl_max = RECONNECT_MAX_MS
    socket.connect(address)
    return socket


def publisher(context: zmq.Context[zmq.Socket[bytes]], secret_key: str | None = None) -> zmq.Socket[bytes]:
    """The sink's socket to subscribers, which also receives their subscriptions; `move` has it publish somewhere. With
    `secret_key`, TCP is encrypted, and the context's authenticator admits subscribers.

    The network reaches this socket's process, so no other socket of ZeroMQ may listen on a path there: at the limit of
    open files, such a listener ends its process.
    """
    socket = context.socket(zmq.XPUB)
    socket.linger = LINGER_MS
    socket.sndhwm = SUBSCRIBER_HWM
    socket.ipv6 = True
    socket.maxmsgsize = MAX_SUBSCRIPTION_BYTES
    socket.handshake_ivl = HANDSHAKE_MS
    socket.immediate = 1  # forget the subscriptions of a web that is gone
    socket.reconnect_ivl = RECONNECT_MS
    socket.reconnect_ivl_max = RECONNECT_MAX_MS
    socket.tcp_keepalive, socket.tcp_keepalive_idle = 1, KEEPALIVE_S
    if secret_key:
        socket.curve_secretkey = secret_key.encode()
    return socket


def publish_locally(publisher: zmq.Socket[bytes], address: str) -> None:
    """Also publish to a process of the daemon, which listens at this address."""
    _guard(publisher, address, guarded=True)
    publisher.connect(address)


def picture_publisher(context: zmq.Context[zmq.Socket[bytes]], address: str) -> zmq.Socket[bytes]:
    """A capture's socket for pictures to the web, which listens at this address; it also receives what the web
    subscribes to. It queues few, since pictures are large and only the newest are of use.
    """
    socket = context.socket(zmq.XPUB)
    socket.linger = 0
    socket.sndhwm = OUTCOME_HWM
    socket.maxmsgsize = MAX_SUBSCRIPTION_BYTES
    socket.immediate = 1
    socket.reconnect_ivl = RECONNECT_MS
    socket.reconnect_ivl_max = ABSENT_MS  # there may be no web
    socket.connect(address)
    return socket


def local_subscriber(context: zmq.Context[zmq.Socket[bytes]], address: str, hwm: int) -> zmq.Socket[bytes]:
    """The socket of a process of the daemon, to which the publisher connects; not subscribed to anything yet."""
    socket = context.socket(zmq.SUB)
    socket.linger = 0
    socket.rcvhwm = hwm
    _bind(socket, address, "receive results")
    return socket


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
            _bind_again(publisher, address)
            bound.append(address)
    except zmq.ZMQError as error:
        for other in bound:
            publisher.unbind(other)
        for other in in_the_way:
            _guard(publisher, other, guarded=guarded)
            _bind_again(publisher, other)
        raise StartError(f"cannot publish results on {address}: {_reason(error, address)}") from error
    for address in gone:
        if address not in in_the_way:
            publisher.unbind(address)


def disconnect_all(publisher: zmq.Socket[bytes], addresses: Sequence[str], *, guarded: bool) -> None:
    """Disconnect the subscribers at these addresses, who connect again if they may: ZeroMQ cannot disconnect just one.

    Raises:
        StartError: another program has taken an address meanwhile.
    """
    move(publisher, addresses, [])
    move(publisher, [], addresses, guarded=guarded)


def _bind_again(publisher: zmq.Socket[bytes], address: str) -> None:
    """Bind to an address that ZeroMQ's thread may not have released yet."""
    until = time.monotonic() + RELEASE_S
    while True:
        try:
            publisher.bind(address)
            return
        except zmq.ZMQError as error:
            if error.errno != zmq.EADDRINUSE or time.monotonic() >= until:
                raise
            time.sleep(RELEASE_S / 100)


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


def ipc(folder: Path, name: str) -> str:
    """Address of the socket `name` in `folder`."""
    return f"ipc://{folder / name}"
