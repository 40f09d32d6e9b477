"""Uploaded pictures, and annotated ones for download."""

from edge_daemon.errors import PictureError
from edge_daemon.imaging.codecs import encode_rgb, read_bgr
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.header import read_header
from edge_daemon.imaging.pictures import check_size, is_ordinary_jpeg
from edge_daemon.settings import Codec
from edge_daemon.web.requests import Picture

WANTED: dict[str, Codec] = {"image/jpeg": "jpeg", "image/png": "png", "image/webp": "webp"}
"""Formats of annotated pictures, by media type."""


class TooLargeError(PictureError):
    """A picture has more pixels than the limit."""


def upload(data: bytes, max_pixels: int) -> Picture:
    """A picture file as a worker gets it: an upright JPEG unchanged, anything else as BGR pixels.

    Raises:
        TooLargeError: the picture has more than `max_pixels`; checked before decoding.
        PictureError: the picture cannot be decoded.
    """
    header = read_header(data)
    if header:
        _check(header.width, header.height, max_pixels)
        if header.codec == "jpeg" and is_ordinary_jpeg(data):
            return Picture(data, "jpeg", header.width, header.height)
    bgr = read_bgr(data, max_pixels)
    height, width = bgr.shape[:2]
    return Picture(bgr.data.cast("B"), "raw", width, height)


def download(rgb: Pixels, codec: Codec, quality: int) -> bytes:
    """An annotated RGB picture (uint8, height x width x 3) as the bytes of a file."""
    return bytes(encode_rgb(rgb, codec, quality))


def wanted(accept: str) -> tuple[str, Codec] | None:
    """The media type and format of a picture that an Accept header prefers to JSON, or None (RFC 9110, 12.5.1)."""
    best: tuple[float, str] | None = None
    for part in accept.split(","):
        kind, *parameters = (text.strip().lower() for text in part.split(";"))
        weight = next((_number(text[2:]) for text in parameters if text.startswith("q=")), 1.0)
        if kind == "image/*":
            kind = "image/jpeg"
        if kind in ("*/*", "application/*"):
            kind = "application/json"
        if (kind in WANTED or kind == "application/json") and weight > 0 and (best is None or weight > best[0]):
            best = weight, kind
    return (best[1], WANTED[best[1]]) if best and best[1] in WANTED else None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _check(width: int, height: int, max_pixels: int) -> None:
    try:
        check_size(width, height, max_pixels)
    except PictureError as error:
        if width and height:
            raise TooLargeError(str(error)) from error
        raise
