"""Pictures as video decoders deliver them: luma, and two chroma planes at half its resolution (YUV 4:2:0).

Models need a fraction of a camera's pixels: scaling the planes first and converting to BGR afterwards costs half as
much as the reverse, and whole pictures travel in half as many bytes.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import PictureError
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.header import Buffer
from edge_daemon.imaging.pictures import MAX_PIXELS, check_size
from edge_daemon.messages.frames import Matrix, YuvFormat

if TYPE_CHECKING:
    from av.video.plane import VideoPlane
    from av.video.reformatter import VideoReformatter

Plane = NDArray[np.uint8]
_WEIGHTS: dict[Matrix, tuple[float, float]] = {
    "bt601": (0.299, 0.114),  # weights of red and blue in luma: ITU-R BT.601-7, 2.5.1
    "bt709": (0.2126, 0.0722),  # ITU-R BT.709-6, 3.2
    "bt2020": (0.2627, 0.0593),  # ITU-R BT.2020-2, table 4
}
_FFMPEG = {"bt601": 5, "bt709": 1, "bt2020": 9}
"""FFmpeg's numbers for them (AVColorSpace)."""
_TINY = 16
"""Shortest side, in pixels, that FFmpeg converts."""
USUAL = YuvFormat()
_HALF = -0.5
"""Offset for FFmpeg's rounding down, so that both conversions give the same brightness."""


@dataclass(frozen=True, eq=False)
class Yuv:
    """Planes: `y` is height x width, `u` and `v` are half that, rounded up; all uint8."""

    y: Plane
    u: Plane
    v: Plane
    format: YuvFormat = USUAL

    @classmethod
    def of(cls, data: Buffer, width: int, height: int, form: YuvFormat, max_pixels: int = MAX_PIXELS) -> "Yuv":
        """A read-only view of the `data` of a picture.

        Raises:
            PictureError: the number of bytes is wrong, or the picture has more than `max_pixels`.
        """
        check_size(width, height, max_pixels)
        pixels = np.frombuffer(data, np.uint8)
        if pixels.size != cls.bytes_of(width, height):
            raise PictureError(f"{pixels.size} bytes are not a YUV picture of {width}x{height}")
        pixels.flags.writeable = False
        u, v = pixels[width * height :].reshape(2, -(-height // 2), -(-width // 2))
        return cls(pixels[: width * height].reshape(height, width), u, v, form)

    @staticmethod
    def bytes_of(width: int, height: int) -> int:
        """The number of bytes in a picture of this size."""
        return width * height + 2 * -(-width // 2) * -(-height // 2)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.y.shape[1], self.y.shape[0]

    @property
    def planes(self) -> tuple[Plane, Plane, Plane]:
        """The planes y (height x width), u and v (half of that, rounded up), all uint8."""
        return self.y, self.u, self.v

    def scaled_bgr(self, width: int, height: int) -> Pixels:
        """A BGR picture (uint8, height x width x 3) of another size, by bilinear interpolation."""
        planes = [cv2.resize(plane, (width, height)) for plane in self.planes]
        return np.asarray(cv2.transform(cv2.merge(planes), _MATRICES[self.format.matrix, self.format.full]), np.uint8)

    def smaller(self, width: int, height: int) -> "Yuv":
        """The planes of a smaller picture, in which each pixel is the mean of the pixels that it replaces."""
        half_width, half_height = -(-width // 2), -(-height // 2)
        u, v = (_means(plane, half_width, half_height) for plane in (self.u, self.v))
        return Yuv(_means(self.y, width, height), u, v, self.format)

    def bgr(self) -> Pixels:
        """The whole picture in BGR (uint8, height x width x 3)."""
        return self._whole("bgr24")

    def rgb(self) -> Pixels:
        """The whole picture in RGB (uint8, height x width x 3)."""
        return self._whole("rgb24")

    def _whole(self, order: Literal["bgr24", "rgb24"]) -> Pixels:
        """Convert with FFmpeg, which is fastest, if sides are even and not tiny."""
        width, height = self.size
        if width % 2 or height % 2 or min(width, height) < _TINY:
            bgr = self.scaled_bgr(width, height)
            return bgr if order == "bgr24" else np.ascontiguousarray(bgr[..., ::-1])
        import av  # only for processes that need whole pictures

        frame = av.VideoFrame(width, height, "yuv420p")
        frame.colorspace = _FFMPEG[self.format.matrix]
        frame.color_range = 2 if self.format.full else 1
        for plane, ours in zip(frame.planes, self.planes, strict=True):
            lines(plane, *ours.shape)[:] = ours
        made = _converter().reformat(frame, format=order, threads=1)
        return np.ascontiguousarray(lines(made.planes[0], height, 3 * width)).reshape(height, width, 3)


def lines(plane: "VideoPlane", height: int, width: int) -> Plane:
    """A view (uint8, height x width) of a plane without the padding at the end of FFmpeg's lines."""
    return np.ndarray((height, width), np.uint8, memoryview(plane), strides=(plane.line_size, 1))


@lru_cache(maxsize=1)
def _converter() -> "VideoReformatter":
    """One converter for all pictures: it sets itself up once for a size and format."""
    from av.video.reformatter import VideoReformatter

    return VideoReformatter()


def small_bgr(picture: Pixels | Yuv, height: int, width: int) -> Pixels:
    """A picture (BGR, uint8, height x width x 3, or planes) scaled to BGR; all processes scale with this function."""
    if isinstance(picture, Yuv):
        return picture.scaled_bgr(width, height)
    return np.asarray(cv2.resize(picture, (width, height)), np.uint8)


def area_bgr(picture: Pixels | Yuv, height: int, width: int) -> Pixels:
    """A picture (BGR, uint8, height x width x 3, or planes) scaled to BGR for people: smoother than `small_bgr`."""
    if isinstance(picture, Yuv):
        return picture.smaller(width, height).bgr()
    return _means(picture, width, height)


def _means(pixels: Plane, width: int, height: int) -> Plane:
    """Pixels (uint8, height x width, or x 3) scaled to means of areas; they are halved first, which is faster."""
    while pixels.shape[1] >= 2 * width and pixels.shape[0] >= 2 * height:
        size = pixels.shape[1] // 2, pixels.shape[0] // 2
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    if pixels.shape[1::-1] == (width, height):
        return pixels
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _to_bgr(matrix: Matrix, *, full: bool) -> NDArray[np.float32]:
    """The matrix (float32, 3 x 4) from Y, U, V and 1 to B, G and R."""
    red, blue = _WEIGHTS[matrix]
    green = 1 - red - blue
    black, luma, chroma = (0, 1.0, 1.0) if full else (16, 255 / 219, 255 / 224)
    of_u, of_v = 2 * (1 - blue) * chroma, 2 * (1 - red) * chroma
    rows = [(of_u, 0.0), (-of_u * blue / green, -of_v * red / green), (0.0, of_v)]
    return np.array([(luma, u, v, _HALF - luma * black - 128 * (u + v)) for u, v in rows], np.float32)


_MATRICES = {(matrix, full): _to_bgr(matrix, full=full) for matrix in _WEIGHTS for full in (False, True)}
