"""Pictures as video decoders give them: brightness, and two differences of colour at half its resolution (YUV 4:2:0).

A model is shown a fraction of a camera's pixels: scaled as they are and made BGR after that, they cost half of what the
other way round would, and where they travel whole they are half as many bytes.
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
    "bt601": (0.299, 0.114),  # of red and blue in brightness: ITU-R BT.601-7, 2.5.1
    "bt709": (0.2126, 0.0722),  # ITU-R BT.709-6, 3.2
    "bt2020": (0.2627, 0.0593),  # ITU-R BT.2020-2, table 4
}
_FFMPEG = {"bt601": 5, "bt709": 1, "bt2020": 9}
"""What FFmpeg calls them (AVColorSpace)."""
_TINY = 16
"""Pixels a side, below which FFmpeg is not to be had."""
USUAL = YuvFormat()
_HALF = -0.5
"""FFmpeg rounds down: a picture is to be as bright whichever way it was made BGR."""


@dataclass(frozen=True, eq=False)
class Yuv:
    """`y` is height x width, `u` and `v` are half that, rounded up; all uint8."""

    y: Plane
    u: Plane
    v: Plane
    format: YuvFormat = USUAL

    @classmethod
    def of(cls, data: Buffer, width: int, height: int, form: YuvFormat, max_pixels: int = MAX_PIXELS) -> "Yuv":
        """A read-only view of the `data` of a picture.

        Raises:
            PictureError: these are not as many bytes as there have to be, or it has more than `max_pixels`.
        """
        check_size(width, height, max_pixels)
        pixels = np.frombuffer(data, np.uint8)
        if pixels.size != cls.bytes_of(width, height):
            raise PictureError(f"{pixels.size} bytes are no YUV picture of {width}x{height}")
        pixels.flags.writeable = False
        u, v = pixels[width * height :].reshape(2, -(-height // 2), -(-width // 2))
        return cls(pixels[: width * height].reshape(height, width), u, v, form)

    @staticmethod
    def bytes_of(width: int, height: int) -> int:
        """How many there are of a picture."""
        return width * height + 2 * -(-width // 2) * -(-height // 2)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.y.shape[1], self.y.shape[0]

    @property
    def planes(self) -> tuple[Plane, Plane, Plane]:
        """Brightness first."""
        return self.y, self.u, self.v

    def scaled_bgr(self, width: int, height: int) -> Pixels:
        """A BGR picture (height x width x 3, uint8) of another size, by bilinear interpolation."""
        planes = [cv2.resize(plane, (width, height)) for plane in self.planes]
        return np.asarray(cv2.transform(cv2.merge(planes), _MATRICES[self.format.matrix, self.format.full]), np.uint8)

    def bgr(self) -> Pixels:
        """The whole BGR picture."""
        return self._whole("bgr24")

    def rgb(self) -> Pixels:
        """The whole RGB picture."""
        return self._whole("rgb24")

    def _whole(self, order: Literal["bgr24", "rgb24"]) -> Pixels:
        """FFmpeg is fastest, but wants sides that are even, and not tiny."""
        width, height = self.size
        if width % 2 or height % 2 or min(width, height) < _TINY:
            bgr = self.scaled_bgr(width, height)
            return bgr if order == "bgr24" else np.ascontiguousarray(bgr[..., ::-1])
        import av  # whoever sees no whole pictures does without

        frame = av.VideoFrame(width, height, "yuv420p")
        frame.colorspace = _FFMPEG[self.format.matrix]
        frame.color_range = 2 if self.format.full else 1
        for plane, ours in zip(frame.planes, self.planes, strict=True):
            lines(plane, *ours.shape)[:] = ours
        made = _converter().reformat(frame, format=order, threads=1)
        return np.ascontiguousarray(lines(made.planes[0], height, 3 * width)).reshape(height, width, 3)


def lines(plane: "VideoPlane", height: int, width: int) -> Plane:
    """A view of `width` bytes of each line: those that FFmpeg keeps are longer than they need be."""
    return np.ndarray((height, width), np.uint8, memoryview(plane), strides=(plane.line_size, 1))


@lru_cache(maxsize=1)
def _converter() -> "VideoReformatter":
    """One for all pictures: it makes itself ready for a size and format once."""
    from av.video.reformatter import VideoReformatter

    return VideoReformatter()


def small_bgr(picture: Pixels | Yuv, height: int, width: int) -> Pixels:
    """A picture (BGR, or planes) scaled by bilinear interpolation: in one way, wherever it is done."""
    if isinstance(picture, Yuv):
        return picture.scaled_bgr(width, height)
    return np.asarray(cv2.resize(picture, (width, height)), np.uint8)


def _to_bgr(matrix: Matrix, *, full: bool) -> NDArray[np.float32]:
    """From Y, U, V and 1 to B, G and R."""
    red, blue = _WEIGHTS[matrix]
    green = 1 - red - blue
    black, luma, chroma = (0, 1.0, 1.0) if full else (16, 255 / 219, 255 / 224)
    of_u, of_v = 2 * (1 - blue) * chroma, 2 * (1 - red) * chroma
    rows = [(of_u, 0.0), (-of_u * blue / green, -of_v * red / green), (0.0, of_v)]
    return np.array([(luma, u, v, _HALF - luma * black - 128 * (u + v)) for u, v in rows], np.float32)


_MATRICES = {(matrix, full): _to_bgr(matrix, full=full) for matrix in _WEIGHTS for full in (False, True)}
