"""The other end of a line to a hub."""

import select
import socket
import time
from collections.abc import Iterator
from math import ceil

from edge_daemon.lines.line import Line, path_of

RETRY_S, RETRY_MAX_S = 0.02, 0.5


class Peer:
    """The other end of a line, under a name. While there is nobody at the hub it tries again and again.

    The owner waits for `fileno()`, at most `wait_ms`, and says hello whenever `renewed()` is true. What is sent while
    there is no connection is dropped, since the hello after it tells everything; of what nobody will say again each
    piece is sent when it `has_room`.

    Raises:
        StartError: `address` can be none.
    """

    def __init__(self, address: str, name: str) -> None:
        self._path, self._name = path_of(address), name.encode()
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
