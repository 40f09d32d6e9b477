"""Finished detections in columns: boxes (1xNx4), scores and classes (1xN each), and optionally their number.

- MMDeploy (RTMDet and others of MMDetection): `dets` 1xNx5 with the score last, and `labels`.
- TensorRT's NMS plugins and exports like them: `num_dets`, `det_boxes`, `det_scores`, `det_classes`.
- RT-DETR, D-FINE, DEIM deployed: `labels`, `boxes`, `scores`, with the picture's size as a second input.
- torchvision: `boxes` Nx4, `labels`, `scores`; classes count from 1.
- TensorFlow's object detection: `detection_boxes` (top, left, bottom, right), `detection_classes` from 1,
  `detection_scores`, `num_detections`; boxes are shares of the picture.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

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
from edge_daemon.models.detections import Findings
from edge_daemon.models.preprocess import Recipe

_TENSORFLOW = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
ROOM = 100
"""With this many rows, most are unused."""
_MMDET = Recipe(fit="corner", color="bgr", scale=1.0, mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395))
_WHOLE = Recipe(fit="stretch", color="rgb", scale=1 / 255)
_BYTES = Recipe(fit="stretch", color="rgb", scale=1.0)


@dataclass(frozen=True)
class Columns:
    """Output names by role; without `scores`, scores are the fifth column of the boxes."""

    boxes: str
    classes: str
    scores: str | None = None
    count: str | None = None


class Finished(Decoder):
    """Decodes finished detections given as columns."""

    name = "finished"
    needs_nms = False

    def __init__(self, size: tuple[int, int], columns: Columns, seen: Seen) -> None:
        self._size, self._columns = size, columns
        names = [name.lower() for name in (columns.boxes, columns.classes)]
        tensorflow = any(name.startswith("detection_") for name in names)
        self._y_first = tensorflow
        self._from_one = tensorflow or (seen.outputs[columns.boxes].ndim == 2 and columns.count is None)
        self.recipe = _recipe(columns, tensorflow=tensorflow, seen=seen)
        self.classes = _classes(seen, columns, from_one=self._from_one)
        order = "top, left, bottom, right" if self._y_first else "left, top, right, bottom"
        first = ", classes from 1" if self._from_one else ""
        self.why = f"finished boxes ({order}), scores and classes as columns{first}"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        # TensorFlow's newer exports have eight outputs, the four among them.
        four = {name: array for name, array in seen.outputs.items() if name in _TENSORFLOW}
        if columns := _roles(four if len(four) == len(_TENSORFLOW) else seen.outputs):
            scores = _flat(seen.outputs[columns.scores or columns.boxes])
            if columns.scores and len(scores) >= ROOM:
                quiet(scores)
            yield cls(seen.size, columns, seen)

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        boxes = np.asarray(outputs[self._columns.boxes], np.float32)
        boxes = boxes.reshape(-1, boxes.shape[-1])
        scores = boxes[:, 4] if self._columns.scores is None else _flat(outputs[self._columns.scores])
        classes = _flat(outputs[self._columns.classes])
        rows = min(len(boxes), self._count(outputs, len(boxes)))
        if not len(boxes) == len(scores) == len(classes):
            raise ModelError(f"it returns {len(boxes)} boxes, {len(scores)} scores and {len(classes)} classes")
        boxes, scores, classes = boxes[:rows, :4], checked(finite(scores[:rows])), classes[:rows] - self._from_one
        sure = scores >= confidence
        named = finite(classes[sure])
        if not (np.abs(named - np.rint(named)) < 1e-3).all():
            raise ModelError("its classes are not whole numbers")
        if self._from_one and (named < -0.5).any():
            raise ModelError("it returns class 0, but its classes count from 1")
        kept = sure & (classes >= 0)
        chosen = boxes[kept][:, [1, 0, 3, 2]] if self._y_first else boxes[kept]
        # Pixels or shares of the picture? No real box is as small as two pixels.
        if chosen.size and np.abs(chosen).max() <= 2:
            chosen = chosen * np.array([self._size[1], self._size[0]] * 2, np.float32)
        return found(chosen, scores[kept], np.rint(classes[kept]))

    def _count(self, outputs: Outputs, rows: int) -> int:
        if self._columns.count is None:
            return rows
        counts = outputs[self._columns.count].ravel()
        count = float(counts[0]) if counts.size else 0.0
        if not 0 <= count <= rows:
            raise ModelError(f"it reports {count:.6g} detections, with room for {rows}")
        return int(count)


def _flat(values: NDArray[np.generic]) -> Array:
    return np.asarray(values, np.float32).ravel()


def _roles(outputs: Outputs) -> Columns | None:
    """Output names by role, from shapes and names; None if the outputs have another layout."""
    tables = [name for name, array in outputs.items() if array.ndim in (2, 3) and array.shape[-1] in (4, 5)]
    tables = [
        name for name in tables if len(outputs) > 1 and outputs[name].ndim == max(outputs[n].ndim for n in tables)
    ]
    if len(tables) != 1 or not 2 <= len(outputs) <= 4:
        return None
    boxes = tables[0]
    if outputs[boxes].ndim == 3 and outputs[boxes].shape[0] != 1:
        return None
    rows = outputs[boxes].shape[-2]
    lists = {name: array for name, array in outputs.items() if name != boxes and array.size == rows}
    others = {name: array for name, array in outputs.items() if name != boxes and name not in lists}
    if rows == 1 and len(lists) == 3:
        others = {name: lists.pop(name) for name in list(lists) if "num" in name.lower()}
    if len(others) > 1 or any(array.size != 1 for array in others.values()):
        return None
    count = next(iter(others), None)
    if outputs[boxes].shape[-1] == 5:
        return Columns(boxes, next(iter(lists)), None, count) if len(lists) == 1 else None
    classes = _classes_among(lists)
    if len(lists) != 2 or classes is None:
        return None
    return Columns(boxes, classes, next(name for name in lists if name != classes), count)


def _classes_among(lists: Mapping[str, NDArray[np.generic]]) -> str | None:
    """The one of two lists that holds classes: it has integers, or its name says so."""
    whole = [name for name, array in lists.items() if np.issubdtype(array.dtype, np.integer)]
    named = [name for name in lists if any(word in name.lower() for word in ("label", "class", "cls"))]
    unlike = [name for name, array in lists.items() if not is_share(array)]
    for found_ in (whole, named, unlike):
        if len(found_) == 1:
            return found_[0]
    return None


def _recipe(columns: Columns, *, tensorflow: bool, seen: Seen) -> Recipe:
    if columns.scores is None:
        return _MMDET
    if tensorflow:
        return _BYTES
    return _WHOLE if columns.count is None else RGB_SHARE


def _classes(seen: Seen, columns: Columns, *, from_one: bool) -> int | None:
    """80, or 90 (COCO with its gaps), if classes in that range occur; nothing else shows the number of classes."""
    labels = finite(_flat(seen.outputs[columns.classes]))
    highest = int(labels.max()) - from_one if labels.size and seen.named is None else 0
    if from_one:
        return 90 if 60 <= highest < 90 else None
    return 80 if 60 <= highest < 80 else 90 if 80 <= highest < 90 else None
