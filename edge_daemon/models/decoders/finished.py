"""Detections in columns: an output of boxes (Nx4), one of scores and one of classes (N each), with or without an axis
for the batch, and optionally their number.

- MMDeploy (RTMDet and others of MMDetection): `dets` Nx5 with the score last, and `labels`; masks of RTMDet-Ins.
- TensorRT's NMS plugins and exports like them: `num_dets`, `det_boxes`, `det_scores`, `det_classes`.
- RT-DETR, D-FINE, DEIM deployed: `labels`, `boxes`, `scores`, with the picture's size as a second input.
- torchvision: `boxes`, `labels`, `scores`, and `masks` or `keypoints`; classes count from 1.
- TensorFlow's object detection: `detection_boxes` (top, left, bottom, right), `detection_classes` from 1,
  `detection_scores`, `num_detections`; TFLite's post-processing: the same in that order, with classes from 0. Boxes are
  shares of the picture.
- Azure Custom Vision: `detected_boxes`, `detected_classes` from 0, `detected_scores`; shares.
- RTMO: `dets` Nx5 and `keypoints` NxKx3, of people only.
- DeepStream-Yolo of 2023: centre and size for each cell, with NMS left to be done.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from edge_daemon.errors import ModelError
from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import (
    RGB_SHARE,
    Array,
    Outputs,
    Seen,
    checked,
    finite,
    quiet,
)
from edge_daemon.models.decoders.finished_columns import Columns, columns_of
from edge_daemon.models.decoders.listed import (
    MANY,
    Listed,
    Listing,
    class_count,
    is_whole,
    listed_facts,
    nms_of,
    order_of,
    pinned,
    unit_of,
    whole_numbers,
)
from edge_daemon.models.decoders.numbering import first_class
from edge_daemon.models.decoders.prototypes import with_masks
from edge_daemon.models.detections import Findings
from edge_daemon.models.evidence import Sign, Sure
from edge_daemon.models.preprocess import Placement, Recipe
from edge_daemon.settings import Order, Unit

ROOM = 100
"""With this many rows, most are unused."""
_RTMDET = Recipe(fit="corner", color="bgr", scale=1.0, mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395))
_MMDET = Recipe(
    fit="corner", color="rgb", scale=1.0, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375), pad=0
)
_WHOLE = Recipe(fit="stretch", color="rgb", scale=1 / 255)
_BYTES = Recipe(fit="stretch", color="rgb", scale=1.0)
_BGR_BYTES = Recipe(fit="stretch", color="bgr", scale=1.0)
_BOTH_SIDES = Recipe(fit="stretch", color="rgb", scale=1 / 127.5, mean=(1.0,))
_RTMO = Recipe(fit="corner", color="bgr", scale=1.0)


@dataclass(frozen=True)
class Family:
    """Exporters of such columns, and what they do unless there is another sign."""

    exporter: str
    recipe: Recipe
    order: Order = "xyxy"
    first_class: int | None = 0
    unit: Unit | None = None
    certain: bool = False


class Finished(Listed):
    """Decodes detections given as columns."""

    name = "finished"
    reads = frozenset({"order", "unit", "first_class", "nms"})

    def __init__(self, seen: Seen, columns: Columns, family: Family) -> None:
        self._columns, self.recipe, self.left_out = columns, family.recipe, columns.left_out
        every = _table(seen.outputs, columns.boxes)
        sure: Sure = "known" if family.certain else "likely"
        because = f"usual for {family.exporter}"
        usual = Sign[Order](family.order, because, sure)
        order = order_of(seen, every, [usual])
        assert order
        boxes, numbers = _used(seen.outputs, columns)
        usual_unit = Sign[Unit](family.unit, because, sure) if family.unit else None
        unit = unit_of(seen, boxes, usual_unit)
        # Without names nothing but the numbers is published, and those are the model's own.
        is_usual = family.first_class is not None and (seen.names is not None or family.certain)
        habit = Sign(family.first_class or 0, because, sure) if is_usual else None
        first: Sign[int] | None = (
            first_class(seen, lambda outputs: _used(outputs, columns)[1], [habit])
            if columns.classes
            else Sign(0, "there is one class", "known")
        )
        nms = nms_of(seen, every, order.value)
        self.needs_nms, self.first = nms.value, first
        number = first.value if first else None
        self._list = Listing(
            seen.size, order.value, unit.value if unit else None, number, seen.named, bool(seen.boxes.unit)
        )
        self.classes, names = class_count(seen, columns.classes, numbers, number)
        if columns.classes is None:
            self.classes = 1
        self.pinned = pinned(order, unit, first if columns.classes else None, nms)
        self.facts = [*listed_facts(order, unit, first, nms), *([names] if names else [])]
        self.why = f"boxes, scores and classes as columns, as by {family.exporter}"
        self.is_named = first is not None

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        ways = list(columns_of(seen))
        for columns in ways:
            scores = _scores(seen.outputs, columns)
            if columns.scores and len(scores) >= ROOM:
                quiet(scores)
            decoder = cls(seen, columns, _family(seen, columns))
            if len(ways) > 1:  # neither names nor values show which are the scores
                decoder.sure = "likely"
                decoder.why += f", scores in {columns.scores}"
            yield decoder

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        boxes, scores = _table(outputs, self._columns.boxes), _scores(outputs, self._columns)
        classes = _classes(outputs, self._columns, len(boxes))
        if not len(boxes) == len(scores) == len(classes):
            raise ModelError(f"it returns {len(boxes)} boxes, {len(scores)} scores and {len(classes)} classes")
        rows = slice(0, _count(outputs, self._columns, len(boxes)))
        sure = checked(finite(scores[rows])) >= confidence
        kept = np.flatnonzero(sure & (classes[rows] >= 0))
        more: dict[str, Array] = {}
        if self._columns.keypoints:
            points = _points(outputs, self._columns)
            if len(points) != len(boxes):
                raise ModelError(f"it returns {len(boxes)} boxes, and keypoints for {len(points)}")
            more["keypoints"] = points[rows][kept]
        if self._columns.masks:
            more["coefficients"] = kept[:, None].astype(np.float32)
        return self._list.findings(boxes[rows][kept], scores[rows][kept], classes[rows][kept], confidence, more)

    def finish(self, found: Findings, outputs: Outputs, placement: Placement) -> Findings:
        """Add the masks of the selected detections; each carries its row as its coefficient."""
        if self._columns.masks is None:
            return found
        made = self._columns.masks.of(found.detections, outputs, placement, self._list.size)
        return Findings(with_masks(found.detections, made))


def _table(outputs: Outputs, name: str) -> Array:
    return finite(tables.table(outputs[name])[:, :4]) if outputs[name].size else np.empty((0, 4), np.float32)


def _scores(outputs: Outputs, columns: Columns) -> Array:
    if columns.scores:
        return tables.flat(outputs[columns.scores])
    return tables.table(outputs[columns.boxes])[:, 4] if outputs[columns.boxes].size else np.empty(0, np.float32)


def _classes(outputs: Outputs, columns: Columns, rows: int) -> Array:
    return tables.flat(outputs[columns.classes]) if columns.classes else np.zeros(rows, np.float32)


def _count(outputs: Outputs, columns: Columns, rows: int) -> int:
    if columns.count is None:
        return rows
    counts = outputs[columns.count].ravel()
    count = float(counts[0]) if counts.size else 0.0
    if not 0 <= count <= rows:
        raise ModelError(f"it reports {count:.6g} detections, with room for {rows}")
    return int(count)


def _points(outputs: Outputs, columns: Columns) -> Array:
    """Keypoints (float32 NxKx3), with scores of their own if there are any."""
    assert columns.keypoints
    array = np.asarray(outputs[columns.keypoints], np.float32)
    points = array.reshape(int(np.prod(array.shape[:-2])), *array.shape[-2:])
    if columns.point_scores:
        # torchvision's third number shows only that a point is in the picture; its scores are logits of heat maps.
        scores = np.asarray(outputs[columns.point_scores], np.float32).reshape(points.shape[:2])
        points = np.concatenate((points[..., :2], 1 / (1 + np.exp(-scores))[..., None]), axis=2)
    return finite(points)


def _used(outputs: Outputs, columns: Columns) -> tuple[Array, Array]:
    """Boxes (float32 Nx4) and class numbers (N) of rows that stand for something; padding has no size or no score."""
    boxes, scores = _table(outputs, columns.boxes), _scores(outputs, columns)
    classes = _classes(outputs, columns, len(boxes))
    rows = min(len(boxes), len(scores), len(classes))
    count = min(rows, _count(outputs, columns, rows)) if columns.count else rows
    boxes, scores, classes = boxes[:count], scores[:count], classes[:count]
    filled = (scores > 0) & (boxes[:, 2:] != boxes[:, :2]).all(axis=1) & (classes >= 0)
    return boxes[filled], classes[filled] if is_whole(classes[filled]) else classes[:0]


def _family(seen: Seen, columns: Columns) -> Family:
    """The exporters that the names, the graph and the helper inputs point to."""
    names = [name.lower().split(":")[0].split("/")[-1] for name in (columns.boxes, columns.classes or "")]
    if names[0] == "detection_boxes":
        return Family("TensorFlow", _BYTES, "yxyx", 1, "share", certain=True)
    if _is_tflite(seen, columns, names[0]):
        return Family("TFLite's post-processing", _BOTH_SIDES, "yxyx", 0, "share")
    if names[0].startswith("detected_"):
        return Family("Azure Custom Vision", _BGR_BYTES, "xyxy", 0, "share")
    if columns.keypoints and columns.classes is None:
        return Family("RTMO", _RTMO, certain=True)
    if columns.scores is None:
        return _mmdet(seen, columns)
    if any(name in seen.helpers for name in ("orig_target_sizes", "target_sizes")):
        # Those of COCO may be exported with its category ids, which count from 1.
        return Family("RT-DETR, D-FINE and DEIM", _WHOLE, first_class=None, certain=True)
    if columns.count:
        return Family("TensorRT's NMS", RGB_SHARE, certain="num_det" in columns.count.lower())
    if (names == ["boxes", "labels"] and "RoiAlign" in seen.graph.operators) or columns.point_scores or columns.masks:
        return Family("torchvision", _WHOLE, first_class=1)
    rows = tables.rows(seen.outputs[columns.boxes]) or 0
    if rows > MANY:
        return Family("DeepStream-Yolo", RGB_SHARE)
    if seen.outputs[columns.boxes].ndim == 3 and rows == 300:
        return Family("RT-DETR, D-FINE and DEIM", _WHOLE)
    return Family("own exports", _WHOLE, first_class=None)


def _is_tflite(seen: Seen, columns: Columns, boxes: str) -> bool:
    """True if there are four outputs as TFLite's post-processing has them: shares, floating-point classes, a count."""
    if "postprocess" in boxes or "TFLite_Detection_PostProcess" in seen.graph.operators:
        return True
    if not columns.count or not seen.channels_last or not columns.classes:
        return False
    return not whole_numbers(seen.outputs[columns.classes]) and not whole_numbers(seen.outputs[columns.count])


def _mmdet(seen: Seen, columns: Columns) -> Family:
    """MMDeploy's, of one stage (RTMDet: BGR) or two (RGB), or OpenVINO's zoo, which takes bytes."""
    names = [name.lower() for name in (columns.boxes, columns.classes or "")]
    if names[0] != "dets":
        return Family("OpenVINO's training extensions", _BGR_BYTES, first_class=0 if names[0] == "boxes" else None)
    return Family(
        "MMDetection", _MMDET if "RoiAlign" in seen.graph.operators else _RTMDET, certain=names[1] == "labels"
    )
