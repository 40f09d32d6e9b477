"""Fits a picture of any size into a model's input tensor, and maps coordinates back into the picture."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError

GREY = 114
"""Grey of the padding in YOLOX's and Ultralytics' letterbox, in training and inference."""
Fit = Literal["letterbox", "corner", "stretch", "crop"]
Color = Literal["rgb", "bgr", "gray"]
Array = NDArray[np.float32]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Recipe:
    """Preprocessing that a family of models expects.

    `fit`: `letterbox` and `corner` keep the aspect ratio and pad with `pad`, with the picture centred or top left;
    `stretch` ignores the aspect ratio; `crop` cuts out the centre, `zoom` times the input's size on the picture's
    shorter side. A value is `(pixel * scale - mean) / std`, with mean and std per channel (or one for all) in the order
    of `color`.
    """

    fit: Fit
    color: Color
    scale: float
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    pad: int = GREY
    zoom: float = 1.0

    def factors(self) -> tuple[Array, Array]:
        """`a` and `b` (float32, one per channel) such that a value is `pixel * a + b`."""
        channels = 1 if self.color == "gray" else 3
        mean = np.broadcast_to(np.asarray(self.mean, np.float64), channels)
        std = np.broadcast_to(np.asarray(self.std, np.float64), channels)
        return (self.scale / std).astype(np.float32), (-mean / std).astype(np.float32)


@dataclass(frozen=True)
class Placement:
    """Position of a picture of `source_width` x `source_height` in an input, in pixels; it may extend beyond it."""

    source_width: int
    source_height: int
    left: int
    top: int
    width: int
    height: int

    def points(self, xy: Array) -> Array:
        """Points (float32 ...x2: x, y, pixels of the input) in pixels of the source; not clipped."""
        factors = np.array([self.source_width / self.width, self.source_height / self.height], np.float32)
        moved: Array = (xy - np.array([self.left, self.top], np.float32)) * factors
        return moved

    def to_source(self, xyxy: Array) -> Array:
        """Boxes (float32 Nx4, pixels of the input) in pixels of the source, clipped to it."""
        limits = np.array([self.source_width, self.source_height], np.float32)
        clipped: Array = np.clip(self.points(xyxy.reshape(-1, 2, 2)), np.float32(0), limits).reshape(-1, 4)
        return clipped


def place(source: tuple[int, int], size: tuple[int, int], fit: Fit, zoom: float = 1.0) -> Placement:
    """The position of a picture of `source` (height, width) in an input of `size` (height, width)."""
    (source_height, source_width), (height, width) = source, size
    if fit == "stretch":
        return Placement(source_width, source_height, 0, 0, width, height)
    ratios = height / source_height, width / source_width
    ratio = max(ratios) * zoom if fit == "crop" else min(ratios)
    inner_width, inner_height = max(1, round(source_width * ratio)), max(1, round(source_height * ratio))
    left, top = (0, 0) if fit == "corner" else ((width - inner_width) // 2, (height - inner_height) // 2)
    return Placement(source_width, source_height, left, top, inner_width, inner_height)


def enough(source: tuple[int, int], size: tuple[int, int], fit: Fit) -> tuple[int, int] | None:
    """Height and width to which a picture of `source` is scaled down for an input of `size`; None if it is not."""
    placement = place(source, size, fit)
    less = placement.height * placement.width < source[0] * source[1]
    return (placement.height, placement.width) if less else None


def reduction(source: tuple[int, int], size: tuple[int, int], fit: Fit, zoom: float = 1.0) -> int:
    """The factor, 1 to 8, by which a picture of `source` may arrive reduced without loss for an input of `size`."""
    return _reduction(place(source, size, fit, zoom))


def resize(bgr: Pixels, height: int, width: int, into: Pixels | None = None) -> Pixels:
    """A picture (uint8, height x width x 3) scaled by bilinear interpolation, into the array `into` if given."""
    return cv2.resize(bgr, (width, height), dst=into)  # type: ignore[return-value]


class Preprocessor:
    """Writes pictures into one tensor, reused for each picture, following one recipe.

    The tensor is float32 or uint8, channels x height x width or (`channels_last`) height x width x channels, with one
    channel for a grey recipe.
    """

    def __init__(self, tensor: NDArray[np.generic], recipe: Recipe, *, channels_last: bool = False) -> None:
        self._recipe = recipe
        self._tensor = tensor if channels_last else tensor.transpose(1, 2, 0)
        """View of the tensor as height x width x channels, whatever its layout in memory."""
        self._channels_last = channels_last
        self._a, self._b = recipe.factors()
        self._plain = tensor.dtype == np.uint8
        self._prepared: tuple[Placement, tuple[int, ...]] | None = None

    def reduction(self, size: tuple[int, int]) -> int:
        """The factor, 1 to 8, by which a picture of `size` (height, width) may arrive reduced without loss."""
        return _reduction(self._place(size))

    def enough(self, size: tuple[int, int]) -> tuple[int, int] | None:
        """Height and width to which a picture of `size` is scaled down; None if it is not, or is cropped."""
        return None if self._recipe.fit == "crop" else enough(size, self._size, self._recipe.fit)

    def fill(self, bgr: Pixels, size: tuple[int, int] | None = None) -> Placement:
        """Write a BGR picture (uint8, height x width x 3) into the tensor. A reduced picture is placed by its original
        `size` (height, width).

        Raises:
            ModelError: the array is not such a picture.
        """
        if bgr.ndim != 3 or bgr.shape[2] != 3 or bgr.dtype != np.uint8 or not bgr.size:
            raise ModelError(f"needs a picture of height x width x 3 bytes, not {bgr.dtype} of {bgr.shape}")
        placement = self._place(size or (bgr.shape[0], bgr.shape[1]))
        if self._prepared != (placement, bgr.shape):
            self._prepare(placement, bgr.shape)
        self._write(self._resized(bgr))
        return placement

    def _place(self, size: tuple[int, int]) -> Placement:
        return place(size, self._size, self._recipe.fit, self._recipe.zoom)

    @property
    def _size(self) -> tuple[int, int]:
        return self._tensor.shape[0], self._tensor.shape[1]

    def _prepare(self, placement: Placement, shape: tuple[int, ...]) -> None:
        """Fill the padding and allocate buffers, once for all pictures of one size."""
        pad = np.float32(self._recipe.pad)
        self._tensor[...] = pad if self._plain else pad * self._a + self._b
        height, width = self._tensor.shape[:2]
        top, left = max(0, placement.top), max(0, placement.left)
        rows, columns = min(height, placement.height), min(width, placement.width)
        inner = self._tensor[top : top + rows, left : left + columns]
        self._target = inner[..., ::-1] if self._recipe.color == "rgb" else inner  # in the picture's order, BGR
        a, b = self._a, self._b
        self._scales, self._offsets = (a[::-1], b[::-1]) if self._recipe.color == "rgb" else (a, b)
        self._part = _visible(placement, shape, rows, columns)
        self._small = np.empty((rows, columns, 3), np.uint8)
        self._planes = list(np.empty((3, rows, columns), np.uint8))
        self._grey = np.empty((rows, columns), np.uint8)
        self._prepared = placement, shape

    def _resized(self, bgr: Pixels) -> Pixels:
        part = bgr[self._part]
        height, width = self._small.shape[:2]
        return part if part.shape == self._small.shape else resize(part, height, width, self._small)

    def _write(self, small: Pixels) -> None:
        """Convert pixels to values channel by channel: contiguous planes are fastest."""
        if self._recipe.color == "gray":
            planes = [cv2.cvtColor(small, cv2.COLOR_BGR2GRAY, dst=self._grey)]
        else:
            planes = list(cv2.split(small, self._planes))
        for number, plane in enumerate(planes):
            target = self._target[..., number]
            if self._plain:
                target[...] = plane
                continue
            np.multiply(plane, self._scales[number], out=target)
            if self._offsets[number]:
                np.add(target, self._offsets[number], out=target)


def _reduction(placement: Placement) -> int:
    return next(times for times in (8, 4, 2, 1) if times == 1 or _suffices(placement, times))


def _suffices(placement: Placement, times: int) -> bool:
    return placement.width * times <= placement.source_width and placement.height * times <= placement.source_height


def _visible(placement: Placement, shape: tuple[int, ...], rows: int, columns: int) -> tuple[slice, slice]:
    """The part of a picture of `shape` that the input shows: the whole picture unless the recipe crops."""
    x, y = shape[1] / placement.width, shape[0] / placement.height
    left, top = round(max(0, -placement.left) * x), round(max(0, -placement.top) * y)
    return slice(top, top + max(1, round(rows * y))), slice(left, left + max(1, round(columns * x)))
