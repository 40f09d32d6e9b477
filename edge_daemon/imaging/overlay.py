"""Draws zones, lines, trails and sentences into RGB frames."""

from collections.abc import Iterable, Sequence
from math import hypot
from textwrap import wrap

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.imaging.canvas import FINE, Point, canvas, check_canvas, line_width
from edge_daemon.imaging.captions import font_size, put, tab
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.labels import LONGEST, Labels
from edge_daemon.imaging.palette import Colour, colour
from edge_daemon.settings import CameraZonesSettings

ZONE, LINE, IGNORED = 7, 11, 1
"""Classes whose colours zones, lines and ignored areas have."""
ARROW = 0.06
"""Length of the arrow that shows the direction `in` of a line, as a share of the picture's height."""


def draw_zones(rgb: Pixels, zones: CameraZonesSettings, labels: Labels | None = None) -> None:
    """Draw zones, lines with an arrow in the direction `in`, and ignored areas, into a writable RGB picture (uint8,
    height x width x 3).

    Raises:
        PictureError: `rgb` is no such picture, or is read-only.
    """
    for area in zones.ignore:
        draw_path(rgb, area.points, IGNORED, closed=True)
    for name, zone in zones.zones.items():
        draw_path(rgb, zone.points, ZONE, closed=True)
        _name(rgb, name, ZONE, zone.points[0], labels)
    for name, line in zones.lines.items():
        draw_path(rgb, line.points, LINE)
        _arrow(rgb, line.points, colour(LINE))
        _name(rgb, name, LINE, line.points[0], labels)


def draw_trails(rgb: Pixels, trails: Iterable[tuple[int, Sequence[Point]]]) -> None:
    """Draw where tracks have been: a class, and points in shares of the picture (uint8, height x width x 3)."""
    for class_id, points in trails:
        draw_path(rgb, points, class_id)


def draw_sentences(rgb: Pixels, sentences: Sequence[str], labels: Labels | None = None) -> None:
    """Draw sentences into the bottom left corner of a picture (uint8, height x width x 3), the last one lowest. Those
    for which there is no room are left out.
    """
    check_canvas(rgb)
    height, width = rgb.shape[:2]
    size = font_size(width, height)
    y = height - size // 2
    lines = [line for sentence in sentences for line in wrap(sentence, LONGEST)]
    for line in reversed(lines):
        label = tab(line, LINE, size, labels)
        if label is not None and y >= len(label):
            put(rgb, label, size // 2, y)
            y -= len(label) + line_width(width, height)


def draw_path(rgb: Pixels, points: Sequence[Point], class_id: int, *, closed: bool = False) -> None:
    """Draw a line through points, in shares of the picture (uint8, height x width x 3)."""
    if len(points) > 1:
        with canvas(rgb) as picture:
            cv2.polylines(picture, [_fixed(picture, points)], closed, colour(class_id), _width(rgb), cv2.LINE_AA, FINE)


def _arrow(rgb: Pixels, points: Sequence[Point], fill: Colour) -> None:
    """An arrow from the middle of a line to the right hand of someone who looks along it."""
    height, width = rgb.shape[:2]
    middle = (len(points) - 1) // 2
    (ax, ay), (bx, by) = ((x * width, y * height) for x, y in points[middle : middle + 2])
    length = hypot(bx - ax, by - ay)
    if not length:
        return
    x, y, step = (ax + bx) / 2, (ay + by) / 2, ARROW * height / length
    tip = x - (by - ay) * step, y + (bx - ax) * step
    with canvas(rgb) as picture:
        begin, end = ((round(px), round(py)) for px, py in ((x, y), tip))
        cv2.arrowedLine(picture, begin, end, fill, _width(rgb), cv2.LINE_AA, tipLength=0.4)


def _name(rgb: Pixels, name: str, class_id: int, at: Point, labels: Labels | None) -> None:
    height, width = rgb.shape[:2]
    label = tab(name, class_id, font_size(width, height), labels)
    if label is not None:
        put(rgb, label, round(at[0] * width), round(at[1] * height))


def _fixed(rgb: Pixels, points: Sequence[Point]) -> NDArray[np.int32]:
    height, width = rgb.shape[:2]
    pixels: NDArray[np.float64] = np.multiply(points, (width - 1, height - 1))
    return np.rint(pixels * (1 << FINE)).astype(np.int32)


def _width(rgb: Pixels) -> int:
    return line_width(rgb.shape[1], rgb.shape[0])
