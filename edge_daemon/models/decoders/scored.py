"""Boxes (Nx4 or 4xN) beside a matrix of scores (NxC or CxN), unless they are finished boxes of a grid (`ppyoloe`).

- pytorch-YOLOv4: `boxes` 1xNx1x4 (corners as shares), `confs` 1xNxC, for each anchor; NMS is left to be done.
- YOLOv3 of the ONNX model zoo: boxes 1xNx4 (top first), scores 1xCxN, and indices Mx3 of what NMS has kept: picture,
  class, box.
- YOLOv8 cut in front of its last concatenation (Hailo, Axera, Qualcomm): centre and size in pixels for each cell, and
  probabilities or logits.
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
    activated,
    activation_fact,
    best_of,
    finite,
    found,
    is_share,
    quiet,
    sigmoid,
)
from edge_daemon.models.decoders.grid import centred, cornered
from edge_daemon.models.decoders.listed import (
    Listing,
    cells_of,
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
    reads = frozenset({"order", "unit", "nms", "activation"})

    def __init__(
        self, seen: Seen, boxes: str, scores: str, kept: str | None, *, transposed: bool, classes: int
    ) -> None:
        self.classes: int = classes
        self._boxes, self._scores, self._kept, self._transposed = boxes, scores, kept, transposed
        every = _boxes_of(seen.outputs[boxes])
        assert every is not None
        activation = activated(_by_row(seen.outputs[scores], transposed=transposed), seen)
        self._logits = activation.value == "sigmoid"
        order = order_of(seen, every, [_usual_order(boxes, kept)])
        assert order
        unit = unit_of(seen, every)
        nms = Sign(False, f"{kept} has the indices", "known") if kept else nms_of(seen, every, order.value)
        if not nms.value and len(every) > ROOM and not kept and seen.boxes.nms is None:
            nms = Sign(True, f"there are {len(every)} rows")
        self.needs_nms = nms.value
        self._list = Listing(seen.size, order.value, unit.value if unit else None, unit_stated=bool(seen.boxes.unit))
        first = Sign(0, "scores are in columns", "known")
        self.facts = [*listed_facts(order, unit, first, nms), *activation_fact(activation)]
        self.pinned = {**pinned(order, unit, None, nms), "activation": activation.value}
        is_cut = order.value == "cxcywh" and cells_of(seen, len(every)) is not None
        self.recipe = RGB_SHARE if kept or is_cut else _YOLOV4
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
            places, matrix = _boxes_of(rest[boxes]), tables.matrix(rest[scores])
            if places is None or matrix is None or len(places) not in matrix.shape or whole_numbers(matrix):
                continue
            transposed = matrix.shape[0] != len(places)
            by_row = _by_row(rest[scores], transposed=transposed)
            if _fits(seen, places, by_row, is_named=_named(boxes, scores), is_listed=kept is not None):
                yield cls(seen, boxes, scores, kept, transposed=transposed, classes=by_row.shape[1])
                return

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        boxes = _boxes_of(outputs[self._boxes])
        if boxes is None or not boxes.size:
            return found(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))
        scores = finite(_by_row(outputs[self._scores], transposed=self._transposed))
        if len(scores) != len(boxes):
            raise ModelError(f"it returns {len(boxes)} boxes, and scores for {len(scores)}")
        scores = sigmoid(scores) if self._logits else scores
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


def _boxes_of(array: NDArray[np.generic]) -> Array | None:
    """Boxes (float32 Nx4) from ...xNx4 or ...x4xN; None if the array has other axes."""
    if array.shape[-1:] == (4,):
        if not array.size:
            return np.empty((0, 4), np.float32)
        return tables.table(array) if tables.rows(array) is not None else None
    matrix = tables.matrix(array)
    return np.asarray(matrix.T, np.float32) if matrix is not None and matrix.shape[0] == 4 else None


def _by_row(array: NDArray[np.generic], *, transposed: bool) -> Array:
    """Scores (float32 NxC) of each box."""
    matrix = tables.matrix(array)
    assert matrix is not None
    return np.asarray(matrix.T if transposed else matrix, np.float32)


def _fits(seen: Seen, boxes: Array, scores: Array, *, is_named: bool, is_listed: bool) -> bool:
    """True if boxes (float32 Nx4) and scores (NxC) can be such a model's; `is_listed`: beside the indices of NMS.

    Raises:
        ModelError: they are, but most scores are high.
    """
    if not scores.size:
        return is_named
    grid = cells_of(seen, len(boxes))
    is_cut = grid is not None and centred(boxes, grid)
    of_grid = is_cut or (grid is not None and cornered(boxes, grid))
    if is_share(scores):
        # One score that is a list is a class's only if there are no classes beside it; softmaxes are SSD's.
        if not is_cut and (scores.shape[1] == 1 or _are_softmaxes(scores) or (of_grid and not is_listed)):
            return False
    elif not of_grid or activated(scores, seen).value != "sigmoid":
        return False
    if scores.min() == scores.max():
        return False
    if len(scores) >= ROOM:
        quiet((scores if is_share(scores) else sigmoid(scores)).max(axis=1))
    return True


def _are_indices(array: NDArray[np.generic]) -> bool:
    return whole_numbers(array) and array.ndim in (2, 3) and array.shape[-1] == 3


def _named(boxes: str, scores: str) -> bool:
    """True if names show which is which, where both are empty."""
    is_boxes = any(word in boxes.lower() for word in ("coord", "box"))
    return is_boxes and any(word in scores.lower() for word in ("conf", "score", "prob"))


def _are_softmaxes(scores: Array) -> bool:
    return scores.shape[1] > 1 and bool((np.abs(scores.sum(axis=1) - 1) < 0.02).all())


def _usual_order(boxes: str, kept: str | None) -> Sign[Order]:
    if kept:
        return Sign("yxyx", "usual for boxes beside the indices of NMS")
    if "coord" in boxes.lower():
        return Sign("cxcywh", f"the name {boxes}, as Core ML has")
    return Sign("xyxy", "usual for boxes beside scores")
