"""Borders in the picture: polygons and polylines, and how a path crosses them.

Points are shares of the picture's width and height from the top left. Only distances need its aspect ratio.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import hypot, inf, sqrt

Point = tuple[float, float]
TINY = 1e-9
"""Share of a path that is no length."""
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

    def beyond(self, p: Point, q: Point, margin: float, aspect: float) -> Point | None:
        """A point of the straight path from `p` to `q` farther from the border than a margin; None if none is."""
        for point in (q, p):
            if self.distance(point, aspect) > margin:
                return point
        if len(self._edges) == 1:  # what is near one edge is convex
            return None
        near = sorted(filter(None, (_near(p, q, a, b, margin, aspect) for a, b in self._edges)))
        reached = 0.0
        for start, end in near:
            if reached + TINY < start < 1:
                return along(p, q, (reached + start) / 2)
            reached = max(reached, end)
        return None


def _distance(point: Point, a: Point, b: Point, aspect: float) -> float:
    x, y = (point[0] - a[0]) * aspect, point[1] - a[1]
    dx, dy = (b[0] - a[0]) * aspect, b[1] - a[1]
    square = dx * dx + dy * dy
    share = min(max((x * dx + y * dy) / square, 0.0), 1.0) if square else 0.0
    return hypot(x - share * dx, y - share * dy)


def _near(p: Point, q: Point, a: Point, b: Point, margin: float, aspect: float) -> tuple[float, float] | None:
    """Shares of the path from `p` to `q` between which it is within a margin of the edge from `a` to `b`."""
    length = hypot((b[0] - a[0]) * aspect, b[1] - a[1])
    ux, uy = ((b[0] - a[0]) * aspect / length, (b[1] - a[1]) / length) if length else (1.0, 0.0)
    # Along the edge and across it, from `a`: where the path begins, and how it goes on.
    x, y = (p[0] - a[0]) * aspect, p[1] - a[1]
    dx, dy = (q[0] - p[0]) * aspect, q[1] - p[1]
    x, y, dx, dy = x * ux + y * uy, y * ux - x * uy, dx * ux + dy * uy, dy * ux - dx * uy
    parts = [_within_circle(x, y, dx, dy, margin), _within_circle(x - length, y, dx, dy, margin)]
    along_it, across = _between(x, dx, 0.0, length), _between(y, dy, -margin, margin)
    if along_it and across:
        parts.append((max(along_it[0], across[0]), min(along_it[1], across[1])))
    found = [part for part in parts if part and part[0] <= part[1]]
    return (min(start for start, _ in found), max(end for _, end in found)) if found else None


def _within_circle(x: float, y: float, dx: float, dy: float, radius: float) -> tuple[float, float] | None:
    """Shares between which a path from x, y is within a circle about the origin."""
    square, half, rest = dx * dx + dy * dy, x * dx + y * dy, x * x + y * y - radius * radius
    if not square:
        return (0.0, 1.0) if rest <= 0 else None
    root = half * half - square * rest
    return None if root < 0 else ((-half - sqrt(root)) / square, (-half + sqrt(root)) / square)


def _between(x: float, dx: float, low: float, high: float) -> tuple[float, float] | None:
    """Shares between which a coordinate that begins at `x` is from `low` to `high`."""
    if not dx:
        return (-inf, inf) if low <= x <= high else None
    return min((low - x) / dx, (high - x) / dx), max((low - x) / dx, (high - x) / dx)


def _area(points: Sequence[Point]) -> float:
    """Twice the area; positive if the points go clockwise in the picture."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, [*points[1:], points[0]], strict=True))


def crossed_edges(points: Sequence[Point]) -> tuple[int, int] | None:
    """Two edges of a polygon that meet elsewhere than in their common corner, by the number of their first point, from
    1; None if there are none.
    """
    edges = list(pairwise([*points, points[0]]))
    for i, (a, b) in enumerate(edges):
        for j, (c, d) in enumerate(edges[i + 1 :], i + 1):
            shared = {i, (i + 1) % len(edges)} & {j, (j + 1) % len(edges)}
            if a == b or c == d or (_meet(a, b, c, d) if not shared else _folds(a, b, c, d)):
                return i + 1, j + 1
    return None


def _meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """True if two edges have a point in common."""
    turns = turn(a, b, c), turn(a, b, d), turn(c, d, a), turn(c, d, b)
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    ends = ((turns[0], a, b, c), (turns[1], a, b, d), (turns[2], c, d, a), (turns[3], c, d, b))
    return any(not side and _within(start, end, point) for side, start, end, point in ends)


def _within(a: Point, b: Point, p: Point) -> bool:
    return min(a[0], b[0]) <= p[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= p[1] <= max(a[1], b[1])


def _folds(a: Point, b: Point, c: Point, d: Point) -> bool:
    """True if the second of two edges with a common corner goes back over the first."""
    corner, one, other = (b, a, d) if b == c else (a, b, c)
    dot = (one[0] - corner[0]) * (other[0] - corner[0]) + (one[1] - corner[1]) * (other[1] - corner[1])
    return not turn(a, b, other) and dot > 0
