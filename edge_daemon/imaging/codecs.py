"""Encodes frames to bytes and decodes them, in the formats used between processes and for subscribers.

`raw` is the array's memory without colour order: decode with `decode_bgr` what `encode_bgr` gave, and with
`decode_rgb` what `encode_rgb` gave. The other formats define their colours; either function decodes them.
"""

import io
from os import PathLike
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from edge_daemon.errors import PictureError
from edge_daemon.imaging.colour import Pixels, bgr_to_rgb, check_pixels, rgb_array, rgb_to_bgr
from edge_daemon.imaging.header import Buffer, read_header
from edge_daemon.imaging.pictures import MAX_PIXELS, REDUCED, check_size, read_bgr, read_rgb
from edge_daemon.imaging.work import check_work
from edge_daemon.settings import Codec

__all__ = [
    "MAX_PIXELS",
    "decode_bgr",
    "decode_rgb",
    "encode",
    "encode_bgr",
    "encode_rgb",
    "read_bgr",
    "read_rgb",
]

_LONGEST_SIDE = {"raw": 1 << 31, "jpeg": 65500, "png": 1_000_000, "webp": 16383}  # libjpeg, libpng, libwebp
_WEBP_METHOD = 1  # 0 to 6; on 720p 34 ms and 210 kB, against 87 ms and 192 kB with the usual 4


def encode_bgr(bgr: Pixels, codec: Codec, quality: int = 85) -> memoryview:
    """A BGR picture (uint8, height x width x 3) as the bytes of a raw, JPEG, PNG or WebP picture.

    `raw` is a view of the array's memory, copied only if it is not contiguous; `png` is lossless, with light
    compression; `quality` (1 to 100) applies to `jpeg` and `webp`.

    Raises:
        PictureError: the array is no such picture, does not fit the format, or cannot be encoded.
    """
    _check(bgr, codec, quality)
    if codec == "webp":
        return _webp(bgr_to_rgb(bgr), quality)
    return _bytes(bgr) if codec == "raw" else _opencv(bgr, codec, quality)


def encode_rgb(rgb: Pixels, codec: Codec, quality: int = 85) -> memoryview:
    """An RGB picture (uint8, height x width x 3) as bytes; see `encode_bgr`."""
    _check(rgb, codec, quality)
    if codec == "webp":
        return _webp(rgb, quality)
    return _bytes(rgb) if codec == "raw" else _opencv(rgb_to_bgr(rgb), codec, quality)


def encode(picture: Buffer | str | PathLike[str], codec: Codec, quality: int = 85) -> bytes:
    """A picture file (its path or its bytes) in another format; `raw` is RGB.

    Raises:
        PictureError: the file cannot be read, decoded or encoded.
    """
    if isinstance(picture, str | PathLike):
        try:
            data: Buffer = Path(picture).read_bytes()
        except (OSError, ValueError) as error:
            raise PictureError(f"{picture} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    else:
        data = picture
    return bytes(encode_rgb(rgb_array(read_rgb(data)), codec, quality))


def decode_bgr(
    data: Buffer, codec: Codec, width: int, height: int, max_pixels: int = MAX_PIXELS, *, reduced: int = 1
) -> Pixels:
    """The BGR picture (uint8, height x width x 3) in bytes from `encode_bgr`.

    A `jpeg` can be decoded `reduced` (1, 2, 4 or 8) times smaller, sides rounded up, at a fraction of the cost.
    `raw` gives a read-only view of `data`.

    Raises:
        PictureError: the bytes are damaged, differ from `codec`, `width` and `height`, have more than `max_pixels`, or
            take too long to decode; all but damage is checked before decoding.
    """
    reduced = reduced if codec == "jpeg" else 1
    return _decode(data, codec, width, height, REDUCED[reduced], max_pixels, reduced)


def decode_rgb(data: Buffer, codec: Codec, width: int, height: int, max_pixels: int = MAX_PIXELS) -> Pixels:
    """The RGB picture (uint8, height x width x 3) in bytes from `encode_rgb`; see `decode_bgr`."""
    return _decode(data, codec, width, height, cv2.IMREAD_COLOR_RGB, max_pixels)


def _check(pixels: Pixels, codec: Codec, quality: int) -> None:
    check_pixels(pixels)
    longest = _LONGEST_SIDE.get(codec)
    if longest is None:
        raise PictureError(f"unknown format {codec!r}: use raw, jpeg, png or webp")
    height, width = pixels.shape[:2]
    if max(width, height) > longest:
        raise PictureError(
            f"a picture of {width}x{height} does not fit in {codec}: a side has at most {longest} pixels"
        )
    if not 1 <= quality <= 100:
        raise PictureError(f"quality must be from 1 to 100, not {quality}")


def _bytes(array: Pixels) -> memoryview:
    return np.ascontiguousarray(array).data.cast("B")


def _opencv(bgr: Pixels, codec: Codec, quality: int) -> memoryview:
    # OpenCV's default settings for PNG are its fastest.
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if codec == "jpeg" else []
    try:
        done, encoded = cv2.imencode(f".{codec}", bgr, options)
    except cv2.error as error:
        raise PictureError(f"the picture cannot be encoded as {codec}: {error}") from error
    if not done:
        raise PictureError(f"the picture cannot be encoded as {codec}")
    return _bytes(np.asarray(encoded, np.uint8))


def _webp(rgb: Pixels, quality: int) -> memoryview:
    """Encode RGB pixels with Pillow, which exposes libwebp's effort; OpenCV does not."""
    file = io.BytesIO()
    try:
        Image.fromarray(rgb).save(file, "WEBP", quality=quality, method=_WEBP_METHOD)
    except (OSError, ValueError) as error:
        raise PictureError(f"the picture cannot be encoded as webp: {error}") from error
    return file.getbuffer()


def _decode(
    data: Buffer, codec: Codec, width: int, height: int, flags: int, max_pixels: int, reduced: int = 1
) -> Pixels:
    check_size(width, height, max_pixels)
    pixels = np.frombuffer(data, np.uint8)
    if codec == "raw":
        if pixels.size != width * height * 3:
            raise PictureError(f"a raw picture of {width}x{height} has {width * height * 3} bytes, not {pixels.size}")
        pixels.flags.writeable = False
        return pixels.reshape(height, width, 3)
    if (header := read_header(data)) != (codec, width, height):
        found = f"{header.codec} of {header.width}x{header.height}" if header else "something else"
        raise PictureError(f"these {pixels.size} bytes should be {codec} of {width}x{height}, but are {found}")
    check_work(data)
    try:
        decoded = cv2.imdecode(pixels, flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise PictureError(f"the {codec} picture of {width}x{height} cannot be decoded: {error}") from error
    if decoded is None or decoded.shape != (-(-height // reduced), -(-width // reduced), 3):
        raise PictureError(f"the {codec} picture of {width}x{height} is damaged or incomplete")
    return np.asarray(decoded, np.uint8)
