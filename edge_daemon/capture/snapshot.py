"""HTTP cameras that give one picture for each request."""

import logging
import math
import time
from http.client import HTTPException

from edge_daemon.capture.diagnosis import reason_of
from edge_daemon.capture.http import NOT_MODIFIED, HttpClient, Response
from edge_daemon.capture.jpeg_stream import MAX_PICTURE
from edge_daemon.capture.jpegs import checked
from edge_daemon.capture.mjpeg import BAD, CHUNK
from edge_daemon.capture.picture import Details, Picture, of_jpeg, ready
from edge_daemon.errors import PictureError, SourceError
from edge_daemon.imaging.pictures import read_bgr

logger = logging.getLogger(__name__)
USUAL_FPS = 1.0
"""Requests a second where the camera's `fps` does not say."""
EARLY = 0.25
"""When a picture is requested, as a share of its slot, so that one that is late a little still falls into it."""
_CONDITIONS = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}


class SnapshotCamera:
    """Requests a picture `fps` times a second, unless it is the same as the last one: servers that know say so."""

    live = True
    idle = "up"

    def __init__(self, name: str, client: HttpClient, fps: float | None, timeout_s: float) -> None:
        self._name, self._client, self._timeout_s = name, client, timeout_s
        self._conditions: dict[str, str] = {}
        self._begun: bytes | None = None
        self._bad = 0
        self.lost = 0
        self.request(fps)
        self.about = f"snapshots over HTTP, {self._fps:g} a second"

    def request(self, fps: float | None) -> None:
        """Request a picture `fps` times a second from now on."""
        self._fps = fps or USUAL_FPS

    def begin(self, response: Response, begun: bytes) -> None:
        """Take the response to the first request, of which `begun` was read to see of what kind it is."""
        self._begun = self._content(response, begun)

    def read(self) -> Picture | None:
        """The next picture; None if there is none that is new and can be decoded.

        Raises:
            SourceError: the camera does not answer, or refuses.
        """
        data, self._begun = self._begun or self._requested(), None
        if data is None:
            return None
        arrived_s = time.monotonic()
        try:
            picture = _picture(data, arrived_s)
        except PictureError as error:
            self.lost += 1
            self._bad += 1
            logger.warning("left out a picture: %s", error)
            if self._bad >= BAD:
                raise SourceError(f"{self._name} sends no usable pictures: {error}", "decode error") from error
            return None
        self._bad = 0
        return picture

    @property
    def details(self) -> Details:
        """Each frame is a picture of its own."""
        return Details(codec="mjpeg", fps=self._fps, key=True)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _requested(self) -> bytes | None:
        """The next picture's bytes, when it is due; None if it is still the same."""
        now = time.monotonic()
        due = (math.floor(now * self._fps - EARLY) + 1 + EARLY) / self._fps
        time.sleep(due - now)
        try:
            response = self._client.get(self._conditions)
            return None if response.status == NOT_MODIFIED else self._content(response, b"")
        except (OSError, HTTPException, ValueError) as error:
            reason = reason_of(error)
            raise SourceError(f"{self._name} gives no more frames: {reason}", reason) from error

    def _content(self, response: Response, begun: bytes) -> bytes:
        """All of a response, which has to arrive in time."""
        until = time.monotonic() + self._timeout_s
        content = bytearray(begun)
        while some := response.read1(CHUNK):
            content += some
            if len(content) > MAX_PICTURE:
                raise SourceError(f"a picture of more than {MAX_PICTURE >> 20} MiB", "decode error")
            if time.monotonic() > until:
                raise TimeoutError("the picture was not complete in time")
        headers = response.headers
        self._conditions = {ask: headers[told] for told, ask in _CONDITIONS.items() if told in headers}
        return bytes(content)


def _picture(data: bytes, arrived_s: float) -> Picture:
    """A camera's picture; one that is no JPEG is decoded at once.

    Raises:
        PictureError: it cannot be decoded.
    """
    if not data.startswith(b"\xff\xd8"):
        return Picture(arrived_s, ready(read_bgr(data)))
    return of_jpeg(*checked(data), arrived_s)
