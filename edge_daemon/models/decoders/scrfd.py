"""SCRFD and YuNet: faces, with one output per stride for scores, boxes and (in models that have them) five points.

- SCRFD (InsightFace): scores Nx1, distances to the sides of the box in strides Nx4, points from the cell Nx10, at
  strides 8, 16 and 32 with two rows per cell; with or without a batch axis, grouped by kind.
- YuNet (libfacedetection.train, OpenCV's FaceDetectorYN): `cls` and `obj` (a score is the root of their product),
  boxes as centre from the cell and logarithm of the size, in strides, and points from the cell; one row per cell.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import (
    Array,
    Decoder,
    Outputs,
    Seen,
    checked,
    corners,
    finite,
    floats,
    found,
    is_share,
    quiet,
)
from edge_daemon.models.decoders.grid import Grid, level
from edge_daemon.models.detections import Findings
from edge_daemon.models.preprocess import Recipe

_STRIDES = (8, 16, 32)


@dataclass(frozen=True)
class Level:
    """The outputs of one stride, with one or two of scores."""

    grid: Grid
    scores: tuple[str, ...]
    boxes: str
    points: str | None


class _Faces(Decoder):
    classes = 1
    usual_names = ("face",)

    def __init__(self, levels: Sequence[Level]) -> None:
        self._levels = levels

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        every = []
        for one in self._levels:
            scores = _scores([checked(finite(tables.table(outputs[name])[:, 0])) for name in one.scores])
            kept = np.flatnonzero(scores >= confidence)
            rows_a_cell = len(scores) // len(one.grid)
            stride = one.grid.stride[0]
            corner = one.grid.centre[kept // rows_a_cell] - stride / 2  # of the cell
            boxes = self._boxes(tables.table(outputs[one.boxes])[kept] * stride, corner, stride)
            points = np.empty((len(kept), 0, 3), np.float32)
            if one.points:
                xy = tables.table(outputs[one.points])[kept].reshape(len(kept), 5, 2) * stride + corner[:, None]
                points = np.concatenate((finite(xy), np.ones_like(xy[..., :1])), axis=2)
            every.append((boxes, scores[kept], points))
        boxes, scores, points = (np.concatenate(parts) for parts in zip(*every, strict=True))
        return found(boxes, scores, np.zeros(len(boxes)), keypoints=points if points.shape[1] else None)

    def _boxes(self, values: Array, corner: Array, stride: float) -> Array:
        raise NotImplementedError


class Scrfd(_Faces):
    """Decodes SCRFD's levels."""

    name = "scrfd"
    recipe = Recipe(fit="corner", color="rgb", scale=1.0, mean=(127.5,), std=(128.0,), pad=0)

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        for rows_a_cell in (2, 1):
            levels = _levels(seen, rows_a_cell, scores=1)
            if levels:
                decoder = cls(levels)
                decoder.why = f"scores, distances{_points(levels)} at strides 8, 16, 32, {rows_a_cell} rows a cell"
                yield decoder
                return

    def _boxes(self, values: Array, corner: Array, stride: float) -> Array:
        return finite(np.hstack((corner - values[:, :2], corner + values[:, 2:])))


class Yunet(_Faces):
    """Decodes YuNet's levels."""

    name = "yunet"
    recipe = Recipe(fit="corner", color="bgr", scale=1.0, pad=0)

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        if levels := _levels(seen, 1, scores=2):
            decoder = cls(levels)
            decoder.why = f"class, objectness, boxes{_points(levels)} at strides 8, 16, 32"
            yield decoder

    def _boxes(self, values: Array, corner: Array, stride: float) -> Array:
        with np.errstate(over="ignore"):
            size = np.exp(values[:, 2:] / stride) * stride
        return finite(corners(corner + values[:, :2], size))


def _levels(seen: Seen, rows_a_cell: int, scores: int) -> list[Level] | None:
    """The outputs of each stride, recognised by rows and columns; None if the outputs have another layout."""
    levels = []
    taken = 0
    for stride in _STRIDES:
        grid = level(stride, seen.size)
        mine = {name: array for name, array in seen.outputs.items() if tables.rows(array) == len(grid) * rows_a_cell}
        columns = {1: [], 4: [], 10: []}  # type: dict[int, list[str]]
        for name, array in mine.items():
            columns.setdefault(array.shape[-1], []).append(name)
        ones, boxes, points = columns[1], columns[4], columns[10]
        if len(ones) != scores or len(boxes) != 1 or len(points) > 1 or len(columns) != 3:
            return None
        if not all(is_share(seen.outputs[name]) for name in ones) or not floats({boxes[0]: mine[boxes[0]]}):
            return None
        quiet(_scores([tables.table(seen.outputs[name])[:, 0] for name in ones]))
        taken += len(mine)
        levels.append(Level(grid, tuple(ones), boxes[0], points[0] if points else None))
    return levels if taken == len(seen.outputs) else None


def _scores(parts: Sequence[Array]) -> Array:
    """The scores, or the root of the product of two."""
    if len(parts) == 1:
        return parts[0]
    root: Array = np.sqrt(np.clip(parts[0], 0, 1) * np.clip(parts[1], 0, 1))
    return root


def _points(levels: Sequence[Level]) -> str:
    return ", points" if levels[0].points else ""
