"""Which detection continues which track."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_daemon.tracking.boxes import TINY, Boxes, Floats, overlaps

MEASURED = 0.07
"""Standard deviation of the centre of a detection, in heights of the box."""
GROWN, GROWN_SAME = 0.2, 0.12
"""Standard deviation of the ratio of two heights of an object, as a logarithm; and where it lies on its track, among
people who pass one another: there their heights tell them apart.
"""
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


Numbers = NDArray[np.intp]


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

    Confirmed tracks take sure detections that lie on them, then other sure detections, then unsure ones; the other
    tracks take what sure ones are left. The likeliest go first.

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
    rows, columns = ((shared >= SAME) & sure & expected.confirmed[:, None]).nonzero()
    chosen = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    if len(set(chosen.values())) < len(rows):  # some lie on several
        chosen = _chosen(rows, columns, _likelihood(expected, found, rows, columns, GROWN_SAME)[1])
    if len(chosen) < min(shared.shape):
        chosen |= _rest(expected, found, chosen, shared, sure, alike)
    return sorted(chosen.items())


def _chosen(rows: Numbers, columns: Numbers, costs: Floats) -> dict[int, int]:
    """The track and detection of each pair that is chosen of K possible ones, each track and each detection once, by
    their costs (K float64), the least one first.
    """
    chosen, taken = dict[int, int](), set[int]()
    order = costs.argsort(kind="stable")
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
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


def _rest(
    expected: Expected,
    found: Boxes,
    chosen: Mapping[int, int],
    shared: Floats,
    sure: NDArray[np.bool_],
    alike: NDArray[np.bool_] | None,
) -> dict[int, int]:
    """Pairs of the tracks and detections that are not in one yet; `shared` is how N tracks and M detections overlap."""
    taken = set(chosen.values())
    rows = np.array([row for row in range(shared.shape[0]) if row not in chosen])[:, None]
    columns = np.array([column for column in range(shared.shape[1]) if column not in taken])[None]
    likely, costs = _likelihood(expected, found, rows, columns, GROWN)
    shared, confirmed, sure = shared[rows, columns], expected.confirmed[rows], sure[columns]
    likely &= (shared > NEVER) & sure
    costs += LATER * ~sure + LATER * ~confirmed
    if alike is not None:
        likely &= alike[rows, columns]
        costs += LATER * ~alike[rows, columns]
    fits = likely | (shared >= np.where(sure, LEAST, LEAST_UNSURE)) & (confirmed | sure)
    i, j = fits.nonzero()
    return _chosen(rows[i, 0], columns[0, j], costs[fits])


def _likelihood(
    expected: Expected, found: Boxes, rows: Numbers, columns: Numbers, grown: float
) -> tuple[NDArray[np.bool_], Floats]:
    """Which pairs of these tracks and detections are likely, and a cost that is the less the likelier they are. Beyond
    the reach of a confirmed track none is likely.

    Args:
        expected: the tracks.
        found: the detections.
        rows: numbers of tracks, K, or K x 1 for each of them with each detection.
        columns: numbers of detections, K, or 1 x L.
        grown: standard deviation of the ratio of heights, as a logarithm.

    Returns:
        bool and float64, K or K x L.
    """
    tracks, boxes = expected.places.T[:, rows], found.places.T[:, columns]
    variances = expected.variances[rows] + MEASURED**2
    away = (((boxes[:2] - tracks[:2]) / tracks[3]) ** 2).sum(axis=0)
    squares = away / variances + (np.log(np.maximum(boxes[3], TINY) / tracks[3]) / grown) ** 2
    likely = (squares <= LIKELY) & ((away <= REACH**2) | ~expected.confirmed[rows])
    return likely, squares + 2 * np.log(variances)
