"""Annotated pictures for download."""

from edge_daemon.imaging.codecs import encode_rgb
from edge_daemon.imaging.colour import Pixels
from edge_daemon.settings import Codec

WANTED: dict[str, Codec] = {"image/jpeg": "jpeg", "image/png": "png", "image/webp": "webp"}
"""Formats of annotated pictures, by media type."""


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
