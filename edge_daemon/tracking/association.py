"""Which detection continues which track."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_daemon.tracking.boxes import TINY, Boxes, Floats, overlaps

MEASURED = 0.07
"""Standard deviation of the centre of a detection, in heights of the box."""
GROWN = 0.2
"""Standard deviation of the ratio of two heights of an object, as a logarithm."""
LIKELY = 9.0
"""Largest square of the distance from the prediction, in standard deviations, of a detection that is likely."""
REACH = 0.6
"""Largest distance of a likely detection from a confirmed track, in heights of the box: after a long time, a passer-by
must not be taken for another.
"""
LEAST, LEAST_UNSURE = 0.15, 0.5
"""Least overlap of the predicted box and a detection that is not likely, or not sure."""
SAME = 0.55
"""Overlap from which on a detection is that of a confirmed track, whatever other tracks there are."""
OTHER_CLASS = 0.3
"""Factor of the overlap where the detection is of another class than the track."""
LATER = 100.0
"""Cost of pairs that come after all others."""
OUTSIDE = 0.1
"""Distance of a centre from the edge of the picture, in heights of the box, beyond which an object has left."""


class Expected(NamedTuple):
    """Where N tracks are expected: predicted centre and size (N x 4 float64), the variance of the centre in squared
    heights of the box (N float64), and which of them are confirmed (N bool).
    """

    places: Floats
    variances: Floats
    confirmed: NDArray[np.bool_]


def pairs(
    expected: Expected, found: Boxes, sure: NDArray[np.bool_], alike: NDArray[np.bool_] | None = None
) -> list[tuple[int, int]]:
    """Pair N tracks with M detections, each once; in the order of tracks.

    Confirmed tracks take sure detections that lie on them, those of the largest overlap first. The others go by
    likelihood: confirmed tracks take sure detections, then unsure ones while others take what sure ones are left.

    Args:
        expected: the tracks.
        found: the detections, unsure ones too.
        sure: those that are sure, M bool.
        alike: N x M bool, false where the classes differ; None if they are all the same.
    """
    places, confirmed = expected.places, expected.confirmed[:, None]
    overlap = overlaps(places, found.places)
    squares, cost = _likelihood(expected, found.places)
    likely = (squares <= LIKELY) & sure
    if alike is not None:
        overlap, likely = np.where(alike, overlap, OTHER_CLASS * overlap), likely & alike
        cost = cost + LATER * ~alike
    fits = likely | (overlap >= np.where(sure, LEAST, LEAST_UNSURE)) & (confirmed | sure)
    fits &= ~(_outside(places, found.aspect, OUTSIDE)[:, None] & ~_outside(found.places, found.aspect, 0.0))
    cost = cost + LATER * ~sure + LATER * ~confirmed
    cost = np.where((overlap >= SAME) & confirmed & sure, -LATER - overlap, cost)
    rows, columns = np.nonzero(fits)
    order = np.argsort(cost[rows, columns], kind="stable")
    return sorted(_greedy(rows[order].tolist(), columns[order].tolist()))


def _likelihood(expected: Expected, found: Floats) -> tuple[Floats, Floats]:
    """Squares of the distances of M detections from N predictions, in standard deviations, and a cost that is the less
    the likelier a pair is. Beyond the reach of a track the square is infinite.

    Returns:
        N x M float64 each.
    """
    places, heights = expected.places, expected.places[:, 3]
    variances = expected.variances + MEASURED**2
    away = ((found[:, :2] - places[:, None, :2]) ** 2).sum(axis=2) / (heights**2)[:, None]
    grown = np.log(np.maximum(found[:, 3], TINY)) - np.log(heights)[:, None]
    squares = away / variances[:, None] + (grown / GROWN) ** 2
    cost = squares + 2 * np.log(variances)[:, None]
    return np.where((away > REACH**2) & expected.confirmed[:, None], np.inf, squares), cost


def _outside(places: Floats, aspect: float, margin: float) -> NDArray[np.bool_]:
    """True for each of N places whose centre is outside of the picture, by a margin in heights of the box: N bool."""
    x, y, limits = places[:, 0], places[:, 1], margin * places[:, 3]
    return (x < -limits) | (x > aspect + limits) | (y < -limits) | (y > 1 + limits)


def _greedy(rows: list[int], columns: list[int]) -> list[tuple[int, int]]:
    """The pairs of which neither row nor column is in an earlier one."""
    taken_rows: set[int] = set()
    taken_columns: set[int] = set()
    chosen = []
    for row, column in zip(rows, columns, strict=True):
        if row not in taken_rows and column not in taken_columns:
            taken_rows.add(row)
            taken_columns.add(column)
            chosen.append((row, column))
    return chosen
