"""Finished detections, one row each: 1xNx(6+T), Nx6 or Nx7, from models that include NMS or need none.

- YOLOv10, YOLO26 and Ultralytics' `nms=True`: left, top, right, bottom, score, class, and a tail for other tasks:
  mask coefficients (with an output of prototypes), keypoints, or an angle (oriented boxes, whose first four columns
  are centre and size). Unused rows are zero or have low scores.
- YOLOv7's `--end2end` for ONNX Runtime: index in the batch, left, top, right, bottom, class, score.
- YOLO-NAS exported by super-gradients (`flat`): index in the batch, left, top, right, bottom, score, class.
- PaddleDetection: class, score, left, top, right, bottom, with an output that counts the rows; unused ones have
  class -1.
"""

from collections.abc import Iterator
from typing import Literal, Self

import numpy as np

from edge_daemon.errors import ModelError
from edge_daemon.models.decoders.decoder import (
    RGB_SHARE,
    Array,
    Decoder,
    Outputs,
    Seen,
    checked,
    finite,
    found,
    is_share,
    quiet,
)
from edge_daemon.models.decoders.prototypes import masks, prototypes_of, with_masks
from edge_daemon.models.decoders.yolov8 import kpt_shape, rotated
from edge_daemon.models.detections import Findings
from edge_daemon.models.preprocess import Placement, Recipe

Order = Literal["ultralytics", "yolov7", "flat", "paddle"]
_COLUMNS: dict[Order, tuple[slice, int, int]] = {  # positions of box, score and class
    "ultralytics": (slice(0, 4), 4, 5),
    "yolov7": (slice(1, 5), 6, 5),
    "flat": (slice(1, 5), 5, 6),
    "paddle": (slice(2, 6), 1, 0),
}
_SAID: dict[Order, str] = {
    "ultralytics": "box, score, class",
    "yolov7": "number, box, class, score",
    "flat": "number, box, score, class",
    "paddle": "class, score, box",
}
SHARES = 2
"""Real boxes extend further than this many pixels from the corner; smaller coordinates are shares of the picture."""
ROOM = 100
"""With this many rows, most are unused."""
_PADDLE = Recipe(fit="stretch", color="rgb", scale=1 / 255)


class Rows(Decoder):
    """Decodes rows with one order of columns."""

    name = "rows"
    needs_nms = False

    def __init__(self, size: tuple[int, int], output: str, order: Order, task: str, prototypes: str | None) -> None:
        self.recipe = _PADDLE if order == "paddle" else RGB_SHARE
        self._size, self._output, self._order, self._task, self._prototypes = size, output, order, task, prototypes
        self._points = (0, 0)
        self.why = f"finished rows of {_SAID[order]}" + (f", {task}" if task not in ("", "detect") else "")

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        prototypes = prototypes_of(seen.outputs)
        rest = [name for name in seen.outputs if name != prototypes]
        counts = [name for name in rest if seen.outputs[name].size == 1 and seen.outputs[name].dtype != np.float32]
        tables = [name for name in rest if name not in counts]
        if len(tables) != 1 or len(counts) > 1:
            return
        table = seen.outputs[tables[0]]
        if table.ndim not in (2, 3) or table.shape[-1] < 6 or (table.ndim == 3 and table.shape[0] != 1):
            return
        rows = np.asarray(table.reshape(-1, table.shape[-1]), np.float32)
        task = "segment" if prototypes else seen.task
        if not _has_tail(rows.shape[1] - 6, task, seen, prototypes):
            return
        for order in _orders(rows, table.ndim, counts=bool(counts), task=task):
            if _fits(rows, order, seen):
                decoder = cls(seen.size, tables[0], order, task, prototypes)
                if task == "pose":
                    decoder._points = kpt_shape(seen)
                yield decoder

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        table = np.asarray(outputs[self._output], np.float32)
        rows = finite(table.reshape(-1, table.shape[-1]))
        box, score, kind = _COLUMNS[self._order]
        rows = rows[rows[:, kind] >= 0]
        # All rows, not only confident ones: if scores and classes are confused, there may be none.
        if not _whole(rows[:, kind]):
            raise ModelError("its classes are not whole numbers")
        kept = rows[checked(rows[:, score]) >= confidence]
        if kept.size and np.abs(kept[:, box]).max() <= SHARES:
            raise ModelError("its boxes are shares of the picture, but must be in pixels")
        boxes, tail = kept[:, box], kept[:, 6:]
        more: dict[str, Array] = {}
        if self._task == "segment":
            more["coefficients"] = tail
        elif self._task == "pose":
            more["keypoints"] = _three(tail.reshape(len(kept), *self._points))
        elif self._task == "obb":
            more["corners"] = rotated(boxes[:, :2], boxes[:, 2:], tail[:, 0])
            boxes = np.concatenate((more["corners"].min(axis=1), more["corners"].max(axis=1)), axis=1)
        return found(boxes, kept[:, score], np.rint(kept[:, kind]), **more)

    def finish(self, found: Findings, outputs: Outputs, placement: Placement) -> Findings:
        """Add masks to detections with coefficients."""
        if self._prototypes is None:
            return found
        made = masks(found.detections, np.asarray(outputs[self._prototypes], np.float32), placement, self._size)
        return Findings(with_masks(found.detections, made))


def _has_tail(columns: int, task: str, seen: Seen, prototypes: str | None) -> bool:
    """True if the task needs this number of columns after box, score and class."""
    if task == "segment":
        return prototypes is not None and columns == seen.outputs[prototypes].shape[1]
    if task == "pose":
        points, each = kpt_shape(seen)
        return columns == points * each
    return columns == 1 if task == "obb" else columns in (0, 1)


def _orders(rows: Array, axes: int, *, counts: bool, task: str) -> Iterator[Order]:
    columns = rows.shape[1]
    if counts or (columns == 6 and axes == 2):
        if columns == 6:
            yield "paddle"
        return
    if columns == 7 and axes == 2:
        yield "yolov7"
        yield "flat"
    elif columns == 6 or (columns > 6 and task in ("segment", "pose", "obb")):
        yield "ultralytics"


def _fits(rows: Array, order: Order, seen: Seen) -> bool:
    """True if scores are in 0..1, classes are whole numbers and boxes are upright, or if the table is empty."""
    box, score, kind = _COLUMNS[order]
    rows = rows[rows[:, kind] >= 0]
    classes = rows[:, kind]
    if not np.isfinite(rows).all() or not _whole(classes):
        return False
    if seen.named and classes.size and classes.max() > seen.named - 0.5:
        return False
    if seen.task == "obb" or not rows.size:
        return is_share(rows[:, score]) or not rows.size
    left, top, right, bottom = rows[:, box].T
    sure = rows[:, score] > 0
    if sure.any() and np.abs(rows[sure][:, box]).max() <= SHARES:
        return False
    upright = (right[sure] >= left[sure] - 1) & (bottom[sure] >= top[sure] - 1)
    if not is_share(rows[:, score]) or not upright.all():
        return False
    if len(rows) >= ROOM:
        quiet(rows[:, score])
    return True


def _whole(classes: Array) -> bool:
    return bool((np.abs(classes - np.rint(classes)) < 1e-3).all())


def _three(points: Array) -> Array:
    """Keypoints (float32 NxKx3) from NxKx2 or NxKx3; a missing confidence is 1."""
    return points if points.shape[2] == 3 else np.concatenate((points, np.ones_like(points[..., :1])), axis=2)
