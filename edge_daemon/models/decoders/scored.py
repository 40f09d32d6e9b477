"""Boxes (Nx4) beside a matrix of scores (NxC or CxN) that belong to no grid of finished boxes in pixels (`ppyoloe`).

- pytorch-YOLOv4: `boxes` 1xNx1x4 (corners as shares), `confs` 1xNxC, for each anchor; NMS is left to be done.
- YOLOv3 of the ONNX model zoo: boxes 1xNx4 (top first), scores 1xCxN, and indices Mx3 of what NMS has kept: picture,
  class, box.
- Core ML: `coordinates` Nx4 (centre and size as shares), `confidence` NxC; NMS is done.
"""

from collections.abc import Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import (
    RGB_SHARE,
    Array,
    Decoder,
    Outputs,
    Seen,
    best_of,
    finite,
    found,
    is_share,
    quiet,
)
from edge_daemon.models.decoders.grid import grid_of
from edge_daemon.models.decoders.listed import (
    Listing,
    listed_facts,
    nms_of,
    order_of,
    pinned,
    unit_of,
    whole_numbers,
)
from edge_daemon.models.detections import Findings
from edge_daemon.models.evidence import Sign
from edge_daemon.models.preprocess import Recipe
from edge_daemon.settings import Order

ROOM = 100
"""With more rows than this, NMS is likely left to be done."""
_YOLOV4 = Recipe(fit="stretch", color="rgb", scale=1 / 255)


class Scored(Decoder):
    """Decodes boxes and scores; `kept` is an output with the indices of what NMS has kept, or None."""

    name = "scored"
    reads = frozenset({"order", "unit", "nms"})

    def __init__(
        self, seen: Seen, boxes: str, scores: str, kept: str | None, *, transposed: bool, classes: int
    ) -> None:
        self.classes: int = classes
        self._boxes, self._scores, self._kept, self._transposed = boxes, scores, kept, transposed
        every = _table(seen.outputs[boxes])
        order = order_of(seen, every, [_usual_order(boxes, kept)])
        assert order
        unit = unit_of(seen, every)
        nms = Sign(False, f"{kept} has the indices", "known") if kept else nms_of(seen, every, order.value)
        if not nms.value and len(every) > ROOM and not kept and seen.boxes.nms is None:
            nms = Sign(True, f"there are {len(every)} rows")
        self.needs_nms = nms.value
        self._list = Listing(seen.size, order.value, unit.value if unit else None)
        self.facts = listed_facts(order, unit, Sign(0, "scores are in columns", "known"), nms)
        self.pinned = pinned(order, unit, None, nms)
        self.recipe = RGB_SHARE if kept else _YOLOV4
        what = "the indices of those that NMS has kept" if kept else ""
        self.why = f"boxes and {classes} scores for each" + (f", and {what}" if what else "")

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        outputs = seen.outputs
        kept = next((name for name, array in outputs.items() if _are_indices(array)), None)
        rest = {name: array for name, array in outputs.items() if name != kept}
        if len(rest) != 2:
            return
        for boxes, scores in (tuple(rest), tuple(rest)[::-1]):
            rows = tables.rows(rest[boxes]) if rest[boxes].shape[-1:] == (4,) else None
            matrix = tables.matrix(rest[scores])
            if rows is None or matrix is None or rows not in matrix.shape or whole_numbers(matrix):
                continue
            if not kept and _is_grid(seen, rest[boxes], rows):
                continue
            transposed = matrix.shape[0] != rows
            by_row = np.asarray(matrix.T if transposed else matrix, np.float32)
            if (not is_share(by_row) and by_row.size) or by_row.shape[1] < 1:
                continue
            if by_row.min() == by_row.max() if by_row.size else not _named(boxes, scores):
                continue
            # One score that is a list is a class's only if there are no classes beside it; softmaxes are SSD's.
            if by_row.shape[1] == 1 or (by_row.size and _are_softmaxes(by_row)):
                continue
            if len(by_row) >= ROOM:
                quiet(by_row.max(axis=1, initial=0))
            yield cls(seen, boxes, scores, kept, transposed=transposed, classes=by_row.shape[1])
            return

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        boxes, matrix = _table(outputs[self._boxes]), tables.matrix(outputs[self._scores])
        if matrix is None or not matrix.size:
            return found(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))
        scores = finite(np.asarray(matrix.T if self._transposed else matrix, np.float32))
        if len(scores) != len(boxes):
            raise ModelError(f"it returns {len(boxes)} boxes, and scores for {len(scores)}")
        if self._kept is not None:
            return self._indexed(outputs[self._kept], boxes, scores, confidence)
        rows, top, best = best_of(scores, confidence)
        return found(self._list.boxes(finite(boxes[rows])), top, best)

    def _indexed(self, indices: NDArray[np.generic], boxes: Array, scores: Array, confidence: float) -> Findings:
        table = np.asarray(indices, np.int64).reshape(-1, 3)
        table = table[table[:, 0] >= 0]
        kinds, rows = table[:, 1], table[:, 2]
        if table.size and (rows.max() >= len(boxes) or kinds.max() >= scores.shape[1] or table.min() < 0):
            raise ModelError("its indices lie outside its boxes and scores")
        sure = scores[rows, kinds] >= confidence
        rows, kinds = rows[sure], kinds[sure]
        return found(self._list.boxes(finite(boxes[rows])), scores[rows, kinds], kinds)


def _table(array: NDArray[np.generic]) -> Array:
    return tables.table(array) if array.size else np.empty((0, 4), np.float32)


def _are_indices(array: NDArray[np.generic]) -> bool:
    return whole_numbers(array) and array.ndim in (2, 3) and array.shape[-1] == 3


def _named(boxes: str, scores: str) -> bool:
    """True if names say what is what, where both are empty."""
    is_boxes = any(word in boxes.lower() for word in ("coord", "box"))
    return is_boxes and any(word in scores.lower() for word in ("conf", "score", "prob"))


def _is_grid(seen: Seen, boxes: NDArray[np.generic], rows: int) -> bool:
    """True if the boxes are those of `ppyoloe`: in pixels, one for each cell."""
    return bool(grid_of(rows, seen.size)) and float(np.abs(boxes).max()) > 2


def _are_softmaxes(scores: Array) -> bool:
    return scores.shape[1] > 1 and bool((np.abs(scores.sum(axis=1) - 1) < 0.02).all())


def _usual_order(boxes: str, kept: str | None) -> Sign[Order]:
    if kept:
        return Sign("yxyx", "usual for boxes beside the indices of NMS")
    if "coord" in boxes.lower():
        return Sign("cxcywh", f"the name {boxes}, as Core ML has")
    return Sign("xyxy", "usual for boxes beside scores")
