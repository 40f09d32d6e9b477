"""Distributes published messages to all viewers: each gets the newest, slow ones skip some."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from edge_daemon.messages import pictures
from edge_daemon.messages.counts import CountsReport
from edge_daemon.messages.events import Event
from edge_daemon.messages.status import Status
from edge_daemon.messages.topics import COUNTS, EVENT, FRAME, REPLAY, RESULT, STATUS, STREAMED
from edge_daemon.web.health import Health
from edge_daemon.web.history import History
from edge_daemon.web.plain import Picture, PlainPictures, Subscribing
from edge_daemon.web.recent import Recent

RESULTS_KEPT = 1000
"""Results kept for viewers that reconnect."""
MAILBOX = 256
"""Results queued for a slow reader; older ones are skipped."""


class _Header(msgspec.Struct):
    camera: str = ""
    model: str = ""
    type: str = ""
    seq: int = 0
    rule: str = ""
    detections: list[Any] = []


@dataclass(frozen=True)
class Entry:
    """A published message with its number in this process; `names` are the classes of a result, `rule` is that of an
    event.
    """

    number: int
    topic: str
    camera: str
    model: str
    names: frozenset[str]
    rule: str
    body: bytes

    @classmethod
    def of(cls, number: int, topic: str, body: bytes) -> "Entry":
        """The message with this JSON."""
        header = msgspec.json.decode(body, type=_Header)
        names = frozenset(str(one.get("class_name")) for one in header.detections if isinstance(one, dict))
        return cls(number, topic, header.camera, header.model, names, header.rule, body)


@dataclass(eq=False)
class _Viewer:
    cameras: frozenset[str]
    newest: dict[str, bytes] = field(default_factory=dict)
    came: asyncio.Event = field(default_factory=asyncio.Event)


class Live:
    """The newest annotated frames and plain `pictures` of watched cameras, the results, the status and its `history`.

    All methods run in the event loop's thread, except `receive`.
    """

    def __init__(
        self,
        subscribing: Subscribing,
        loop: asyncio.AbstractEventLoop,
        cameras: list[str],
        history: Path | None = None,
    ) -> None:
        self._subscribing, self._loop = subscribing, loop
        self.history = History(history)
        self.cameras = cameras
        self.status: Status | None = None
        self.status_at = 0.0
        self.health = Health()
        self.pictures = PlainPictures(subscribing)
        self.recent = Recent()
        self._viewers: set[_Viewer] = set()
        self._looking: Counter[str] = Counter()
        self._events: deque[Entry] = deque(maxlen=RESULTS_KEPT)
        self._count = 0
        self._readers: set[asyncio.Queue[Entry | None]] = set()
        self._observers: list[Callable[[bytes], None]] = []
        self._closed = False

    def observe(self, observer: Callable[[bytes], None]) -> None:
        """Call `observer` with each result's JSON."""
        self._observers.append(observer)

    def receive(self, parts: list[bytes]) -> None:
        """Receive a message of the sink; may be called in any thread."""
        self._loop.call_soon_threadsafe(self._take_in, parts)

    def _take_in(self, parts: list[bytes]) -> None:
        topic, _, rest = parts[0].decode().partition("/")
        if topic == STATUS.name:
            self.status, self.status_at = msgspec.json.decode(parts[1], type=Status), self._loop.time()
            self.health.note(self.status, self.status_at)
            self.history.note(self.status, self.status_at)
        elif topic == FRAME.name and len(parts) > 2:
            camera = rest.rstrip("/")
            for viewer in self._viewers:
                if camera in viewer.cameras:
                    viewer.newest[camera] = parts[2]
                    viewer.came.set()
        elif topic == pictures.PREFIX and len(parts) > 2:
            camera, _, size = rest.rstrip("/").rpartition("/")
            self.pictures.receive(camera, int(size), Picture(parts[1], parts[2]))
        elif topic == REPLAY.name:
            self.recent.add_event(msgspec.json.decode(parts[1], type=Event))
        elif any(topic == streamed.name for streamed in STREAMED):
            self._entry(topic, parts[1])

    def _entry(self, topic: str, body: bytes) -> None:
        for observer in self._observers if topic == RESULT.name else ():
            observer(body)
        if topic == EVENT.name:
            self.recent.add_event(msgspec.json.decode(body, type=Event))
        elif topic == COUNTS.name:
            self.recent.add_counts(msgspec.json.decode(body, type=CountsReport))
        self._count += 1
        event = Entry.of(self._count, topic, body)
        self._events.append(event)
        self._put(event)

    def _put(self, event: Entry | None) -> None:
        for reader in self._readers:
            if reader.full():
                reader.get_nowait()
            reader.put_nowait(event)

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        self._put(None)
        self.pictures.close()
        for viewer in self._viewers:
            viewer.came.set()

    async def frames(self, cameras: Collection[str]) -> AsyncGenerator[tuple[str, bytes], None]:
        """Annotated JPEGs of these cameras as they arrive. Only the newest frame of each camera is kept until it is
        read, and frames are drawn only for viewers.
        """
        viewer = _Viewer(frozenset(cameras))
        self._viewers.add(viewer)
        for camera in viewer.cameras:
            self._look(camera, +1)
        try:
            while not self._closed:
                await viewer.came.wait()
                viewer.came.clear()
                while viewer.newest:
                    camera = next(iter(viewer.newest))  # the camera whose frame has waited longest
                    yield camera, viewer.newest.pop(camera)
        finally:
            self._viewers.discard(viewer)
            for camera in viewer.cameras:
                self._look(camera, -1)

    def _look(self, camera: str, change: int) -> None:
        before = self._looking[camera]
        self._looking[camera] += change
        if (before == 0) != (self._looking[camera] == 0):
            self._subscribing.subscribe(FRAME.prefix(camera), wanted=before == 0)

    def kept(self, topic: str) -> list[Entry]:
        """The last messages of a topic."""
        return [entry for entry in self._events if entry.topic == topic]

    async def results(self, after: int | None = None) -> AsyncIterator[Entry]:
        """Results as they arrive; with `after`, first the kept ones with higher numbers."""
        mailbox: asyncio.Queue[Entry | None] = asyncio.Queue(MAILBOX)
        missed = [event for event in self._events if after is not None and event.number > after]
        self._readers.add(mailbox)
        try:
            for event in missed:
                yield event
            while newest := await mailbox.get():
                yield newest
        finally:
            self._readers.discard(mailbox)
