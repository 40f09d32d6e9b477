"""What every drawing needs: a picture that may be drawn on, the width of lines, and lines that keep within it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge_daemon.errors import PictureError
from edge_daemon.imaging.colour import Pixels, check_pixels
from edge_daemon.imaging.palette import Colour

FINE = 4
"""Bits behind the point in coordinates that OpenCV gets: sixteenths of a pixel."""

_NOWHERE = 1e6  # pixels; what lies further away is no measurement

Point = tuple[float, float]


def check_canvas(rgb: Pixels) -> None:
    """Raise PictureError unless `rgb` is a picture that can be drawn on."""
    check_pixels(rgb)
    if not rgb.flags.writeable:
        raise PictureError("the picture to draw on is read-only: draw on a copy")


@contextmanager
def canvas(rgb: Pixels) -> Iterator[Pixels]:
    """Give the picture in a layout that OpenCV can draw on: the picture itself but when it is turned or sparse."""
    check_canvas(rgb)
    if rgb.strides[1:] == (3, 1) and rgb.strides[0] >= 3 * rgb.shape[1]:
        yield rgb
    else:
        copy = np.ascontiguousarray(rgb)
        yield copy
        rgb[:] = copy


def line_width(width: int, height: int) -> int:
    """Give the width of lines, in pixels, for a picture of this size."""
    return max(1, round(min(width, height) / 360))


def measured(points: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Give points (... x 2) as float64, and which of them can be somewhere: no NaN, no infinity, not far off."""
    with np.errstate(invalid="ignore"):  # NaNs of any kind may come
        xy = np.asarray(points, np.float64)
        return xy, np.asarray((np.abs(xy) <= _NOWHERE).all(axis=-1))


def clipped(points: Sequence[Point], width: int, height: int) -> list[Point]:
    """Give what of a polygon or of a line of two points lies within a picture; nothing where nothing does.

    Sides that are cut off are replaced by the picture's edge (Sutherland and Hodgman, 1974).
    """
    inside = list(points)
    if all(0 <= x <= width - 1 and 0 <= y <= height - 1 for x, y in inside):
        return inside
    for axis, sign, limit in ((0, 1, 0), (0, -1, 1 - width), (1, 1, 0), (1, -1, 1 - height)):
        if inside:
            inside = _half(inside, axis, sign, limit)
    return inside


def _half(points: Sequence[Point], axis: int, sign: int, limit: int) -> list[Point]:
    """Give what of a polygon lies on one side of a line."""
    kept: list[Point] = []
    for before, here in zip((points[-1], *points[:-1]), points, strict=True):
        far, near = sign * before[axis] - limit, sign * here[axis] - limit
        if (far < 0) != (near < 0):
            share = far / (far - near)
            x, y = (b + share * (h - b) for b, h in zip(before, here, strict=True))
            edge = float(sign * limit)  # not beside it for rounding
            kept.append((edge, y) if axis == 0 else (x, edge))
        if near >= 0:
            kept.append(here)
    return kept


def outline(rgb: Pixels, points: Sequence[Point], line: int, fill: Colour) -> None:
    """Draw the smooth closed line through points that lie within the picture; `rgb` is from `canvas`."""
    fixed = np.rint(np.multiply(points, 1 << FINE)).astype(np.int32)
    cv2.polylines(rgb, [fixed], True, fill, line, cv2.LINE_AA, FINE)
