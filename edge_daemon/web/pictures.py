"""Pictures that people send in and get back."""

from edge_daemon.errors import PictureError
from edge_daemon.imaging.codecs import encode_rgb, read_bgr
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.header import read_header
from edge_daemon.imaging.pictures import check_size, is_ordinary_jpeg
from edge_daemon.settings import Codec
from edge_daemon.web.requests import Picture

WANTED: dict[str, Codec] = {"image/jpeg": "jpeg", "image/png": "png", "image/webp": "webp"}
"""What an annotated picture can be asked for as."""


class TooLargeError(PictureError):
    """It has more pixels than are decoded here."""


def upload(data: bytes, max_pixels: int) -> Picture:
    """A picture file as a worker gets it: an upright JPEG as it came, anything else as BGR pixels.

    Raises:
        TooLargeError: it has more than `max_pixels`; nothing was decoded.
        PictureError: it is no picture that can be read.
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
    """An annotated picture as a file."""
    return bytes(encode_rgb(rgb, codec, quality))


def wanted(accept: str) -> tuple[str, Codec] | None:
    """The kind of picture that an Accept header prefers to JSON, if it does (RFC 9110, 12.5.1)."""
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
