"""Detections in rows of one table: NxK with box, score and class in some order of columns, and a tail.

- YOLOv10, YOLO26 and Ultralytics' `nms=True`: box, score, class, and a tail for other tasks: mask coefficients (with an
  output of prototypes), keypoints, or an angle (oriented boxes, whose first four columns are centre and size). Unused
  rows are zero or have low scores. DeepStream-Yolo: the same columns for each cell, with NMS left to be done.
- YOLOv7's `--end2end` for ONNX Runtime: picture, box, class, score. YOLO-NAS by super-gradients (`flat`): picture, box,
  score, class. Both list all pictures of a batch in one table.
- PaddleDetection: class, score, box, with an output that counts the rows of each picture; unused ones have class -1.
- Caffe's and OpenVINO's DetectionOutput: 1x1xNx7 of picture, class, score, box, as shares; picture -1 ends the list.
- google/automl's EfficientDet: picture, box (top first), score, class from 1.
- PINTO's model zoo: columns as the output's name lists them, `batchno_classid_score_x1y1x2y2`.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Self

import numpy as np

from edge_daemon.errors import ModelError
from edge_daemon.models import tables
from edge_daemon.models.batches import OfBatch
from edge_daemon.models.decoders.decoder import (
    Array,
    Outputs,
    Seen,
    finite,
    is_share,
    quiet,
)
from edge_daemon.models.decoders.listed import (
    Listed,
    Listing,
    class_count,
    is_whole,
    listed_facts,
    nms_of,
    order_of,
    pinned,
    unit_of,
)
from edge_daemon.models.decoders.numbering import first_class
from edge_daemon.models.decoders.prototypes import masks, prototypes_of, with_masks
from edge_daemon.models.decoders.row_columns import (
    DETECTION_OUTPUT,
    Columns,
    Habit,
    because,
    is_count,
    named_order,
    orders,
)
from edge_daemon.models.decoders.yolov8 import kpt_shape, rotated
from edge_daemon.models.detections import Findings
from edge_daemon.models.evidence import Sign
from edge_daemon.models.preprocess import Placement
from edge_daemon.settings import Order, Unit

LEAST_ROOM = 10
"""An empty list has room for this many rows at least, unless it has none at all."""
ROOM = 100
"""With this many rows, most are unused."""


class Rows(Listed):
    """Decodes rows with one order of columns."""

    name = "rows"
    reads = frozenset({"order", "unit", "first_class", "nms", "columns", "batch_column"})

    def __init__(self, seen: Seen, output: str, habit: Habit, columns: Columns, task: str) -> None:
        self.recipe = habit.recipe
        self._habit, self._columns, self._output, self._task = habit, columns, output, task
        self._prototypes = prototypes_of(seen.outputs)
        self._counts = next((name for name in seen.outputs if is_count(seen, name)), None)
        self._points = kpt_shape(seen) if task == "pose" else (0, 0)
        self.why = f"rows of {habit}" + (f", {task}" if task not in ("", "detect") else "")
        self._read(seen)

    def _read(self, seen: Seen) -> None:
        """Find the properties of the list."""
        habit = self._habit
        every = tables.table(seen.outputs[self._output])
        boxes = self._used(every)[:, self._columns.first_four]
        reason, sure = because(habit, seen)
        usual = Sign[Order]("cxcywh" if self._task == "obb" else habit.order, reason, sure)
        order = order_of(seen, every[:, self._columns.first_four], [named_order(self._output), usual])
        assert order  # the habit has one
        usual_unit = Sign[Unit](habit.unit, f"usual for {habit.exporter}") if habit.unit else None
        unit = unit_of(seen, boxes[(boxes != 0).any(axis=1)], usual_unit)
        # 0 is the background, where classes count from 1: without names, the model's own numbers are published.
        is_usual = habit is not DETECTION_OUTPUT or seen.names is not None
        first = first_class(seen, self._numbers, [Sign(habit.first_class, reason, sure) if is_usual else None])
        nms = nms_of(seen, every[:, self._columns.first_four], order.value)
        self.needs_nms, self.first = nms.value, first
        number = first.value if first else None
        self._list = Listing(
            seen.size, order.value, unit.value if unit else None, number, seen.named, bool(seen.boxes.unit)
        )
        self.classes, names = class_count(seen, None, self._numbers(seen.outputs), number)
        self.pinned = {
            **pinned(order, unit, first, nms),
            "columns": [*habit.columns] if self._columns == Columns.of(habit.columns) else None,
        }
        self.facts = [*listed_facts(order, unit, first, nms), *([names] if names else [])]
        self.is_named = first is not None

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        prototypes = prototypes_of(seen.outputs)
        rest = [name for name in seen.outputs if name != prototypes and not is_count(seen, name)]
        if len(rest) != 1 or len(seen.outputs) - len(rest) - bool(prototypes) > 1:
            return
        if tables.rows(seen.outputs[rest[0]]) is None or seen.outputs[rest[0]].shape[-1] < 6:
            return
        task = "segment" if prototypes else seen.task
        rows = tables.table(seen.outputs[rest[0]])
        fitting = [
            (habit, columns, sure)
            for habit, columns, sure in orders(seen, rest[0], rows.shape[1], task, prototypes)
            if _fits(rows, columns, habit, seen, task)
        ]
        alone = len(fitting) == 1 and len(_filled(rows)) > 0
        for habit, columns, sure in fitting:
            if seen.boxes.batch_column is not None:
                columns = replace(columns, batch=seen.boxes.batch_column)
            decoder = cls(seen, rest[0], habit, columns, task)
            decoder.sure = "proved" if alone and sure == "likely" else sure
            yield decoder
            if sure == "known":
                return

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        rows = self._used(finite(self._of_picture(outputs)))
        # All rows, not only confident ones: if scores and classes are confused, there may be none.
        if not is_whole(rows[:, self._columns.kind]):
            raise ModelError("its classes are not whole numbers")
        kept = rows[rows[:, self._columns.score] >= confidence] if self._task else rows
        boxes, tail = kept[:, self._columns.first_four], kept[:, 6:]
        more: dict[str, Array] = {}
        if self._task == "segment":
            more["coefficients"] = tail
        elif self._task == "pose":
            more["keypoints"] = _three(tail.reshape(len(kept), *self._points))
        elif self._task == "obb":
            more["corners"] = rotated(boxes[:, :2], boxes[:, 2:], tail[:, 0])
            boxes = np.concatenate((more["corners"].min(axis=1), more["corners"].max(axis=1)), axis=1)
        listing = replace(self._list, order="xyxy") if self._task == "obb" else self._list
        return listing.findings(boxes, kept[:, self._columns.score], kept[:, self._columns.kind], confidence, more)

    def finish(self, found: Findings, outputs: Outputs, placement: Placement) -> Findings:
        """Add masks to detections with coefficients."""
        if self._prototypes is None:
            return found
        made = masks(found.detections, np.asarray(outputs[self._prototypes], np.float32), placement, self._list.size)
        return Findings(with_masks(found.detections, made))

    def _of_picture(self, outputs: Outputs) -> Array:
        """The rows (float32 NxK) of one picture."""
        whole = outputs.whole[self._output] if isinstance(outputs, OfBatch) and self._is_of_batch else None
        if isinstance(outputs, OfBatch) and whole is not None and tables.rows(whole) is not None:
            every: Array = tables.table(whole)
            if self._columns.batch is not None:
                mine: Array = every[np.rint(every[:, self._columns.batch]) == outputs.picture]
                return mine
            if self._counts:
                ends = np.cumsum(tables.flat(outputs.whole[self._counts])).astype(int)
                return every[ends[outputs.picture - 1] if outputs.picture else 0 : ends[outputs.picture]]
        return tables.table(outputs[self._output])

    @property
    def _is_of_batch(self) -> bool:
        return self._columns.batch is not None or self._counts is not None

    def _used(self, rows: Array) -> Array:
        """The rows (float32 NxK) up to the end of the list, less those of no class."""
        if self._columns.batch is not None:
            ends = np.flatnonzero(rows[:, self._columns.batch] < -0.5)
            rows = rows[: ends[0]] if ends.size else rows
        return rows[rows[:, self._columns.kind] >= 0]

    def _numbers(self, outputs: Outputs) -> Array:
        """Class numbers (float32 N) of rows that stand for something."""
        numbers: Array = _filled(self._used(tables.table(outputs[self._output])))[:, self._columns.kind]
        return numbers if is_whole(numbers) else numbers[:0]


def _filled(rows: Array) -> Array:
    """The rows (float32 NxK) that stand for something: unused ones are zero, or -1."""
    return rows[(rows > 0).any(axis=1)] if rows.size else rows


def _fits(rows: Array, columns: Columns, habit: Habit, seen: Seen, task: str) -> bool:
    """True if scores are in 0..1, classes and pictures are whole numbers and boxes have an area."""
    if not np.isfinite(rows).all():
        return False
    every, rows = rows, _filled(rows)
    if not rows.size and 0 < len(every) < LEAST_ROOM:
        return False
    unused = rows[:, columns.kind] < 0
    if (rows[unused][:, columns.kind] != -1).any():
        return False
    rows = rows[~unused]
    if not rows.size:
        return True
    numbers, scores = rows[:, columns.kind], rows[:, columns.score]
    # Probabilities of what is not there are nearly 0.
    if not is_whole(numbers) or not is_share(scores) or (numbers.max() < 0.5 and (numbers != 0).any()):
        return False
    if columns.batch is not None:
        pictures = rows[:, columns.batch]
        if not is_whole(pictures) or pictures.max() >= max(seen.batch, 1) + 0.5:
            return False
    from_zero = seen.is_ultralytics or seen.boxes.first_class == 0
    if seen.named and numbers.max() > seen.named - 0.5 + (not from_zero):
        return False
    boxes = rows[scores > 0][:, columns.first_four]
    low, high = boxes[:, :2], boxes[:, 2:]
    is_cells = order_of(seen, rows[:, columns.first_four], [])
    if task != "obb" and boxes.size and not (is_cells and is_cells.value == "cxcywh") and seen.boxes.order != "cxcywh":
        slack = 1 if np.abs(boxes).max() > 2 else 0.01
        if not (high >= low - slack).all():
            return False
    if len(rows) >= ROOM:
        quiet(scores)
    return True


def _three(points: Array) -> Array:
    """Keypoints (float32 NxKx3) from NxKx2 or NxKx3; a missing confidence is 1."""
    return points if points.shape[2] == 3 else np.concatenate((points, np.ones_like(points[..., :1])), axis=2)
