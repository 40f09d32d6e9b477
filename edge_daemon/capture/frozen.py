"""Whether a camera sends the same picture again and again, as one does whose sensor or encoder hangs."""

import zlib

from edge_daemon.capture.picture import Picture
from edge_daemon.imaging.yuv import Yuv

FROZEN_S = 10.0
"""A live picture has noise: not one pixel in so long is not a quiet scene, but no camera any more."""
STEP = 16


class Frozen:
    """Compares pictures by a sum over some of their pixels, or over their bytes as they came."""

    def __init__(self, after_s: float = FROZEN_S) -> None:
        self._after_s = after_s
        self._sum: int | None = None
        self._since_s = 0.0

    def sees(self, picture: Picture) -> bool:
        """Whether all pictures have been the same for long."""
        if (now := zlib.crc32(_some_of(picture))) != self._sum:
            self._sum, self._since_s = now, picture.time_s
        return picture.time_s - self._since_s >= self._after_s


def _some_of(picture: Picture) -> bytes:
    if picture.jpeg is not None:
        return picture.jpeg
    pixels = picture.pixels.y if isinstance(picture.pixels, Yuv) else picture.pixels
    return pixels[::STEP, ::STEP].tobytes()
