"""Messages that are published and not stored: results and the status. They are kept in memory while the receiver is
away, up to a limit. Receivers that show states have the last status, and pictures that they ask for.
"""

import asyncio
from collections import deque

import msgspec
import zmq

from edge_daemon.delivery.message import Message, is_wanted
from edge_daemon.delivery.settings import BridgeSettings
from edge_daemon.messages.status import Status
from edge_daemon.messages.topics import FRAME, RESULT, STATUS
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
        self._selection, self._passes_status = settings.selection, "status" in settings.send
        self._context = zmq.Context[zmq.Socket[bytes]]()
        try:
            self._socket = zeromq.local_subscriber(self._context, published, HWM)
        except BaseException:
            self._context.term()
            raise
        self._shows_status = settings.places is not None
        if self._passes_status or self._shows_status:
            self._socket.subscribe(STATUS.prefix())
        if "results" in settings.send:
            for prefix in RESULT.prefixes(settings.selection.cameras):
                self._socket.subscribe(prefix)
        self._kept: deque[Message] = deque()
        self._bytes = 0
        self._pictures: dict[str, asyncio.Future[bytes]] = {}
        self.status: Status | None = None
        """The last one."""
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
                if len(parts) == 3:
                    self._bring(parts[0], parts[2])
                else:
                    self._add(parts[1])

    def read(self, most: int) -> list[Message]:
        """The oldest messages, up to `most`."""
        found = [self._kept.popleft() for _ in range(min(most, len(self._kept)))]
        self._bytes -= sum(len(one.body) for one in found)
        return found

    async def picture(self, camera: str) -> bytes:
        """The next annotated frame of a camera, as a JPEG."""
        if (found := self._pictures.get(camera)) is None:
            found = self._pictures[camera] = asyncio.get_running_loop().create_future()
            self._socket.subscribe(FRAME.prefix(camera))
        try:
            return await asyncio.shield(found)
        finally:
            if self._pictures.pop(camera, None):
                self._socket.unsubscribe(FRAME.prefix(camera))

    def close(self) -> None:
        """Disconnect."""
        self._socket.close()
        self._context.term()

    def _bring(self, topic: bytes, picture: bytes) -> None:
        for camera, future in self._pictures.items():
            if topic == FRAME.prefix(camera) and not future.done():
                future.set_result(picture)

    def _add(self, body: bytes) -> None:
        data = msgspec.json.decode(body)
        if not is_wanted(data, self._selection):
            return
        if data["type"] == "status":
            if self._shows_status:
                self.status = msgspec.convert(data, Status)
            if not self._passes_status:
                return
            id = f"status/{data['at']}"
        else:
            id = f"{data['type']}/{data['camera']}/{data['model']}/{data.get('epoch', 0)}/{data.get('seq', 0)}"
        self._kept.append(Message(id=id, body=body, data=data))
        self._bytes += len(body)
        while self._bytes > MOST_BYTES:
            self._bytes -= len(self._kept.popleft().body)
            self.lost += 1
