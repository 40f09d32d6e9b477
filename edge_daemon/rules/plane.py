"""The ground that a zone with real lengths lies on."""

from collections.abc import Sequence
from math import acos, cos, hypot, sin

from edge_daemon.rules.memory import Place
from edge_daemon.zones.geometry import Point

Row = tuple[float, float, float]
Matrix = tuple[Row, Row, Row]
KMH = 3.6
"""Kilometres an hour in a metre a second."""


class Plane:
    """Maps points of the picture to metres on the ground, by a zone of four corners and the lengths of its sides.

    Four lengths leave one angle open. The corners are those of the quadrilateral that lies on a circle: a rectangle if
    opposite sides are equal, a symmetric trapezoid if one pair is.
    """

    def __init__(self, points: Sequence[Point], lengths: Sequence[float]) -> None:
        self._matrix = _product(_of_square(corners(lengths)), _inverse(_of_square(points)))

    def metres(self, point: Point) -> Point:
        """A point of the picture, in metres on the ground."""
        x, y, w = (row[0] * point[0] + row[1] * point[1] + row[2] for row in self._matrix)
        return x / w, y / w


def corners(lengths: Sequence[float]) -> list[Point]:
    """Corners of the quadrilateral on a circle whose sides have these lengths, from the first corner on."""
    a, b, c, d = lengths
    second = acos((a * a + b * b - c * c - d * d) / (2 * (a * b + c * d)))  # angle between the sides a and b
    first = acos((a * a + d * d - b * b - c * c) / (2 * (a * d + b * c)))
    return [(0.0, 0.0), (a, 0.0), (a - b * cos(second), b * sin(second)), (d * cos(first), d * sin(first))]


def speed_kmh(path: Sequence[Place]) -> float:
    """Speed along a path, by the straight line that fits it best."""
    mean_s, mean_x, mean_y = (sum(column) / len(path) for column in zip(*path, strict=True))
    square = sum((time_s - mean_s) ** 2 for time_s, _, _ in path)
    x = sum((time_s - mean_s) * (x - mean_x) for time_s, x, _ in path) / square
    y = sum((time_s - mean_s) * (y - mean_y) for time_s, _, y in path) / square
    return KMH * hypot(x, y)


def is_convex(points: Sequence[Point]) -> bool:
    """True if a polygon has no corner that points inwards, and no straight one."""
    n = len(points)
    turns = [_turn(points[i], points[(i + 1) % n], points[(i + 2) % n]) for i in range(n)]
    return all(turn > 0 for turn in turns) or all(turn < 0 for turn in turns)


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])


def _of_square(points: Sequence[Point]) -> Matrix:
    """The projection that takes the corners of the unit square to four points (Heckbert, 1989)."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points
    dx1, dx2, dx3 = x1 - x2, x3 - x2, x0 - x1 + x2 - x3
    dy1, dy2, dy3 = y1 - y2, y3 - y2, y0 - y1 + y2 - y3
    size = dx1 * dy2 - dx2 * dy1
    g, h = (dx3 * dy2 - dx2 * dy3) / size, (dx1 * dy3 - dx3 * dy1) / size
    return (
        (x1 - x0 + g * x1, x3 - x0 + h * x3, x0),
        (y1 - y0 + g * y1, y3 - y0 + h * y3, y0),
        (g, h, 1.0),
    )


def _inverse(m: Matrix) -> Matrix:
    """The inverse of a projection, up to a factor, which does not matter."""
    (a, b, c), (d, e, f), (g, h, i) = m
    return (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )


def _product(m: Matrix, n: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = n

    def times(row: Row) -> Row:
        x, y, z = row
        return x * a + y * d + z * g, x * b + y * e + z * h, x * c + y * f + z * i

    return times(m[0]), times(m[1]), times(m[2])
