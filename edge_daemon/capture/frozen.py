"""Detects a camera that sends the same picture again and again, because its sensor or encoder hangs."""

import zlib

from edge_daemon.capture.picture import Picture
from edge_daemon.imaging.yuv import Yuv

FROZEN_S = 10.0
"""A live picture has noise: if no pixel changes for this long, the scene is not quiet but the camera is stuck."""
STEP = 16


class Frozen:
    """Compares pictures by a checksum of some of their pixels, or of their JPEG."""

    def __init__(self, after_s: float = FROZEN_S) -> None:
        self._after_s = after_s
        self._sum: int | None = None
        self._since_s = 0.0

    def add(self, picture: Picture) -> bool:
        """Take in the next picture; True if it and those before it have been the same for long."""
        if (now := zlib.crc32(_some_of(picture))) != self._sum:
            self._sum, self._since_s = now, picture.time_s
        return picture.time_s - self._since_s >= self._after_s


def _some_of(picture: Picture) -> bytes:
    if picture.jpeg is not None:
        return picture.jpeg
    pixels = picture.pixels.y if isinstance(picture.pixels, Yuv) else picture.pixels
    return pixels[::STEP, ::STEP].tobytes()
