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

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import (
    RGB_SHARE,
    Array,
    Outputs,
    Seen,
    finite,
    is_share,
    quiet,
)
from edge_daemon.models.decoders.instance_masks import Masks, masks_among
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
from edge_daemon.models.evidence import Sign
from edge_daemon.models.preprocess import Placement, Recipe
from edge_daemon.settings import Order, Unit

_POINTS = (5, 17, 21, 26, 133)
"""Numbers of keypoints in common sets."""
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
class Columns:
    """Output names by role; without `scores`, scores are the fifth column of the boxes, and without `classes` there is
    one class. `count` is the number of rows in use; `keypoints` (NxKx3) may have their scores apart (NxK).
    """

    boxes: str
    classes: str | None = None
    scores: str | None = None
    count: str | None = None
    masks: Masks | None = None
    keypoints: str | None = None
    point_scores: str | None = None
    left_out: tuple[str, ...] = ()


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
        sure = "known" if family.certain else "likely"
        usual = Sign[Order](family.order, f"usual for {family.exporter}", sure)  # type: ignore[arg-type]
        order = order_of(seen, every, [usual])
        assert order
        boxes, numbers = _used(seen.outputs, columns)
        usual_unit = Sign[Unit](family.unit, f"usual for {family.exporter}", sure) if family.unit else None  # type: ignore[arg-type]
        unit = unit_of(seen, boxes, usual_unit)
        habit = None if family.first_class is None else Sign(family.first_class, f"usual for {family.exporter}", sure)  # type: ignore[arg-type]
        if seen.names is None and not family.certain:
            habit = None  # nothing but the numbers is published, and those are the model's own
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
        ways = list(_columns(seen))
        for columns in ways:
            scores = _scores(seen.outputs, columns)
            if columns.scores and len(scores) >= ROOM:
                quiet(scores)
            decoder = cls(seen, columns, _family(seen, columns))
            if len(ways) > 1:  # neither names nor values tell scores from classes
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
        kept = np.flatnonzero(classes[rows] >= 0)
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
        # torchvision's third number says only that a point is in the picture; its scores are logits of heat maps.
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


# Which output is which


def _columns(seen: Seen) -> Iterator[Columns]:
    """Output names by role, from names and shapes; several if scores and classes cannot be told apart, none if the
    outputs have another layout.
    """
    outputs = dict(seen.outputs)
    masks = masks_among(outputs)
    keypoints = next((name for name, array in outputs.items() if _are_points(name, array)), None)
    sure = next((name for name in outputs if "keypoint" in name.lower() and "score" in name.lower()), None)
    aside = {keypoints, sure, masks.output if masks else None}
    rest = {name: array for name, array in outputs.items() if name not in aside}
    named = _named(rest)
    for columns in [named] if named else _shaped(rest, has_points=keypoints is not None):
        yield replace(columns, masks=masks, keypoints=keypoints, point_scores=sure)


def _shaped(outputs: Outputs, *, has_points: bool) -> Iterator[Columns]:
    """Output names by role, from shapes above all."""
    boxes = _boxes_among(outputs)
    if boxes is None:
        return
    rows = tables.rows(outputs[boxes]) or 0
    lists = {name: array for name, array in outputs.items() if name != boxes and _is_list(array, rows)}
    others = {name: array for name, array in outputs.items() if name != boxes and name not in lists}
    if rows == 1 and len(lists) == 3:
        others |= {name: lists.pop(name) for name in list(lists) if "num" in name.lower()}
    if len(others) > 1 or any(array.size != 1 for array in others.values()):
        return
    count = next(iter(others), None)
    if outputs[boxes].shape[-1] == 5:
        if not lists and not others and has_points:
            yield Columns(boxes)
        if len(lists) == 1:
            yield Columns(boxes, next(iter(lists)), None, count)
    elif len(lists) == 2:
        classes = _classes_among(lists)
        empty = not any(array.size for array in lists.values())
        for kinds in [classes] if classes else lists if empty else ():
            yield Columns(boxes, kinds, next(name for name in lists if name != kinds), count)


def _named(outputs: Outputs) -> Columns | None:
    """The four of TensorFlow, by name (with `:0` or without): newer exports have eight and more, these among them."""
    by_name = {name.lower().split(":")[0].split("/")[-1]: name for name in outputs}
    wanted = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
    if not all(name in by_name for name in wanted[:3]):
        return None
    boxes, classes, scores = (by_name[name] for name in wanted[:3])
    left = tuple(name for name in outputs if name.lower().split(":")[0].split("/")[-1] not in wanted)
    return Columns(boxes, classes, scores, by_name.get(wanted[3]), left_out=left)


def _boxes_among(outputs: Outputs) -> str | None:
    """The output of boxes: a table of four or five columns, by name if several are."""
    found = tables.tables(outputs, 4, 5)
    found = {name: array for name, array in found.items() if not whole_numbers(array)}
    most = max((array.ndim for array in found.values()), default=0)
    found = {name: array for name, array in found.items() if array.ndim == most}
    if len(found) > 1:
        found = {name: array for name, array in found.items() if "box" in name.lower() or "det" in name.lower()}
    return next(iter(found)) if len(found) == 1 else None


def _is_list(array: NDArray[np.generic], rows: int) -> bool:
    return array.size == rows and (tables.length(array) == rows or rows <= 1) and array.ndim <= 3


def _are_points(name: str, array: NDArray[np.generic]) -> bool:
    """True if an output is keypoints of detections, by name or number: NxKx3."""
    if array.ndim not in (3, 4) or array.shape[-1] != 3 or not np.issubdtype(array.dtype, np.floating):
        return False
    return "keypoint" in name.lower() or array.shape[-2] in _POINTS


def _classes_among(lists: Mapping[str, NDArray[np.generic]]) -> str | None:
    """The one of two lists that holds classes: it has integers, or its name says so."""
    whole = [name for name, array in lists.items() if whole_numbers(array)]
    named = [name for name in lists if any(word in name.lower() for word in ("label", "class", "cls"))]
    not_scores = [name for name in lists if "score" not in name.lower()]
    unlike = [name for name, array in lists.items() if not is_share(array)]
    for found in (whole, named, not_scores, unlike):
        if len(found) == 1:
            return found[0]
    return None


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
        return Family("RT-DETR, D-FINE and DEIM", _WHOLE, certain=True)
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
