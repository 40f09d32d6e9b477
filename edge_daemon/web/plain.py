"""Distributes the plain pictures of cameras to all viewers: each gets the newest in the size that it asks for."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from edge_daemon.messages.pictures import topic

PATIENCE_S = 1.0
"""Longest wait for a picture of a camera from a process that may be gone; then an older one is given."""
Key = tuple[str, int]
"""A camera, and one of the SIZES."""


class Subscribing(Protocol):
    """Something that subscribes to topics."""

    def subscribe(self, topic: bytes, *, wanted: bool) -> None:
        """Subscribe to a topic, or unsubscribe from it."""
        ...


class Picture(NamedTuple):
    """A picture as it was published: the JSON of a `PictureHeader`, and a JPEG."""

    header: bytes
    jpeg: bytes


class PictureViewer:
    """One who looks at some cameras, of each in one size."""

    def __init__(self, pictures: "PlainPictures") -> None:
        self._pictures = pictures
        self.wish: dict[str, int] = {}
        self.newest: dict[str, Picture] = {}
        self.came = asyncio.Event()
        self.closed = False

    def put(self, camera: str, picture: Picture) -> None:
        """Have the viewer get this picture next, in place of an older one of the camera."""
        self.newest[camera] = picture
        self.came.set()

    def look_at(self, wish: Mapping[str, int]) -> None:
        """Look at these cameras in these sizes, and at no others."""
        self._pictures.change(self, dict(wish))

    async def next(self) -> Picture | None:
        """The picture that has waited longest, when there is one; None if there will be no more. Of each camera, only
        the newest is kept until then.
        """
        while not (self.closed or self.newest):
            self.came.clear()
            await self.came.wait()
        return None if self.closed else self.newest.pop(next(iter(self.newest)))


class PlainPictures:
    """The newest pictures of cameras that somebody looks at, and the last one of each that somebody looked at.

    All methods run in the event loop's thread.
    """

    def __init__(self, subscribing: Subscribing) -> None:
        self._subscribing = subscribing
        self._viewers: set[PictureViewer] = set()
        self._looking: Counter[Key] = Counter()
        self._newest: dict[Key, Picture] = {}

    def receive(self, camera: str, size: int, picture: Picture) -> None:
        """Take in a published picture."""
        if not self._looking[camera, size]:
            return
        self._newest[camera, size] = picture
        for viewer in self._viewers:
            if viewer.wish.get(camera) == size:
                viewer.put(camera, picture)

    @contextmanager
    def viewer(self) -> Iterator[PictureViewer]:
        """A viewer, who does not look at anything yet."""
        viewer = PictureViewer(self)
        self._viewers.add(viewer)
        try:
            yield viewer
        finally:
            viewer.look_at({})
            self._viewers.discard(viewer)

    def change(self, viewer: PictureViewer, wish: dict[str, int]) -> None:
        """Have a viewer look at other cameras or sizes. It gets what is there of those that it did not look at."""
        before, viewer.wish = viewer.wish, wish
        for key in wish.items() - before.items():
            self._look(key, +1)
            if picture := self._newest.get(key):
                viewer.put(key[0], picture)
        for camera, size in before.items() - wish.items():
            self._look((camera, size), -1)
            if camera not in wish:
                viewer.newest.pop(camera, None)

    async def newest(self, camera: str, size: int) -> Picture | None:
        """The newest picture of a camera; the last one that was seen, of any size, if it gives none now."""
        if self._looking[camera, size] and (picture := self._newest.get((camera, size))):
            return picture
        held = self._last(camera)
        self._newest.pop((camera, size), None)  # so that the viewer waits for a new one
        with self.viewer() as viewer:
            viewer.look_at({camera: size})
            try:
                return await asyncio.wait_for(viewer.next(), PATIENCE_S)
            except TimeoutError:
                if held:
                    self._newest.setdefault((camera, size), held)
                return held

    def keep(self, cameras: list[str]) -> None:
        """Forget the pictures of other cameras."""
        for key in [key for key in self._newest if key[0] not in cameras]:
            del self._newest[key]

    def close(self) -> None:
        """End all viewers."""
        for viewer in self._viewers:
            viewer.closed = True
            viewer.came.set()

    def _last(self, camera: str) -> Picture | None:
        return next((picture for (name, _), picture in self._newest.items() if name == camera), None)

    def _look(self, key: Key, change: int) -> None:
        before = self._looking[key]
        self._looking[key] += change
        if (before == 0) != (self._looking[key] == 0):
            self._subscribing.subscribe(topic(*key), wanted=before == 0)
        if not self._looking[key]:
            del self._looking[key]
            if any(other[0] == key[0] for other in self._newest if other != key):
                self._newest.pop(key, None)  # one is enough to be kept
