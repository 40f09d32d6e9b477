"""Draws keypoints of bodies, faces and hands, and the limbs between them, into RGB frames."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.imaging.canvas import FINE, Point, canvas, clipped, line_width, measured, outline
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.palette import Colour
from edge_daemon.imaging.skeletons import Skeleton, skeleton_named

_RIM: Colour = (20, 20, 20)


def draw_keypoints(rgb: Pixels, keypoints: NDArray[np.floating], skeleton: str, *, confidence: float = 0.3) -> None:
    """Draw the keypoints of N objects, and their limbs, into a writable RGB picture (uint8, height x width x 3).

    `keypoints` is N x K x 3: x and y in pixels, and confidence. Points below `confidence`, and those that are NaN or
    infinite, are skipped with their limbs; limbs are clipped to the picture. `skeleton` names the set of points; of an
    unknown set only the points are drawn.

    Raises:
        PictureError: `rgb` is no such picture, or is read-only.
        ValueError: the shape of the keypoints differs from that of the set.
    """
    known = skeleton_named(skeleton)
    shape = np.shape(keypoints)
    if len(shape) != 3 or shape[2] != 3 or (known.points and shape[1] != len(known.points)):
        wanted = len(known.points) or "K"
        raise ValueError(f"keypoints of the set {skeleton} must be N x {wanted} x 3, not {shape}")
    xy, there = measured(keypoints[:, :, :2])
    with np.errstate(invalid="ignore"):
        there &= np.asarray(keypoints[:, :, 2], np.float64) >= confidence
    with canvas(rgb) as picture:
        for points, sure in zip(xy, there, strict=True):
            if sure.any():
                _draw(picture, points, sure, known)


def _draw(rgb: Pixels, points: NDArray[np.float64], sure: NDArray[np.bool_], known: Skeleton) -> None:
    """Draw one object: limbs first, then points (`points` N x 2, `sure` N)."""
    height, width = rgb.shape[:2]
    radius = _radius(points[sure], len(points), width, height)
    line = min(radius, line_width(width, height))
    found: dict[int, Point] = dict(zip(np.flatnonzero(sure).tolist(), points[sure].tolist(), strict=True))
    for (start, end), fill in zip(known.limbs, known.limb_colours, strict=True):
        if start in found and end in found and (ends := clipped((found[start], found[end]), width, height)):
            outline(rgb, ends, line, fill)
    for index, point in found.items():
        _dot(rgb, point, radius, known.point_colour(index))


def _radius(points: NDArray[np.float64], count: int, width: int, height: int) -> int:
    """The radius of points: grows with the picture, and shrinks where points lie close together (`points` N x 2)."""
    usual = max(2, round(min(width, height) / 180))
    if len(points) == 1:
        return usual
    extent = float(np.ptp(points, axis=0).max())
    return max(1, min(usual, round(extent / (1.5 * count))))


def _dot(rgb: Pixels, point: Point, radius: int, fill: Colour) -> None:
    height, width = rgb.shape[:2]
    x, y = point
    if -0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5:
        centre = round(x * (1 << FINE)), round(y * (1 << FINE))
        if radius > 1:
            cv2.circle(rgb, centre, (radius + 1) << FINE, _RIM, cv2.FILLED, cv2.LINE_AA, FINE)
        cv2.circle(rgb, centre, radius << FINE, fill, cv2.FILLED, cv2.LINE_AA, FINE)
