"""How far a track has moved from where it was first seen, in sizes of its box."""

from math import hypot

from edge_daemon.zones.look import Box


def distance(start: Box, now: Box) -> float:
    """Distance of the centres of two boxes, in widths and heights of the larger one."""
    (left, top, right, bottom), (x0, y0, x1, y1) = now, start
    width, height = max(right - left, x1 - x0), max(bottom - top, y1 - y0)
    if width <= 0 or height <= 0:
        return 0.0
    return hypot((left + right - x0 - x1) / (2 * width), (top + bottom - y0 - y1) / (2 * height))
