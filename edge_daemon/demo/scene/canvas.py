"""Drawing in metres: shapes on a picture or on a transparent sprite, x to the right and y up."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.floating]
Colour = tuple[float, float, float]
"""Blue, green and red, 0 to 255."""

_SHIFT = 4
_CIRCLE = np.linspace(0, 2 * np.pi, 28, endpoint=False)
_CAP = np.linspace(np.pi / 2, 3 * np.pi / 2, 7)


class Canvas:
    """A BGR picture, or a BGRA sprite with premultiplied alpha, that takes shapes in metres.

    Drawing with anti-aliased edges on transparent black leaves premultiplied colours behind, so a sprite
    needs no second mask. `(left, foot)` is the pixel of the origin, `scale` the pixels a metre.
    """

    def __init__(self, image: Pixels, scale: float, left: float, foot: float) -> None:
        self.image = image
        self.scale = scale
        self.left = left
        self.foot = foot
        self._factor = np.array([scale, -scale]) * (1 << _SHIFT)
        self._origin = (np.array([left, foot]) - 0.5) * (1 << _SHIFT)

    @classmethod
    def sprite(cls, left_m: float, right_m: float, top_m: float, scale: float, sink_m: float = 0.1) -> Canvas:
        """A transparent canvas from `left_m` to `right_m` and from `sink_m` under the origin to `top_m`."""
        width = max(2, int(np.ceil((right_m - left_m) * scale)) + 2)
        height = max(2, int(np.ceil((top_m + sink_m) * scale)) + 2)
        image = np.zeros((height, width, 4), np.uint8)
        return cls(image, scale, 1 - left_m * scale, 1 + top_m * scale)

    def fixed(self, points: Floats) -> NDArray[np.int32]:
        """Metres (..., 2) as OpenCV's fixed-point pixels (int32, same shape)."""
        fixed: NDArray[np.int32] = np.rint(points * self._factor + self._origin).astype(np.int32)
        return fixed

    def convex(self, points: NDArray[np.int32], colour: Colour) -> None:
        """Fill a convex outline given in fixed-point pixels (int32, n x 2)."""
        cv2.fillConvexPoly(self.image, points, (*colour, 255.0), cv2.LINE_AA, _SHIFT)

    def polygon(self, points: Floats | list[tuple[float, float]], colour: Colour) -> None:
        """Fill an outline of any form, given in metres (float, n x 2)."""
        outline = self.fixed(np.asarray(points, np.float64))
        cv2.fillPoly(self.image, [outline], (*colour, 255.0), cv2.LINE_AA, _SHIFT)

    def rect(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """Fill an upright rectangle."""
        self.convex(self.fixed(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])), colour)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """Fill an ellipse with half axes `rx` and `ry`."""
        points = np.stack([x + rx * np.cos(_CIRCLE), y + ry * np.sin(_CIRCLE)], axis=-1)
        self.convex(self.fixed(points), colour)

    def line(self, points: list[tuple[float, float]], width: float, colour: Colour) -> None:
        """Draw a line through `points` with round joints."""
        way = np.asarray(points, np.float64)
        half = np.full(len(way) - 1, width / 2)
        for outline in self.fixed(capsules(way[:-1], way[1:], half, half)):
            self.convex(outline, colour)


def capsules(start: Floats, end: Floats, start_r: Floats, end_r: Floats) -> Floats:
    """Outlines (float64, (n, 14, 2)) of n limbs with round ends, from `start` to `end` (n, 2), with radii (n)."""
    along = end - start
    angle = np.arctan2(along[:, 1], along[:, 0])[:, None]
    near = angle + _CAP
    far = near + np.pi
    a = start[:, None] + start_r[:, None, None] * np.stack([np.cos(near), np.sin(near)], axis=-1)
    b = end[:, None] + end_r[:, None, None] * np.stack([np.cos(far), np.sin(far)], axis=-1)
    return np.concatenate([a, b], axis=1)


Window = tuple[slice, slice, slice, slice]
"""Rows and columns of a picture, then of what lies over it."""


def overlap(shape: tuple[int, ...], own: tuple[int, ...], x: int, y: int) -> Window | None:
    """The overlap of something of shape `own`, with its top left at (x, y), and a picture; None if there is none."""
    top, bottom = max(0, y), min(shape[0], y + own[0])
    left, right = max(0, x), min(shape[1], x + own[1])
    if top >= bottom or left >= right:
        return None
    return slice(top, bottom), slice(left, right), slice(top - y, bottom - y), slice(left - x, right - x)


@dataclass(frozen=True)
class Sprite:
    """A drawn thing in the street: premultiplied BGRA, its top left pixel, its foot's row, its depth in metres."""

    image: Pixels
    x: int
    y: int
    foot: float
    depth: float

    @property
    def alpha(self) -> Pixels:
        """Its coverage (uint8, height x width)."""
        return self.image[..., 3]

    def moved(self, right: int, down: int) -> Sprite:
        """The same sprite elsewhere."""
        return Sprite(self.image, self.x + right, self.y + down, self.foot + down, self.depth)

    def window(self, shape: tuple[int, ...]) -> Window | None:
        """Its overlap with a picture of this shape; None if there is none."""
        return overlap(shape, self.image.shape, self.x, self.y)

    def paint(self, picture: Pixels) -> None:
        """Put the sprite over a picture (BGR, uint8, height x width x 3)."""
        window = self.window(picture.shape)
        if window is None:
            return
        rows, columns, own_rows, own_columns = window
        under = picture[rows, columns]
        own = self.image[own_rows, own_columns]
        keep = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(own, 3)), cv2.COLOR_GRAY2BGR)
        kept = cv2.multiply(under, keep, scale=1 / 255)
        cv2.add(kept, cv2.cvtColor(own, cv2.COLOR_BGRA2BGR), dst=under)


def tinted(picture: Pixels, tint: Colour) -> Pixels:
    """A picture (BGR or BGRA, uint8, height x width x channels) with blue, green and red multiplied."""
    # OpenCV takes a scalar here; its type stubs do not say so.
    return cv2.multiply(picture, (*tint, 1.0))  # type: ignore[call-overload,no-any-return]


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """The colour that is `share` of the way from `a` to `b`."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)


def shade(colour: Colour, factor: float) -> Colour:
    """The colour made darker (below 1) or lighter (above 1)."""
    return (min(255.0, colour[0] * factor), min(255.0, colour[1] * factor), min(255.0, colour[2] * factor))


def rgb(code: str) -> Colour:
    """The colour of a web code such as `d9822b`."""
    return (float(int(code[4:6], 16)), float(int(code[2:4], 16)), float(int(code[0:2], 16)))
