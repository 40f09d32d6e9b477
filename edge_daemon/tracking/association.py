"""Which detection continues which track."""

import numpy as np
from numpy.typing import NDArray

from edge_daemon.tracking.boxes import Floats, overlaps

# Indexed by [confirmed][sure]. A pair of a higher rank goes first, whatever its overlap.
LEAST = np.array([[2.0, 0.1], [0.5, 0.25]])
"""Least overlap of the predicted box of a track and a detection."""
RANK = np.array([[0.0, 2.0], [4.0, 5.0]])
LEAST_WIDE = np.array([[2.0, 0.2], [2.0, 0.2]])
"""Least overlap of both boxes widened, where they overlap too little as they are."""
WIDE_RANK = np.array([[0.0, 1.0], [0.0, 3.0]])
WIDER, WIDEST = 0.5, 0.5
"""Margin, in standard deviations of the predicted centre, which grow with the time since the last look; and at most, in
heights of the box: after a long time, whoever comes by must not be taken for another.
"""
OTHER_CLASS = 0.3
"""Factor of the overlap where the detection is of another class than the track."""


def pairs(
    places: Floats,
    spreads: Floats,
    found: Floats,
    confirmed: NDArray[np.bool_],
    sure: NDArray[np.bool_],
    alike: NDArray[np.bool_] | None = None,
) -> list[tuple[int, int]]:
    """Pair N tracks with M detections, those of the highest rank and overlap first, each once; in the order of tracks.

    Confirmed tracks take sure detections first, then unsure ones, then sure ones that are near; tracks that are not
    confirmed take what sure detections are left. (After "ByteTrack", Zhang et al., ECCV 2022, and "C-BIoU", Yang et
    al., WACV 2023.)

    Args:
        places: predicted centre and size of the tracks, N x 4 float64.
        spreads: standard deviations of their centres, N float64.
        found: centre and size of the detections, M x 4 float64.
        confirmed: the tracks that are confirmed, N bool.
        sure: the detections that are sure, M bool.
        alike: N x M bool, false where the classes differ; None if they are all the same.
    """
    margins = np.minimum(WIDER * spreads, WIDEST * places[:, 3])
    plain, wide = overlaps(places, found, np.stack([np.zeros_like(margins), margins]))
    if alike is not None:
        factor = np.where(alike, 1.0, OTHER_CLASS)
        plain, wide = plain * factor, wide * factor
    kind = confirmed.astype(np.intp)[:, None], sure.astype(np.intp)[None]
    near = np.where(wide >= LEAST_WIDE[kind], WIDE_RANK[kind] + wide, 0.0)
    score = np.where(plain >= LEAST[kind], RANK[kind] + plain, near)
    rows, columns = np.nonzero(score)
    order = np.argsort(-score[rows, columns], kind="stable")
    return sorted(_greedy(rows[order].tolist(), columns[order].tolist()))


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
