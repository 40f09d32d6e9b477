"""Borders in the picture: polygons and polylines, and how a path crosses them.

Points are shares of the picture's width and height from the top left. Only distances need its aspect ratio.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import hypot

Point = tuple[float, float]
Crossing = tuple[float, int]
"""Share of the path at which it crosses a border, and +1 if it crosses from the left hand to the right hand of someone
who looks along the border, -1 otherwise.
"""


def turn(a: Point, b: Point, p: Point) -> float:
    """Positive if `p` is at the right hand of someone who looks from `a` to `b`, zero on the line; y points down."""
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def along(p: Point, q: Point, share: float) -> Point:
    """Point between `p` (0) and `q` (1)."""
    return p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1])


class Border:
    """A polyline, or a polygon if it is closed; a polygon is crossed with +1 from outside to inside."""

    def __init__(self, points: Sequence[Point], *, closed: bool = False) -> None:
        points = [(x, y) for x, y in points]
        if closed:
            points = points if _area(points) > 0 else points[::-1]
            points = [*points, points[0]]
        self._edges = list(pairwise(points))
        xs, ys = zip(*points, strict=True)
        self._bounds = min(xs), min(ys), max(xs), max(ys)

    def crossings(self, p: Point, q: Point) -> list[Crossing]:
        """Crossings of the straight path from `p` to `q`, in their order.

        Paths count as if all their points were shifted by a tiny bit to the right, and far less downwards ("Simulation
        of Simplicity", Edelsbrunner and Mücke, 1990). So no point is ever on a border, and a path that touches one, or
        crosses it in a corner, is counted once, however it is divided.
        """
        left, top, right, bottom = self._bounds
        (px, py), (qx, qy) = p, q
        if (px < left and qx < left) or (px > right and qx > right):
            return []
        if (py < top and qy < top) or (py > bottom and qy > bottom):
            return []
        found = []
        for a, b in self._edges:
            before, after = turn(a, b, p), turn(a, b, q)
            tie = a[1] - b[1] or b[0] - a[0]
            is_right = (after or tie) > 0
            if ((before or tie) > 0) == is_right:
                continue
            tie = q[1] - p[1] or p[0] - q[0]
            if ((turn(p, q, a) or tie) > 0) != ((turn(p, q, b) or tie) > 0):
                found.append((before / (before - after), 1 if is_right else -1))
        return sorted(found)

    def contains(self, point: Point) -> bool:
        """True inside a polygon (even-odd rule)."""
        x, y = point
        inside = False
        for (ax, ay), (bx, by) in self._edges:
            if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
                inside = not inside
        return inside

    def distance(self, point: Point, aspect: float) -> float:
        """Distance from the border, in heights of a picture with this ratio of width to height."""
        return min(_distance(point, a, b, aspect) for a, b in self._edges)


def _distance(point: Point, a: Point, b: Point, aspect: float) -> float:
    x, y = (point[0] - a[0]) * aspect, point[1] - a[1]
    dx, dy = (b[0] - a[0]) * aspect, b[1] - a[1]
    square = dx * dx + dy * dy
    share = min(max((x * dx + y * dy) / square, 0.0), 1.0) if square else 0.0
    return hypot(x - share * dx, y - share * dy)


def _area(points: Sequence[Point]) -> float:
    """Twice the area; positive if the points go clockwise in the picture."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, [*points[1:], points[0]], strict=True))
