"""The stream of a camera that is recorded beside the one that models look at: read, and not decoded."""

import logging
import threading
import time
from collections.abc import Callable

import av
import numpy as np

from edge_daemon.capture.camera import Camera
from edge_daemon.capture.picture import CodedSource, Picture, Source
from edge_daemon.capture.retry import Retry
from edge_daemon.capture.source import open_source
from edge_daemon.errors import PictureError, SourceError
from edge_daemon.imaging.grey import Grey, small_grey
from edge_daemon.imaging.placement import WIDTH, Placement, find
from edge_daemon.media.packets import Observer, Packet
from edge_daemon.media.parameters import unpack
from edge_daemon.settings import OpenSettings

logger = logging.getLogger(__name__)
AGAIN_S, TRIES = 10.0, 3
"""Time between two attempts to measure the placement, and those after which the log says that it is not found."""


class MainStream(threading.Thread):
    """Reads a stream, always or while it is followed, and opens it again when it is lost. `observer` gets its packets.

    `looked_at` gives the newest picture that models look at. With it, how that lies in this stream's picture is
    measured, unless it is known (`placement`).
    """

    def __init__(
        self,
        source: str,
        opening: OpenSettings,
        observer: Observer,
        looked_at: Callable[[], Picture | None],
        placement: Placement | None = None,
        *,
        sound: bool = False,
        on_event: bool = False,
    ) -> None:
        super().__init__(name="main-stream", daemon=True)
        self._source, self._opening = source, opening
        self._observer, self._looked_at, self._sound = observer, looked_at, sound
        self.placement = placement
        """Which part of its picture models see; None until that is known."""
        self.state = "closed"
        self._ending, self._open = threading.Event(), threading.Event()
        self._enabled, self._followed = True, not on_event
        self._on_event = on_event
        self._choose()
        self._measured_s, self._tries = float("-inf"), 0
        self._key: Packet | None = None

    def enable(self, enabled: bool) -> None:
        """Close it while its camera is switched off."""
        self._enabled = enabled
        self._choose()

    def follow(self, followed: bool) -> None:
        """Open it for events, if it is not always open."""
        self._followed = followed or not self._on_event
        self._choose()

    def _choose(self) -> None:
        (self._open.set if self._enabled and self._followed else self._open.clear)()

    def stop(self) -> None:
        """End soon."""
        self._ending.set()
        self._open.set()

    def run(self) -> None:
        """Read until stopped."""
        retry, known = Retry(), ""
        while self._open.wait() and not self._ending.is_set():
            began, self.state = time.monotonic(), "connecting"
            try:
                source = open_source(self._source, self._opening, "live")
                try:
                    logger.info("recording: %s", source.about)
                    known = ""
                    self._read(source)
                finally:
                    source.close()
                self.state = "closed"
            except SourceError as error:
                if str(error) != known:
                    logger.warning("nothing is recorded: %s", known := str(error))
                self.state = f"down ({error.reason})"
                self._ending.wait(retry.failed(error.reason, time.monotonic() - began))

    def _read(self, source: Source) -> None:
        if not isinstance(source, CodedSource):
            raise SourceError("it sends no coded video", "no video")
        source.observe(self._observed, sound=self._sound)
        while self._open.is_set() and not self._ending.is_set():
            if isinstance(source, Camera):
                source.skim()
            else:
                source.read()
            if self._key and self.placement is None:
                self._measure(self._key)
            self._key = None

    def _observed(self, packet: Packet) -> None:
        packet.main = True
        self._observer(packet)
        self.state = "up"
        if packet.key:
            self._key = packet

    def _measure(self, key: Packet) -> None:
        picture = self._looked_at()
        if picture is None or time.monotonic() - self._measured_s < AGAIN_S:
            return
        self._measured_s, self._tries = time.monotonic(), self._tries + 1
        try:
            self.placement = find(small_grey(picture.pixels, WIDTH), grey_of(key))
            logger.info("models look at %s of what is recorded", in_words(self.placement))
        except (PictureError, SourceError) as error:
            if self._tries == TRIES:
                logger.warning("stills have no boxes: %s; `record: {crop: ...}` says which part models look at", error)


def in_words(placement: Placement) -> str:
    """Which part of the main picture models look at, for people."""
    if placement == Placement():
        return "all"
    return "the part [{:g}, {:g}, {:g}, {:g}]".format(*placement)


def grey_of(key: Packet) -> Grey:
    """The picture of a key frame in grey (uint8, height x width).

    Raises:
        SourceError: it cannot be decoded.
    """
    assert key.parameters
    data = bytes(key.data)
    try:
        decoder = unpack(key.parameters.pack(data)).decoder()
        for frame in (*decoder.decode(av.Packet(data)), *decoder.decode(None)):
            return np.asarray(frame.to_ndarray(format="gray"), np.uint8)
    except av.FFmpegError as error:
        raise SourceError(f"a key frame of it cannot be decoded: {error}") from error
    raise SourceError("a key frame of it cannot be decoded")
