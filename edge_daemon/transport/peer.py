"""The client end of a channel to a hub."""

import select
import socket
import time
from collections.abc import Iterator
from math import ceil

from edge_daemon.backoff import Backoff
from edge_daemon.transport.channel import Channel, path_of

RETRY_S, RETRY_MAX_S = 0.02, 0.5


class Peer:
    """Connects to a hub under a name, and reconnects for as long as it takes.

    The owner waits for `fileno()`, at most `wait_ms`, and sends its hello whenever `renewed()` is true. A message sent
    while there is no connection is dropped, since the hello that follows contains everything; a message that must not
    be lost is sent piece by piece when the hub `has_room`.

    Raises:
        StartError: `address` is too long.
    """

    def __init__(self, address: str, name: str) -> None:
        self._path, self._name = path_of(address), name.encode()
        self._poll = select.epoll()
        self._channel: Channel | None = None
        self._backoff, self._retry_at = Backoff(RETRY_S, RETRY_MAX_S), 0.0

    @property
    def connected(self) -> bool:
        """True while there is a connection."""
        return self._channel is not None

    def fileno(self) -> int:
        """File descriptor that is readable when a message has arrived, or the connection is lost."""
        return self._poll.fileno()

    def wait_ms(self, most: int) -> int:
        """Time to wait for something to happen, up to `most`: not past the next attempt to connect."""
        if self._channel:
            return most
        return max(0, min(most, ceil((self._retry_at - time.monotonic()) * 1e3)))

    def renewed(self) -> bool:
        """Connect if an attempt is due; true when it succeeded and a hello has to be sent."""
        if self._channel or time.monotonic() < self._retry_at:
            return False
        channel = Channel(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        try:
            channel.connect(self._path)
            channel.send(self._name)
        except OSError:
            channel.close()
            self._retry_at = time.monotonic() + self._backoff.failed()
            return False
        self._backoff.succeeded()
        self._channel = channel
        self._poll.register(channel, select.EPOLLIN)
        return True

    def receive(self, most: int) -> Iterator[bytes]:
        """Yield the messages that have arrived, up to `most`."""
        try:
            yield from self._channel.receive(most) if self._channel else ()
        except EOFError:
            self._disconnect()

    def send(self, message: bytes) -> None:
        """Send a message, if there is a connection."""
        if self._channel is None:
            return
        try:
            self._channel.send(message)
        except BlockingIOError:  # the hub has not read for long: a new connection begins with a hello
            self._disconnect()
        except OSError:  # it is gone, which shows when its last messages have been read
            return

    def has_room(self, wait_ms: int) -> bool:
        """True if the hub is connected and takes a piece; waits for that up to `wait_ms`."""
        if self._channel is None:
            time.sleep(self.wait_ms(wait_ms) / 1e3)
            self.renewed()
        return self._channel is not None and self._channel.has_room(wait_ms)

    def send_piece(self, piece: bytes) -> bool:
        """Send one of the `pieces` of a message, for which there is room; false if the hub is gone."""
        try:
            if self._channel:
                self._channel.send_piece(piece)
                return True
        except OSError:
            self._disconnect()
        return False

    def close(self) -> None:
        """Disconnect. What was sent still arrives."""
        self._disconnect()
        self._poll.close()

    def _disconnect(self) -> None:
        if self._channel:
            self._channel.close()
            self._channel = None
