"""What a bridge takes from what is published, and is not stored: results and the status. It is kept in memory while the
receiver is away, up to a limit.
"""

from collections import deque

import msgspec
import zmq

from edge_daemon.delivery.message import Message, is_wanted
from edge_daemon.delivery.settings import BridgeSettings
from edge_daemon.messages.topics import RESULT, STATUS
from edge_daemon.transport import zeromq

MOST_BYTES = 64 << 20
"""Bytes kept while the receiver is away. Beyond that the oldest are lost."""
HWM, BURST = 1000, 256


class Live:
    """Messages that are published from now on, at the address `published` of the settings.

    Raises:
        StartError: it cannot listen there.
    """

    def __init__(self, settings: BridgeSettings, published: str) -> None:
        self._selection = settings.selection
        self._context = zmq.Context[zmq.Socket[bytes]]()
        try:
            self._socket = zeromq.local_subscriber(self._context, published, HWM)
        except BaseException:
            self._context.term()
            raise
        if "status" in settings.send:
            self._socket.subscribe(STATUS.prefix())
        if "results" in settings.send:
            for prefix in RESULT.prefixes(settings.selection.cameras):
                self._socket.subscribe(prefix)
        self._kept: deque[Message] = deque()
        self._bytes = 0
        self.lost = 0
        """Messages that were too much."""

    @property
    def waiting(self) -> int:
        """Messages that were not read yet."""
        return len(self._kept)

    def fileno(self) -> int:
        """File descriptor that is readable when something has arrived, at the latest since the last `receive`."""
        return int(self._socket.get(zmq.FD))

    def receive(self) -> None:
        """Take in what has arrived."""
        while self._socket.poll(0):
            for parts in zeromq.receive(self._socket, BURST):
                self._add(parts[1])

    def read(self, most: int) -> list[Message]:
        """The oldest messages, up to `most`."""
        found = [self._kept.popleft() for _ in range(min(most, len(self._kept)))]
        self._bytes -= sum(len(one.body) for one in found)
        return found

    def close(self) -> None:
        """Disconnect."""
        self._socket.close()
        self._context.term()

    def _add(self, body: bytes) -> None:
        data = msgspec.json.decode(body)
        if not is_wanted(data, self._selection):
            return
        if data["type"] == "status":
            id = f"status/{data['at']}"
        else:
            id = f"{data['type']}/{data['camera']}/{data['model']}/{data.get('epoch', 0)}/{data.get('seq', 0)}"
        self._kept.append(Message(id=id, body=body, data=data))
        self._bytes += len(body)
        while self._bytes > MOST_BYTES:
            self._bytes -= len(self._kept.popleft().body)
            self.lost += 1
