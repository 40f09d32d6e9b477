"""Finds out by an HTTP camera's answer of which kind it is."""

from http.client import HTTPException

from edge_daemon.capture.camera import Camera
from edge_daemon.capture.diagnosis import reason_of
from edge_daemon.capture.http import HttpClient, Response, Url
from edge_daemon.capture.jpeg_stream import MAX_PICTURE, JpegStream
from edge_daemon.capture.mjpeg import CHUNK, MjpegCamera
from edge_daemon.capture.picture import Source
from edge_daemon.capture.snapshot import SnapshotCamera
from edge_daemon.capture.tls import Trust
from edge_daemon.errors import SourceError
from edge_daemon.log import redact
from edge_daemon.settings import OpenSettings

_JPEG = b"\xff\xd8\xff"
_STREAMS = ("video/x-motion-jpeg", "video/x-jpeg", "video/mjpeg", "video/x-mjpeg")
_UNSAID = ("application/octet-stream", "text/plain")
"""Types of content that say nothing; the latter is that of a response without a type."""


def open_http_camera(source: str, opening: OpenSettings) -> Source:
    """A camera that sends pictures, or gives one for each request; any other is left to FFmpeg.

    Raises:
        SourceError: the camera does not answer, refuses, or cannot be opened.
    """
    name = redact(source)
    client = HttpClient(source, opening.read_timeout_s, Trust(opening.ca, opening.fingerprint))
    try:
        camera = _of_pictures(name, client, client.get(), opening)
    except SourceError as error:
        client.close()
        raise SourceError(f"cannot open {name}: {error}", error.reason) from error
    except (OSError, HTTPException, ValueError) as error:
        client.close()
        reason = reason_of(error)
        raise SourceError(f"cannot open {name}: {reason}", reason) from error
    if camera is None:
        client.close()
        return Camera(source if client.url.same_server(Url(source)) else client.url.text(client.url.scheme), opening)
    return camera


def _of_pictures(name: str, client: HttpClient, response: Response, opening: OpenSettings) -> Source | None:
    kind, timeout_s = response.headers.get_content_type(), opening.read_timeout_s
    picture = kind.startswith("image/")
    if kind.startswith("multipart/") or kind in _STREAMS:
        return MjpegCamera(name, response, b"", timeout_s)
    if not picture and kind not in _UNSAID:
        return None
    begun = response.read1(CHUNK)
    if begun.startswith(b"--"):
        return MjpegCamera(name, response, begun, timeout_s)
    if begun.startswith(_JPEG) and "Content-Length" not in response.headers:
        begun, ended = _first_picture(response, begun)
        if not ended:
            return MjpegCamera(name, response, begun, timeout_s)
    elif not picture and not begun.startswith(_JPEG):
        return None
    camera = SnapshotCamera(name, client, opening.fps, timeout_s)
    camera.begin(response, begun)
    return camera


def _first_picture(response: Response, begun: bytes) -> tuple[bytes, bool]:
    """All that is sent up to a second picture, and True if there is none."""
    stream, data = JpegStream(), bytearray(begun)
    pictures = len(list(stream.feed(begun)))
    while len(data) < 2 * MAX_PICTURE:
        some = response.read1(CHUNK)
        if not some:
            return bytes(data), True
        data += some
        if pictures and some.strip(b"\r\n\0"):
            break
        pictures += len(list(stream.feed(some)))
    return bytes(data), False
