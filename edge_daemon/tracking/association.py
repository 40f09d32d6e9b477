"""Which detection continues which track."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_daemon.tracking.boxes import TINY, Boxes, Floats, overlap

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
    rows, columns = np.nonzero(_near(expected, found))
    tracks, boxes = expected.places.T.take(rows, axis=1), found.places.T.take(columns, axis=1)
    confirmed, sure = expected.confirmed.take(rows), sure.take(columns)
    shared, same = overlap(tracks, boxes), None
    if alike is not None:
        same = alike[rows, columns]
        shared = np.where(same, shared, OTHER_CLASS * shared)
    chosen = Chosen(rows.tolist(), columns.tolist())
    chosen.add(np.where((shared >= SAME) & confirmed & sure, -shared, np.inf))
    left = chosen.left()
    if left:
        variances = expected.variances.take(rows[left]) + MEASURED**2
        confirmed, sure, shared = confirmed[left], sure[left], shared[left]
        squares, cost = _likelihood(tracks[:, left], variances, confirmed, boxes[:, left])
        likely = (squares <= LIKELY) & sure
        if same is not None:
            likely &= same[left]
            cost = cost + LATER * ~same[left]
        fits = likely | (shared >= np.where(sure, LEAST, LEAST_UNSURE)) & (confirmed | sure)
        chosen.add(np.where(fits, cost + LATER * ~sure + LATER * ~confirmed, np.inf), left)
    return sorted(chosen.pairs.items())


class Chosen:
    """The pairs that are chosen of K possible ones, by track; each track and each detection is in one."""

    def __init__(self, rows: list[int], columns: list[int]) -> None:
        self.pairs: dict[int, int] = {}
        self._taken: set[int] = set()
        self._rows, self._columns = rows, columns

    def add(self, costs: Floats, which: list[int] | None = None) -> None:
        """Choose pairs by their costs (K, float64), the least one first, but none of infinite cost; of all, or of
        `which`.
        """
        ordered = np.argsort(costs, kind="stable")[: np.count_nonzero(costs < np.inf)].tolist()
        for one in ordered:
            number = one if which is None else which[one]
            row, column = self._rows[number], self._columns[number]
            if row not in self.pairs and column not in self._taken:
                self.pairs[row] = column
                self._taken.add(column)

    def left(self) -> list[int]:
        """The pairs of which neither track nor detection is taken."""
        return [
            number
            for number, (row, column) in enumerate(zip(self._rows, self._columns, strict=True))
            if row not in self.pairs and column not in self._taken
        ]


def _near(expected: Expected, found: Boxes) -> NDArray[np.bool_]:
    """True for those of N tracks and M detections that may be pairs, N x M bool: they overlap, or could be likely, and
    the track has not left the picture while the detection is inside.
    """
    places, boxes = expected.places.T, found.places.T
    reach = np.sqrt(LIKELY * (expected.variances + MEASURED**2)) * places[3]
    away = np.abs(places[:2, :, None] - boxes[:2, None])
    near = np.logical_and(*(away <= (places[2:] / 2 + reach)[:, :, None] + (boxes[2:] / 2)[:, None]))
    gone = _outside(places, found.aspect, OUTSIDE)
    if gone.any():
        near &= ~(gone[:, None] & ~_outside(boxes, found.aspect, 0.0))
    return np.asarray(near, np.bool_)


def _likelihood(
    tracks: Floats, variances: Floats, confirmed: NDArray[np.bool_], found: Floats
) -> tuple[Floats, Floats]:
    """Squares of the distances of K detections from the predictions of their tracks (4 x K float64, centre and size),
    in standard deviations, and a cost that is the less the likelier a pair is. Beyond the reach of a confirmed track
    the square is infinite.

    Returns:
        K float64 each.
    """
    heights = tracks[3]
    away = (((found[:2] - tracks[:2]) / heights) ** 2).sum(axis=0)
    squares = away / variances + (np.log(np.maximum(found[3], TINY) / heights) / GROWN) ** 2
    cost = squares + 2 * np.log(variances)
    return np.where((away > REACH**2) & confirmed, np.inf, squares), cost


def _outside(places: Floats, aspect: float, margin: float) -> NDArray[np.bool_]:
    """True for each of K places (4 x K float64) whose centre is outside of the picture, by a margin in heights of the
    box: K bool.
    """
    x, y, _, height = places
    inside = np.minimum(np.minimum(x, aspect - x), np.minimum(y, 1 - y))
    return np.asarray(inside < -margin * height, np.bool_)
