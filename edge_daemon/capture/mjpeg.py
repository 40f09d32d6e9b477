"""HTTP cameras that send one JPEG after another (multipart/x-mixed-replace), passed on as they came."""

import re
import time
from collections.abc import Iterator
from email.message import Message
from http.client import HTTPException
from typing import Protocol, Self

from edge_daemon.capture.diagnosis import open_http, reason_of
from edge_daemon.capture.packets import Observer, Packet
from edge_daemon.capture.parameters import JpegParameters
from edge_daemon.capture.picture import Details, Picture
from edge_daemon.errors import PictureError, SourceError
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.header import read_header
from edge_daemon.imaging.pictures import read_bgr
from edge_daemon.log import redact
from edge_daemon.settings import OpenSettings

CHUNK = 1 << 16
MAX_HEAD, MAX_PICTURE = 1 << 14, 32 << 20
_LENGTH = re.compile(rb"^content-length:\s*(\d{1,9})\s*$", re.IGNORECASE | re.MULTILINE)
_KIND = "multipart/x-mixed-replace"


class Response(Protocol):
    """A server's response."""

    headers: Message

    def read1(self, most: int = -1) -> bytes:
        """Some of what has arrived; empty at the end."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Parts:
    """Splits a stream of bytes at its boundaries (RFC 2046, section 5.1), or by the length of a part if given.

    Raises:
        SourceError: (from `feed`) a part is too large, or the stream is of another kind.
    """

    def __init__(self, boundary: bytes) -> None:
        self._boundary = b"--" + boundary
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take in bytes, and give each part that is complete."""
        self._buffer += data
        while (part := self._next()) is not None:
            if part:
                yield part

    def _next(self) -> bytes | None:
        """The next part, if it is complete; what is before its boundary is skipped."""
        buffer = self._buffer
        start = buffer.find(self._boundary)
        head_end = buffer.find(b"\r\n\r\n", max(start, 0))
        if start < 0 or head_end < 0:
            if len(buffer) - max(start, 0) > MAX_HEAD:
                raise SourceError("it does not send one picture after another", "decode error")
            return None
        length = _LENGTH.search(bytes(buffer[start:head_end]).replace(b"\r", b""))
        begin = head_end + 4
        # Without a length the part ends where the next boundary begins, on a line of its own.
        end = begin + int(length[1]) if length else buffer.find(b"\r\n" + self._boundary, begin)
        if (end if end >= 0 else len(buffer)) - begin > MAX_PICTURE:
            raise SourceError(f"a picture of more than {MAX_PICTURE >> 20} MiB", "decode error")
        if end < 0 or end > len(buffer):
            return None
        part = bytes(buffer[begin:end])
        del buffer[:end]
        return part


class MjpegCamera:
    """An HTTP camera of this kind. Its pictures bear no time stamps: they are dated when they have arrived."""

    live = True

    def __init__(self, name: str, response: Response, boundary: bytes) -> None:
        self._name, self._response = name, response
        self._parts = Parts(boundary)
        self._waiting: Iterator[bytes] = iter(())
        self._observer: Observer | None = None
        self._parameters = JpegParameters((0, 0))
        self.about = "MJPEG over HTTP"

    @classmethod
    def open(cls, source: str, opening: OpenSettings) -> Self | None:
        """Request the stream; None if it is of another kind, which FFmpeg may know.

        Raises:
            SourceError: the camera does not answer, or refuses.
        """
        name = redact(source)
        try:
            response = open_http(source, opening.read_timeout_s)
        except (OSError, HTTPException, ValueError) as error:
            reason = reason_of(error)
            raise SourceError(f"cannot open {name}: {reason}", reason) from error
        boundary = response.headers.get_param("boundary")
        if response.headers.get_content_type() != _KIND or not isinstance(boundary, str):
            response.close()
            return None
        return cls(name, response, boundary.strip('"').removeprefix("--").encode())

    def read(self) -> Picture:
        """The next picture, once it has arrived completely."""
        try:
            while (jpeg := next(self._waiting, None)) is None:
                some = self._response.read1(CHUNK)
                if not some:
                    raise SourceError(f"{self._name} gives no more frames", "ended")
                self._waiting = self._parts.feed(some)
        except (OSError, HTTPException, ValueError) as error:
            reason = reason_of(error)
            raise SourceError(f"{self._name} gives no more frames: {reason}", reason) from error
        header = read_header(jpeg)
        if header is None or header.codec != "jpeg":
            raise SourceError(f"{self._name} sends something else than JPEGs", "decode error")
        arrived_s = time.monotonic()
        packet = self._observed(jpeg, (header.width, header.height), arrived_s) if self._observer else None
        return Picture(arrived_s, lambda: self._decoded(jpeg), jpeg=jpeg, packet=packet)

    def observe(self, observer: Observer) -> None:
        """Call `observer` with every JPEG from now on."""
        self._observer = observer

    @property
    def details(self) -> Details:
        """Each frame is a JPEG of its own."""
        return Details(codec="mjpeg", key=True)

    def close(self) -> None:
        """Close the connection."""
        self._response.close()

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

    def _decoded(self, jpeg: bytes) -> Pixels:
        """BGR, height x width x 3, uint8."""
        try:
            return read_bgr(jpeg)
        except PictureError as error:
            raise SourceError(f"{self._name}: {error}", "decode error") from error
