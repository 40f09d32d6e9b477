"""YOLOv5 and v7: NxK, three rows per cell: centre, size, objectness, class probabilities.

As exported by ultralytics/yolov5's `export.py` and YOLOv7's `export.py --grid`, and by YOLOv3 (ultralytics/yolov3, also
with the coarse level first). YOLOv6 exports the same columns for one row per cell, with an objectness of 1. YOLOv5's
segmentation adds coefficients, and an output of prototypes; yolov5-face has the five points of a face between the
objectness and the class, and YOLOv7's poses and faces have points of three numbers behind the class.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import (
    RGB_SHARE,
    Array,
    Decoder,
    Outputs,
    Seen,
    activated,
    activation_fact,
    checked,
    corners,
    finite,
    floats,
    found,
    is_share,
    quiet,
    sigmoid,
)
from edge_daemon.models.decoders.grid import Grid, followed, units
from edge_daemon.models.decoders.prototypes import channels_first, masks, prototypes_of, with_masks
from edge_daemon.models.detections import Findings
from edge_daemon.models.preprocess import Placement


@dataclass(frozen=True)
class Columns:
    """Columns after the objectness: `classes` from `first`, and `points` of `each` numbers from `at`."""

    first: int
    classes: int
    at: int = 0
    points: int = 0
    each: int = 2

    @property
    def kinds(self) -> slice:
        """The columns of the classes."""
        return slice(self.first, self.first + self.classes)


class Yolov5(Decoder):
    """Decodes rows over a grid; `prototypes` is the name of an output, or None."""

    name = "yolov5"
    reads = frozenset({"activation"})
    recipe = RGB_SHARE

    def __init__(
        self, size: tuple[int, int], columns: Columns, boxes: str, prototypes: str | None, *, share: bool, logits: bool
    ) -> None:
        self.classes: int = columns.classes
        self._columns, self._size, self._boxes, self._prototypes = columns, size, boxes, prototypes
        self._whole = np.array([size[1], size[0]], np.float32) if share else None
        self._logits = logits

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        prototypes = prototypes_of(seen.outputs)
        # An export for training has the raw maps of each level beside the decoded rows.
        flat = [name for name, array in seen.outputs.items() if name != prototypes and array.ndim != 5]
        if not floats(seen.outputs) or len(flat) != 1 or tables.rows(seen.outputs[flat[0]]) is None:
            return
        rows = tables.table(seen.outputs[flat[0]])
        tail = channels_first(seen.outputs[prototypes]).shape[1] if prototypes else 0
        if rows.shape[1] - tail <= 5:
            return
        for anchors in (3, 1):
            if fitted := followed(rows[:, :4], seen.size, anchors):
                yield from cls._over(fitted, rows, tail, anchors, seen, flat[0], prototypes)

    @classmethod
    def _over(
        cls,
        fitted: tuple[Grid, bool],
        rows: Array,
        tail: int,
        anchors: int,
        seen: Seen,
        output: str,
        prototypes: str | None,
    ) -> Iterator[Self]:
        grid, share = fitted
        if anchors == 1 and seen.asked != cls.name and not (rows[:, 4] == 1).all():
            return
        columns = _columns(rows, tail, grid)
        scores = np.hstack((rows[:, 4:5], rows[:, columns.kinds]))
        activation = activated(scores, seen)
        logits = activation.value == "sigmoid"
        if logits:
            scores = sigmoid(scores)
        checked(finite(scores))
        quiet(scores[:, 0] * scores[:, 1:].max(axis=1))
        decoder = cls(seen.size, columns, output, prototypes, share=share, logits=logits)
        each = f"{anchors} rows a cell" if anchors > 1 else "objectness 1, as in YOLOv6"
        unit = "as shares of the input" if share else "in pixels"
        points = f", {columns.points} points" if columns.points else ""
        if columns.at == 5:
            decoder.usual_names = ("face",)
        decoder.why = f"{len(rows)}x{rows.shape[1]}, {grid}, {each}, boxes {unit}{points}"
        decoder.facts, decoder.pinned = activation_fact(activation), {"activation": activation.value}
        yield decoder

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`. A score is objectness times the best class's probability."""
        rows = finite(tables.table(outputs[self._boxes]))
        objectness = sigmoid(rows[:, 4]) if self._logits else checked(rows[:, 4])
        sure = objectness >= confidence
        likely, objectness = rows[sure], objectness[sure]
        classes = likely[:, self._columns.kinds]
        classes = sigmoid(classes) if self._logits else checked(classes)
        best = classes.argmax(axis=1)
        scores = objectness * classes[np.arange(len(best)), best]
        sure = scores >= confidence
        kept = likely[sure]
        centre, extent = kept[:, :2], kept[:, 2:4]
        if self._whole is not None:
            centre, extent = centre * self._whole, extent * self._whole
        coefficients: Array | None = kept[:, 5 + self.classes :] if self._prototypes else None
        keypoints = self._points(kept) if self._columns.points else None
        return found(
            corners(centre, extent), scores[sure], best[sure], coefficients=coefficients, keypoints=keypoints
        )  # fmt: skip

    def _points(self, rows: Array) -> Array:
        """Keypoints (float32 NxKx3)."""
        columns = self._columns
        points = rows[:, columns.at : columns.at + columns.points * columns.each].reshape(
            -1, columns.points, columns.each
        )
        xy = points[..., :2] if self._whole is None else points[..., :2] * self._whole
        sure = points[..., 2:] if columns.each == 3 else np.ones_like(points[..., :1])
        return finite(np.concatenate((xy, sure), axis=2))

    def finish(self, found: Findings, outputs: Outputs, placement: Placement) -> Findings:
        """Add masks to detections with coefficients."""
        if self._prototypes is None:
            return found
        made = masks(found.detections, np.asarray(outputs[self._prototypes], np.float32), placement, self._size)
        return Findings(with_masks(found.detections, made))


def _columns(rows: Array, tail: int, grid: Grid) -> Columns:
    """The columns after the objectness, by their values: points follow the cells, probabilities do not."""
    width = rows.shape[1] - tail

    def follows(column: int) -> bool:
        return units(rows[:, column : column + 2], grid) == "pixels"

    if width == 16 and all(follows(column) for column in range(5, 15, 2)):
        return Columns(15, 1, at=5, points=5)
    points = (width - 6) // 3
    are_points = width > 6 and (width - 6) % 3 == 0 and all(follows(column) for column in range(6, width, 3))
    if are_points and is_share(rows[:, 8::3]):
        return Columns(5, 1, at=6, points=points, each=3)
    return Columns(5, width - 5)
