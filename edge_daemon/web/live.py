"""What the sink publishes, for as many people as look: each gets the newest, and whoever is slow skips."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

RESULTS_KEPT = 1000
"""Results that somebody whose line broke can still get."""
MAILBOX = 256
"""Results that wait for a slow reader; older ones are skipped."""


class Subscribing(Protocol):
    """Who can be asked to hear a topic."""

    def subscribe(self, topic: bytes, *, wanted: bool) -> None:
        """Hear it, or hear it no more."""
        ...


class _Header(msgspec.Struct):
    camera: str = ""
    model: str = ""
    type: str = ""
    seq: int = 0
    detections: list[Any] = []


@dataclass(frozen=True)
class Event:
    """A result as it was published, with its number here."""

    number: int
    camera: str
    model: str
    names: frozenset[str]
    body: bytes


class Live:
    """The newest annotated frame of each camera that is looked at, the results, and how all stands.

    Everything happens in the event loop's thread, but for `heard`.
    """

    def __init__(self, subscribing: Subscribing, loop: asyncio.AbstractEventLoop, cameras: list[str]) -> None:
        self._subscribing, self._loop = subscribing, loop
        self.cameras = cameras
        self.status: dict[str, Any] = {}
        self.status_at = 0.0
        self._frames: dict[str, tuple[int, bytes]] = {}
        self._looking: dict[str, int] = {}
        self._changed: dict[str, asyncio.Event] = {camera: asyncio.Event() for camera in cameras}
        self._events: deque[Event] = deque(maxlen=RESULTS_KEPT)
        self._count = 0
        self._readers: set[asyncio.Queue[Event]] = set()
        self._observers: list[Callable[[bytes], None]] = []

    def observe(self, observer: Callable[[bytes], None]) -> None:
        """Have each result's JSON handed to `observer`."""
        self._observers.append(observer)

    def heard(self, parts: list[bytes]) -> None:
        """Take in a message of the sink's, from any thread."""
        self._loop.call_soon_threadsafe(self._take_in, parts)

    def _take_in(self, parts: list[bytes]) -> None:
        kind, _, rest = parts[0].partition(b"/")
        if kind == b"status":
            self.status, self.status_at = msgspec.json.decode(parts[1]), self._loop.time()
        elif kind == b"frame" and len(parts) > 2:
            camera = rest.rstrip(b"/").decode()
            number, _ = self._frames.get(camera, (0, b""))
            self._frames[camera] = number + 1, parts[2]
            if changed := self._changed.get(camera):
                changed.set()
                changed.clear()
        elif kind == b"result":
            self._result(parts[1])

    def _result(self, body: bytes) -> None:
        for observer in self._observers:
            observer(body)
        header = msgspec.json.decode(body, type=_Header)
        names = frozenset(str(one.get("class_name")) for one in header.detections if isinstance(one, dict))
        self._count += 1
        event = Event(self._count, header.camera, header.model, names, body)
        self._events.append(event)
        for reader in self._readers:
            if reader.full():
                reader.get_nowait()
            reader.put_nowait(event)

    async def frames(self, camera: str) -> AsyncIterator[bytes]:
        """Annotated JPEGs as they come, the newest when the last has been taken; drawn only while somebody looks."""
        self._look(camera, +1)
        seen = self._frames.get(camera, (0, b""))[0]
        try:
            while True:
                number, jpeg = self._frames.get(camera, (0, b""))
                if number > seen:
                    seen = number
                    yield jpeg
                else:
                    await self._changed[camera].wait()
        finally:
            self._look(camera, -1)

    def _look(self, camera: str, change: int) -> None:
        before = self._looking.get(camera, 0)
        self._looking[camera] = before + change
        if (before == 0) != (before + change == 0):
            self._subscribing.subscribe(f"frame/{camera}/".encode(), wanted=before == 0)

    async def results(self, after: int | None = None) -> AsyncIterator[Event]:
        """Results as they come; with `after`, first those since that number, as far as they are kept."""
        mailbox: asyncio.Queue[Event] = asyncio.Queue(MAILBOX)
        missed = [event for event in self._events if after is not None and event.number > after]
        self._readers.add(mailbox)
        try:
            for event in missed:
                yield event
            while True:
                yield await mailbox.get()
        finally:
            self._readers.discard(mailbox)
