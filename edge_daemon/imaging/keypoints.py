"""Keypoints of bodies, faces and hands, and the limbs between them, drawn into RGB frames."""

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.imaging.canvas import FINE, Point, canvas, clipped, line_width, measured, outline
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.palette import Colour
from edge_daemon.imaging.skeletons import Skeleton, skeleton_named

_RIM: Colour = (20, 20, 20)


def draw_keypoints(rgb: Pixels, keypoints: NDArray[np.floating], skeleton: str, *, confidence: float = 0.3) -> None:
    """Draw the keypoints of N objects, and the limbs between them, into a writable RGB picture.

    `keypoints` is N x K x 3: x and y in pixels, and how sure the model is. Points less sure than `confidence`,
    and those that are NaN or infinite, are left out with their limbs; limbs are cut at the picture's edge.
    `skeleton` names the set of points; of an unknown one there are only the points. Raises PictureError for
    another kind of picture or a read-only one, ValueError for keypoints of another shape than the set has.
    """
    known = skeleton_named(skeleton)
    shape = np.shape(keypoints)
    if len(shape) != 3 or shape[2] != 3 or (known.points and shape[1] != len(known.points)):
        wanted = len(known.points) or "K"
        raise ValueError(f"keypoints of the set {skeleton} are N x {wanted} x 3; these are {shape}")
    xy, there = measured(keypoints[:, :, :2])
    with np.errstate(invalid="ignore"):
        there &= np.asarray(keypoints[:, :, 2], np.float64) >= confidence
    with canvas(rgb) as picture:
        for points, sure in zip(xy, there, strict=True):
            if sure.any():
                _draw(picture, points, sure, known)


def _draw(rgb: Pixels, points: NDArray[np.float64], sure: NDArray[np.bool_], known: Skeleton) -> None:
    """Draw one object: its limbs, and its points upon them."""
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
    """Give the size of points: it grows with the picture, and is less where they lie close together."""
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
