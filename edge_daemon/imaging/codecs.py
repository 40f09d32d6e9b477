"""Frames as bytes and back, in the formats that travel between processes and to subscribers.

`raw` is the memory of the array itself and carries no colour order: what `encode_bgr` gave is for
`decode_bgr`, what `encode_rgb` gave is for `decode_rgb`. The other formats know their colours, and either
function decodes them.
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
from edge_daemon.imaging.pictures import MAX_PIXELS, check_size, read_bgr, read_rgb
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

_REDUCED = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_LONGEST_SIDE = {"raw": 1 << 31, "jpeg": 65500, "png": 1_000_000, "webp": 16383}  # libjpeg, libpng, libwebp
_WEBP_METHOD = 1  # 0 to 6; on 720p 34 ms and 210 kB, against 87 ms and 192 kB with the usual 4


def encode_bgr(bgr: Pixels, codec: Codec, quality: int = 85) -> memoryview:
    """Give a BGR picture (height x width x 3, uint8) as the bytes of a raw, JPEG, PNG or WebP picture.

    `raw` is a view of the array's memory, copied only when it is not contiguous; `png` loses nothing and is
    compressed lightly; `quality` (1 to 100) is for `jpeg` and `webp`. Raises PictureError.
    """
    _check(bgr, codec, quality)
    if codec == "webp":
        return _webp(bgr_to_rgb(bgr), quality)
    return _bytes(bgr) if codec == "raw" else _opencv(bgr, codec, quality)


def encode_rgb(rgb: Pixels, codec: Codec, quality: int = 85) -> memoryview:
    """Give an RGB picture as `encode_bgr` gives a BGR one."""
    _check(rgb, codec, quality)
    if codec == "webp":
        return _webp(rgb, quality)
    return _bytes(rgb) if codec == "raw" else _opencv(rgb_to_bgr(rgb), codec, quality)


def encode(picture: Buffer | str | PathLike[str], codec: Codec, quality: int = 85) -> bytes:
    """Give a picture file (its path or its bytes) in a format by name; `raw` is RGB. Raises PictureError."""
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
    """Give the BGR picture (height x width x 3, uint8) that `encode_bgr` made bytes of.

    A `jpeg` comes `reduced` times smaller (by 1, 2, 4 or 8, sides rounded up), which costs that much less.

    `raw` gives a read-only view of `data`. Raises PictureError when the bytes are damaged, or are not what
    `codec`, `width` and `height` say; that is found out before anything is decoded, as is a picture of more
    than `max_pixels`.
    """
    reduced = reduced if codec == "jpeg" else 1
    return _decode(data, codec, width, height, _REDUCED[reduced], max_pixels, reduced)


def decode_rgb(data: Buffer, codec: Codec, width: int, height: int, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Give the RGB picture that `encode_rgb` made bytes of; otherwise as `decode_bgr`."""
    return _decode(data, codec, width, height, cv2.IMREAD_COLOR_RGB, max_pixels)


def _check(pixels: Pixels, codec: Codec, quality: int) -> None:
    check_pixels(pixels)
    longest = _LONGEST_SIDE.get(codec)
    if longest is None:
        raise PictureError(f"{codec!r} names no format: raw, jpeg, png or webp is wanted")
    height, width = pixels.shape[:2]
    if max(width, height) > longest:
        raise PictureError(
            f"a picture of {width}x{height} does not fit in {codec}: a side has at most {longest} pixels"
        )
    if not 1 <= quality <= 100:
        raise PictureError(f"quality is from 1 to 100, not {quality}")


def _bytes(array: Pixels) -> memoryview:
    return np.ascontiguousarray(array).data.cast("B")


def _opencv(bgr: Pixels, codec: Codec, quality: int) -> memoryview:
    # OpenCV's own settings for PNG are its fastest.
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if codec == "jpeg" else []
    try:
        done, encoded = cv2.imencode(f".{codec}", bgr, options)
    except cv2.error as error:
        raise PictureError(f"the picture cannot be encoded as {codec}: {error}") from error
    if not done:
        raise PictureError(f"the picture cannot be encoded as {codec}")
    return _bytes(np.asarray(encoded, np.uint8))


def _webp(rgb: Pixels, quality: int) -> memoryview:
    """Encode with Pillow, which lets one choose libwebp's effort; OpenCV does not."""
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
    try:
        decoded = cv2.imdecode(pixels, flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise PictureError(f"the {codec} picture of {width}x{height} cannot be decoded: {error}") from error
    if decoded is None or decoded.shape != (-(-height // reduced), -(-width // reduced), 3):
        raise PictureError(f"the {codec} picture of {width}x{height} is damaged or incomplete")
    return np.asarray(decoded, np.uint8)
