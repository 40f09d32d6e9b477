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
NEVER = -1.0
"""Overlap of pairs that are none, wherever they are."""
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
    shared = overlaps(expected.places, found.places)
    if alike is not None:
        shared = np.where(alike, shared, OTHER_CLASS * shared)
    for row, column in _barred(expected.places, found):
        shared[row, column] = NEVER
    chosen = _chosen((shared >= SAME) & sure & expected.confirmed[:, None], -shared)
    if len(chosen) < min(shared.shape):
        rows = [row for row in range(shared.shape[0]) if row not in chosen]
        columns = sorted(set(range(shared.shape[1])).difference(chosen.values()))
        fits, cost = _by_likelihood(expected, found, np.ix_(rows, columns), shared, sure, alike)
        chosen |= {rows[row]: columns[column] for row, column in _chosen(fits, cost).items()}
    return sorted(chosen.items())


def _chosen(possible: NDArray[np.bool_], costs: Floats) -> dict[int, int]:
    """The column of each row that gets one of its possible pairs (N x M bool), those of the least costs (N x M float64)
    first, each row and each column once.
    """
    chosen, taken = dict[int, int](), set[int]()
    rows, columns = (numbers.tolist() for numbers in possible.nonzero())
    for number in costs[possible].argsort(kind="stable").tolist():
        row, column = rows[number], columns[number]
        if row not in chosen and column not in taken:
            chosen[row] = column
            taken.add(column)
    return chosen


def _barred(expected: Floats, found: Boxes) -> list[tuple[int, list[int]]]:
    """The tracks that have left the picture, of N (N x 4 float64), each with the detections that are inside."""
    aspect, gone, inside = found.aspect, [], list[int]()
    for row, (x, y, _, height) in enumerate(expected.tolist()):
        if not (0 <= x <= aspect and 0 <= y <= 1) and min(x, aspect - x, y, 1 - y) < -OUTSIDE * height:
            gone.append(row)
    if gone:
        centres = enumerate(found.places[:, :2].tolist())
        inside = [column for column, (x, y) in centres if 0 <= x <= aspect and 0 <= y <= 1]
    return [(row, inside) for row in gone]


def _by_likelihood(
    expected: Expected,
    found: Boxes,
    left: tuple[NDArray[np.intp], ...],
    shared: Floats,
    sure: NDArray[np.bool_],
    alike: NDArray[np.bool_] | None,
) -> tuple[NDArray[np.bool_], Floats]:
    """Which of the tracks and detections that are `left` (their numbers, K x 1 and 1 x L int) may be pairs, and a cost
    that is the less the likelier they are. Beyond the reach of a confirmed track none is likely.

    Returns:
        K x L bool and float64.
    """
    rows, columns = left
    tracks, boxes = expected.places.T[:, rows], found.places.T[:, columns]
    variances, confirmed = expected.variances[rows] + MEASURED**2, expected.confirmed[rows]
    shared, sure = shared[left], sure[columns]
    away = (((boxes[:2] - tracks[:2]) / tracks[3]) ** 2).sum(axis=0)
    squares = away / variances + (np.log(np.maximum(boxes[3], TINY) / tracks[3]) / GROWN) ** 2
    likely = (squares <= LIKELY) & ((away <= REACH**2) | ~confirmed) & (shared > NEVER) & sure
    cost = squares + 2 * np.log(variances) + LATER * ~sure + LATER * ~confirmed
    if alike is not None:
        likely &= alike[left]
        cost += LATER * ~alike[left]
    return likely | (shared >= np.where(sure, LEAST, LEAST_UNSURE)) & (confirmed | sure), cost
