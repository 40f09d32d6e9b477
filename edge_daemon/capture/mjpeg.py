"""HTTP cameras that send one JPEG after another."""

import logging
import time
from http.client import HTTPException
from typing import Protocol

from edge_daemon.capture.diagnosis import reason_of
from edge_daemon.capture.jpeg_stream import JpegStream
from edge_daemon.capture.jpegs import checked
from edge_daemon.capture.picture import Details, Picture, of_jpeg
from edge_daemon.errors import PictureError, SourceError
from edge_daemon.media.packets import Observer, Packet
from edge_daemon.media.parameters import JpegParameters

logger = logging.getLogger(__name__)
CHUNK = 1 << 16
BAD = 100
"""A camera that sends this many parts in a row that are no usable JPEG is given up."""
IDLE_S = 1.0
"""How long such parts may arrive before they are reported."""


class Response(Protocol):
    """A server's response."""

    def read1(self, most: int) -> bytes:
        """Some of what has arrived; empty at the end."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class MjpegCamera:
    """An HTTP camera of this kind. Its pictures bear no time stamps: they are dated when they have arrived.

    `begun` is the first part of the stream, which was read to see of what kind it is. A picture has to be complete
    within `timeout_s`.
    """

    live = True
    idle = "up"
    about = "MJPEG over HTTP"

    def __init__(self, name: str, response: Response, begun: bytes, timeout_s: float) -> None:
        self._name, self._response, self._timeout_s = name, response, timeout_s
        self._stream = JpegStream()
        self._waiting = self._stream.feed(begun)
        self._observer: Observer | None = None
        self._parameters = JpegParameters((0, 0))
        self._bad = 0
        self.lost = 0

    def read(self) -> Picture | None:
        """The next picture, once it has arrived completely; None if for a while only damaged ones have.

        Raises:
            SourceError: the camera is lost, or sends something else.
        """
        began = time.monotonic()
        while (part := self._next(began)) is not None:
            try:
                jpeg, size = checked(part)
            except PictureError as error:
                self._count_bad(error)
                if time.monotonic() - began >= IDLE_S:
                    return None
                continue
            self._bad = 0
            return self._picture(jpeg, size)
        raise SourceError(f"{self._name} gives no more frames", "ended")

    def observe(self, observer: Observer, *, sound: bool = False) -> None:
        """Call `observer` with every JPEG from now on."""
        self._observer = observer

    @property
    def details(self) -> Details:
        """Each frame is a JPEG of its own."""
        return Details(codec="mjpeg", key=True)

    def close(self) -> None:
        """Close the connection."""
        self._response.close()

    def _next(self, began: float) -> bytes | None:
        """The next part; None at the end of the stream."""
        try:
            while (part := next(self._waiting, None)) is None:
                some = self._response.read1(CHUNK)
                if not some:
                    return None
                if time.monotonic() - began > self._timeout_s:  # it sends, but a little at a time
                    raise TimeoutError("no picture was complete in time")
                self._waiting = self._stream.feed(some)
        except (OSError, HTTPException, ValueError) as error:
            reason = reason_of(error)
            raise SourceError(f"{self._name} gives no more frames: {reason}", reason) from error
        return part

    def _count_bad(self, error: PictureError) -> None:
        self.lost += 1
        self._bad += 1
        logger.warning("left out a picture: %s", error)
        if self._bad >= BAD:
            raise SourceError(f"{self._name} sends something else than usable JPEGs: {error}", "decode error")

    def _picture(self, jpeg: bytes, size: tuple[int, int]) -> Picture:
        arrived_s = time.monotonic()
        packet = self._observed(jpeg, size, arrived_s) if self._observer else None
        return of_jpeg(jpeg, size, arrived_s, packet)

    def _observed(self, jpeg: bytes, size: tuple[int, int], arrived_s: float) -> Packet:
        if size != self._parameters.size:
            self._parameters = JpegParameters(size)
        packet = Packet(
            data=jpeg,
            size=len(jpeg),
            key=True,
            arrived_s=arrived_s,
            stamp_s=None,
            time_s=arrived_s,
            parameters=self._parameters,
        )
        assert self._observer
        self._observer(packet)
        return packet
