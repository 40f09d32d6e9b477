"""Basics of drawing: writable pictures, line widths, and lines clipped to the picture."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_daemon.errors import PictureError
from edge_daemon.imaging.colour import Pixels, check_pixels
from edge_daemon.imaging.palette import Colour

FINE = 4
"""Fractional bits of coordinates given to OpenCV: sixteenths of a pixel."""

_NOWHERE = 1e6  # pixels; coordinates beyond this are not measurements

Point = tuple[float, float]


def check_canvas(rgb: Pixels) -> None:
    """Check that `rgb` is a writable picture (uint8, height x width x 3).

    Raises:
        PictureError: it is not.
    """
    check_pixels(rgb)
    if not rgb.flags.writeable:
        raise PictureError("the picture is read-only: draw on a copy")


@contextmanager
def canvas(rgb: Pixels) -> Iterator[Pixels]:
    """The picture (uint8, height x width x 3) in a layout that OpenCV can draw on; copied only if not contiguous."""
    check_canvas(rgb)
    if rgb.strides[1:] == (3, 1) and rgb.strides[0] >= 3 * rgb.shape[1]:
        yield rgb
    else:
        copy = np.ascontiguousarray(rgb)
        yield copy
        rgb[:] = copy


def line_width(width: int, height: int) -> int:
    """The width of lines, in pixels, for a picture of this size."""
    return max(1, round(min(width, height) / 360))


def measured(points: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Points (N x 2 or N x K x 2: x, y) as float64, and a mask (bool) of valid ones: finite and not huge."""
    with np.errstate(invalid="ignore"):  # the points may contain NaNs of any kind
        xy = np.asarray(points, np.float64)
        return xy, np.asarray((np.abs(xy) <= _NOWHERE).all(axis=-1))


def clipped(points: Sequence[Point], width: int, height: int) -> list[Point]:
    """The part of a polygon, or of a line given as two points, that lies within a picture; empty if there is none.

    Parts outside are replaced by the picture's edge (Sutherland and Hodgman, 1974).
    """
    inside = list(points)
    if all(0 <= x <= width - 1 and 0 <= y <= height - 1 for x, y in inside):
        return inside
    for axis, sign, limit in ((0, 1, 0), (0, -1, 1 - width), (1, 1, 0), (1, -1, 1 - height)):
        if inside:
            inside = _half(inside, axis, sign, limit)
    return inside


def _half(points: Sequence[Point], axis: int, sign: int, limit: int) -> list[Point]:
    """The part of a polygon on one side of a line."""
    kept: list[Point] = []
    for before, here in zip((points[-1], *points[:-1]), points, strict=True):
        far, near = sign * before[axis] - limit, sign * here[axis] - limit
        if (far < 0) != (near < 0):
            share = far / (far - near)
            x, y = (b + share * (h - b) for b, h in zip(before, here, strict=True))
            edge = float(sign * limit)  # exactly, without rounding error
            kept.append((edge, y) if axis == 0 else (x, edge))
        if near >= 0:
            kept.append(here)
    return kept


def outline(rgb: Pixels, points: Sequence[Point], line: int, fill: Colour) -> None:
    """Draw a smooth closed line through points within the picture `rgb` (uint8, height x width x 3, from `canvas`)."""
    fixed = np.rint(np.multiply(points, 1 << FINE)).astype(np.int32)
    cv2.polylines(rgb, [fixed], True, fill, line, cv2.LINE_AA, FINE)
