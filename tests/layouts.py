"""What models of each known layout give for a picture with three things in it, and noise where there is nothing.

Each function makes the outputs of one exporter, after its code or documentation, and says what a reader should make
of them. Things are told in pixels of the model's input, whose size is (height, width).
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from tests.onnx_models import constant_model

Array = NDArray[np.float32]
Inputs = Mapping[str, tuple[int, Sequence[int | str]]]

SIZE = (160, 256)
HEIGHT, WIDTH = SIZE
CLASSES = 80
XYXY = np.array([(40, 20, 100, 120), (110, 40, 180, 100), (60, 130, 90, 150)], np.float32)
SCORES = np.array([0.9, 0.8, 0.7], np.float32)
KINDS = np.array([0, 16, 79])
ANGLE = 0.3
WHOLE = np.array([WIDTH, HEIGHT] * 2, np.float32)
FIVE = np.array([(0.3, 0.3), (0.7, 0.3), (0.5, 0.5), (0.35, 0.7), (0.65, 0.7)], np.float32)
"""Where eyes, nose and corners of the mouth lie in a face, as shares of its box."""
NAMED = {"names": str({number: f"kind {number}" for number in range(CLASSES)})}


@dataclass(frozen=True)
class Layout:
    """Outputs, and what is to be made of them: the three things, unless `empty`, of `kinds`, with what else is told.

    `fit` is how a picture is to be laid into the input. `masks`: each is the left half of its box.
    """

    outputs: Mapping[str, NDArray[np.generic]]
    decoder: str
    fit: Literal["letterbox", "corner", "stretch", "crop"]
    metadata: Mapping[str, str] = field(default_factory=dict)
    inputs: Inputs = field(default_factory=lambda: {"images": (TensorProto.FLOAT, (1, 3, *SIZE))})
    settings: Mapping[str, Any] = field(default_factory=dict)
    kinds: NDArray[np.generic] = field(default_factory=lambda: KINDS)
    empty: bool = False
    slack: float = 0.02
    likely: Sequence[str] = ("names",)
    keypoints: Array | None = None
    corners: Array | None = None
    masks: bool = False

    def write(self, path: Path) -> Path:
        """A model that gives these outputs."""
        return constant_model(path, self.outputs, metadata=self.metadata, shapes=self.inputs)


@dataclass(frozen=True)
class Cells:
    """What a head with `anchors` rows a cell says: boxes and scores of each row, and which rows are the things'."""

    stride: Array
    corner: Array
    xyxy: Array
    scores: Array
    things: list[int]

    @property
    def centre(self) -> Array:
        return (self.xyxy[:, :2] + self.xyxy[:, 2:]) * np.float32(0.5)

    @property
    def middle(self) -> Array:
        """Of each row's cell."""
        return self.corner + self.stride[:, None] * np.float32(0.5)

    @property
    def extent(self) -> Array:
        return self.xyxy[:, 2:] - self.xyxy[:, :2]

    @property
    def xywh(self) -> Array:
        return np.hstack((self.centre, self.extent))


def noise(*shape: int) -> Array:
    """Scores of what is not there."""
    return np.random.default_rng(1).uniform(0.001, 0.02, shape).astype(np.float32)


def cells(
    strides: Sequence[int] = (8, 16, 32), anchors: int = 1, classes: int = CLASSES, kinds: NDArray[np.generic] = KINDS
) -> Cells:
    """Rows level by level, and in each anchor by anchor; things are in the first cell their centre lies in."""
    random = np.random.default_rng(2)
    places = [
        (stride, column * stride, row * stride)
        for stride in strides
        for _ in range(anchors)
        for row in range(-(-HEIGHT // stride))
        for column in range(-(-WIDTH // stride))
    ]
    stride, corner = np.array(places, np.float32)[:, :1], np.array(places, np.float32)[:, 1:]
    centre = corner + stride * random.uniform(0.2, 0.8, corner.shape)
    extent = stride * random.uniform(1, 4, corner.shape)
    xyxy = np.hstack((centre - extent / 2, centre + extent / 2)).astype(np.float32)
    scores = noise(len(places), classes)
    things = []
    for box, score, kind in zip(XYXY, SCORES, kinds, strict=True):
        offset = (box[:2] + box[2:]) / 2 - corner
        row = int(np.flatnonzero(((offset >= 0) & (offset < stride)).all(axis=1))[0])
        xyxy[row], scores[row], scores[row, kind] = box, 0.001, score
        things.append(row)
    return Cells(stride[:, 0], corner, xyxy, scores, things)


def objectness(head: Cells) -> Array:
    """A column that is 1 for the things."""
    column = noise(len(head.xyxy), 1)
    column[head.things] = 1
    return column


def points_in(xyxy: Array, count: int) -> Array:
    """NxKx2 points within boxes."""
    shares = np.random.default_rng(3).uniform(0.1, 0.9, (count, 2)).astype(np.float32)
    return within(xyxy, shares)


def within(xyxy: Array, shares: Array) -> Array:
    """Shares (Kx2) of boxes (Nx4) as points (NxKx2)."""
    inside: Array = xyxy[:, None, :2] + shares * (xyxy[:, None, 2:] - xyxy[:, None, :2])
    return inside


def halves(rows: int, things: Sequence[int], count: int = 32) -> tuple[Array, Array]:
    """Coefficients of rows and prototypes at a quarter of the size, for masks of the left half of each thing."""
    random = np.random.default_rng(4)
    coefficients = random.normal(0, 1, (rows, count)).astype(np.float32)
    prototypes = random.normal(0, 1, (1, count, HEIGHT // 4, WIDTH // 4)).astype(np.float32)
    middle = (np.arange(WIDTH // 4) + 0.5) * 4
    for number, row in enumerate(things):
        prototypes[0, number] = np.where(middle < (XYXY[number, 0] + XYXY[number, 2]) / 2, 1.0, -1.0)
        coefficients[row] = np.eye(count)[number] * 3
    return coefficients, prototypes


def turned() -> Array:
    """The corners of the things as oriented boxes, by OpenCV."""
    boxes = [((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1) for x1, y1, x2, y2 in XYXY.tolist()]
    return np.array([cv2.boxPoints(((x, y), (w, h), np.degrees(ANGLE))) for x, y, w, h in boxes], np.float32)


def logit(share: Array) -> Array:
    made: Array = np.log(share / (1 - share))
    return made


# YOLOv5 and its kin


def yolov5() -> Layout:
    head = cells(anchors=3)
    rows = np.hstack((head.xywh, objectness(head), head.scores))
    return Layout({"output0": rows[None]}, "yolov5", "letterbox", {**NAMED, "stride": "32"})


def yolov5_half() -> Layout:
    made = yolov5()
    halves = {name: array.astype(np.float16) for name, array in made.outputs.items()}
    return Layout(halves, "yolov5", "letterbox", inputs={"images": (TensorProto.FLOAT16, (1, 3, *SIZE))}, slack=0.2)


def yolov5_for_training() -> Layout:
    maps = {
        f"map{stride}": np.random.default_rng(stride).normal(0, 1, (1, 3, HEIGHT // stride, WIDTH // stride, 85))
        for stride in (8, 16, 32)
    }
    return Layout(
        {**yolov5().outputs, **{name: array.astype(np.float32) for name, array in maps.items()}}, "yolov5", "letterbox"
    )


def yolov5_segment() -> Layout:
    head = cells(anchors=3)
    coefficients, prototypes = halves(len(head.xyxy), head.things)
    rows = np.hstack((head.xywh, objectness(head), head.scores, coefficients))
    return Layout({"output0": rows[None], "output1": prototypes}, "yolov5", "letterbox", NAMED, masks=True)


def yolov6() -> Layout:
    head = cells()
    rows = np.hstack((head.xywh, np.ones((len(head.xyxy), 1), np.float32), head.scores))
    return Layout({"outputs": rows[None]}, "yolov5", "letterbox")


# YOLOv8 and its kin


def yolov8() -> Layout:
    head = cells()
    columns = np.hstack((head.xywh, head.scores)).T
    return Layout({"output0": columns[None]}, "yolov8", "letterbox", {**NAMED, "task": "detect"})


def yolov8_untold() -> Layout:
    """Three classes that nobody names."""
    head = cells(classes=3, kinds=np.array([0, 2, 1]))
    columns = np.hstack((head.xywh, head.scores)).T
    return Layout({"output0": columns[None]}, "yolov8", "letterbox", kinds=np.array([0, 2, 1]))


def yolov8_transposed() -> Layout:
    head = cells()
    return Layout({"output0": np.hstack((head.xywh, head.scores))[None]}, "yolov8", "letterbox")


def yolov8_segment() -> Layout:
    head = cells()
    coefficients, prototypes = halves(len(head.xyxy), head.things)
    columns = np.hstack((head.xywh, head.scores, coefficients)).T
    metadata = {**NAMED, "task": "segment"}
    return Layout({"output0": columns[None], "output1": prototypes}, "yolov8", "letterbox", metadata, masks=True)


def yolov8_pose(metadata: Mapping[str, str], points: int, each: int) -> Layout:
    none = np.zeros(3, int)
    head = cells(classes=1, kinds=none)
    xy = points_in(head.xyxy, points)
    sure = np.full((*xy.shape[:2], 1), 0.02, np.float32)
    sure[head.things] = 0.95
    tail = xy if each == 2 else np.concatenate((xy, sure), axis=2)
    columns = np.hstack((head.xywh, head.scores, tail.reshape(len(xy), -1))).T
    keypoints = np.concatenate((xy, sure if each == 3 else np.ones_like(sure)), axis=2)[head.things]
    return Layout({"output0": columns[None]}, "yolov8", "letterbox", metadata, kinds=none, keypoints=keypoints)


def yolov8_obb(metadata: Mapping[str, str]) -> Layout:
    head = cells()
    angle = np.random.default_rng(5).uniform(-np.pi / 4, np.pi * 3 / 4, (len(head.xyxy), 1)).astype(np.float32)
    angle[head.things] = ANGLE
    columns = np.hstack((head.xywh, head.scores, angle)).T
    return Layout({"output0": columns[None]}, "yolov8", "letterbox", metadata, corners=turned())


# Other heads over cells


def yolox(*, decoded: bool) -> Layout:
    head = cells()
    stride = head.stride[:, None]
    boxes = head.xywh if decoded else np.hstack(((head.centre - head.corner) / stride, np.log(head.extent / stride)))
    rows = np.hstack((boxes, objectness(head), head.scores)).astype(np.float32)
    return Layout({"output": rows[None]}, "yolox", "corner")


def distributions(head: Cells, origin: Array, reach: int) -> Array:
    """For each side, logits of distances in strides whose mean is the side's: two neighbours, the rest unlikely."""
    distance = np.hstack((origin - head.xyxy[:, :2], head.xyxy[:, 2:] - origin)) / head.stride[:, None]
    distance = np.clip(distance, 0, reach - 1.001)
    below = np.floor(distance).astype(int)
    logits = np.full((*distance.shape, reach), -30, np.float32)
    np.put_along_axis(logits, below[..., None], np.log(1 - (distance - below) + 1e-6)[..., None], axis=2)
    np.put_along_axis(logits, below[..., None] + 1, np.log(distance - below + 1e-6)[..., None], axis=2)
    return logits.reshape(len(logits), -1)


def far(head: Cells, reach: int, strides: Sequence[int]) -> Cells:
    """The same with each thing in a cell whose stride lets distances reach its sides."""
    xyxy, scores, things = head.xyxy.copy(), head.scores.copy(), []
    for number, row in enumerate(head.things):
        needed = float((XYXY[number, 2:] - XYXY[number, :2]).max()) / (reach - 2)
        stride = next(stride for stride in strides if stride >= needed)
        offset = (XYXY[number, :2] + XYXY[number, 2:]) / 2 - head.corner
        fits = (head.stride == stride) & (offset >= 0).all(axis=1) & (offset < stride).all(axis=1)
        new = int(np.flatnonzero(fits)[0])
        if new != row:
            xyxy[new], scores[new] = xyxy[row], scores[row]
            corner = head.corner[row]
            xyxy[row], scores[row] = [*(corner + 1), *(corner + head.stride[row])], 0.005
        things.append(new)
    return Cells(head.stride, head.corner, xyxy, scores, things)


def split(head: Cells, array: Array) -> list[Array]:
    """Rows level by level, each with an axis for the batch."""
    return [array[head.stride == stride][None] for stride in np.unique(head.stride)]


def nanodet() -> Layout:
    head = far(cells(), 8, (8, 16, 32))
    spread = distributions(head, head.middle, 8)
    outputs: dict[str, Array] = {}
    for stride, scores, distances in zip((8, 16, 32), split(head, head.scores), split(head, spread), strict=True):
        outputs |= {f"cls_pred_stride_{stride}": scores, f"dis_pred_stride_{stride}": distances}
    return Layout(outputs, "nanodet", "letterbox")


def nanodet_plus() -> Layout:
    strides = (8, 16, 32, 64)
    head = far(cells(strides), 8, strides)
    rows = np.hstack((head.scores, distributions(head, head.corner, 8)))
    return Layout({"output": rows[None].astype(np.float32)}, "nanodet", "letterbox")


def picodet() -> Layout:
    strides = (8, 16, 32, 64)
    head = far(cells(strides), 8, strides)
    spread = distributions(head, head.middle, 8)
    arrays = [*split(head, head.scores), *split(head, spread)]
    outputs = {f"transpose_{number}.tmp_0": array for number, array in enumerate(arrays)}
    return Layout(outputs, "nanodet", "stretch")


def fastestdet() -> Layout:
    head = cells((16,))
    rows, columns = HEIGHT // 16, WIDTH // 16
    values = np.zeros((5 + CLASSES, len(head.xyxy)), np.float32)
    values[0] = noise(len(head.xyxy))
    values[1:3] = np.arctanh(np.clip((head.centre - head.corner) / 16, -0.999, 0.999)).T
    values[3:5] = logit(np.clip(head.extent / (WIDTH, HEIGHT), 1e-3, 0.999)).T
    values[5:] = 1 / CLASSES
    for row, score, kind in zip(head.things, SCORES, KINDS, strict=True):
        values[5:, row] = 0.01 / (CLASSES - 1)
        values[0, row], values[5 + kind, row] = (score / 0.99**0.4) ** (1 / 0.6), 0.99
    return Layout({"758": values.reshape(1, -1, rows, columns)}, "fastestdet", "stretch")


def ppyoloe() -> Layout:
    head = cells()
    helpers: Inputs = {
        "image": (TensorProto.FLOAT, (1, 3, *SIZE)),
        "im_shape": (TensorProto.FLOAT, (1, 2)),
        "scale_factor": (TensorProto.FLOAT, (1, 2)),
    }
    outputs = {"concat_14.tmp_0": head.xyxy[None], "tmp_16": head.scores.T[None]}
    return Layout(outputs, "ppyoloe", "stretch", inputs=helpers)


def ppyoloe_in_one() -> Layout:
    head = cells()
    return Layout({"concat_15.tmp_0": np.hstack((head.xyxy, head.scores))[None]}, "ppyoloe", "stretch")


def yolo_nas() -> Layout:
    head = cells()
    return Layout({"boxes": head.xyxy[None], "scores": head.scores[None]}, "ppyoloe", "letterbox")


# Finished detections

_FEW = ("names", "order of a box", "first class", "unit of a box")
"""What three boxes or none do not prove."""


def rows_of(tail: Array | None = None, total: int = 300, *, boxes: Array = XYXY, padded: bool = False) -> Array:
    """1xNx(6+T): the things, and what scores low; or zeros."""
    random = np.random.default_rng(6)
    tail = np.zeros((3, 0), np.float32) if tail is None else tail
    things = np.hstack((boxes, SCORES[:, None], KINDS[:, None], tail))
    if padded:
        return np.vstack((things, np.zeros((total - 3, things.shape[1])))).astype(np.float32)[None]
    rest = total - 3
    corner, extent = random.uniform(0, 150, (rest, 2)), random.uniform(1, 50, (rest, 2))
    scores = np.sort(random.uniform(0.001, 0.02, (rest, 1)), axis=0)[::-1]
    kinds = random.integers(0, CLASSES, (rest, 1))
    others = random.normal(0, 1, (rest, tail.shape[1]))
    low = np.hstack((corner, corner + extent, scores, kinds, others))
    return np.vstack((things, low)).astype(np.float32)[None]


def yolov10() -> Layout:
    return Layout({"output0": rows_of()}, "rows", "letterbox", {**NAMED, "task": "detect"})


def yolov10_untold() -> Layout:
    return Layout({"output0": rows_of()}, "rows", "letterbox")


def nms_inside() -> Layout:
    return Layout({"output0": rows_of(padded=True)}, "rows", "letterbox", {**NAMED, "task": "detect"})


def rows_segment() -> Layout:
    coefficients, prototypes = halves(3, range(3))
    outputs = {"output0": rows_of(coefficients), "output1": prototypes}
    return Layout(outputs, "rows", "letterbox", {**NAMED, "task": "segment"}, masks=True)


def rows_pose() -> Layout:
    points = np.concatenate((points_in(XYXY, 17), np.full((3, 17, 1), 0.9, np.float32)), axis=2)
    metadata = {**NAMED, "task": "pose", "kpt_shape": "[17, 3]"}
    return Layout({"output0": rows_of(points.reshape(3, -1))}, "rows", "letterbox", metadata, keypoints=points)


def rows_obb() -> Layout:
    xywh = np.hstack(((XYXY[:, :2] + XYXY[:, 2:]) / 2, XYXY[:, 2:] - XYXY[:, :2]))
    table = rows_of(np.full((3, 1), ANGLE, np.float32), boxes=xywh)
    return Layout({"output0": table}, "rows", "letterbox", {**NAMED, "task": "obb"}, corners=turned())


def yolov7_end_to_end() -> Layout:
    table = np.hstack((np.zeros((3, 1)), XYXY, KINDS[:, None], SCORES[:, None])).astype(np.float32)
    return Layout({"output": table}, "rows", "letterbox", likely=_FEW)


def yolo_nas_flat() -> Layout:
    """Input as super-gradients' export wants it: bytes, which it normalises itself."""
    table = np.hstack((np.zeros((3, 1)), XYXY, SCORES[:, None], KINDS[:, None])).astype(np.float32)
    inputs: Inputs = {"input": (TensorProto.UINT8, (1, 3, *SIZE))}
    return Layout({"graph2_flat_predictions": table}, "rows", "letterbox", inputs=inputs, likely=_FEW)


def paddle() -> Layout:
    table = np.hstack((KINDS[:, None], SCORES[:, None], XYXY))
    unused = np.array([[-1, -1, 0, 0, 0, 0]] * 5)
    outputs = {"multiclass_nms3_0.tmp_0": np.vstack((table, unused)).astype(np.float32), "count": np.array([3], "i4")}
    return Layout(outputs, "rows", "stretch")


def mmdeploy() -> Layout:
    low = rows_of(total=100)[0]
    return Layout({"dets": low[None, :, :5], "labels": low[None, :, 5].astype(np.int64)}, "finished", "corner")


def tensorrt() -> Layout:
    table = rows_of(total=100, padded=True)[0]
    outputs = {
        "num_dets": np.array([[3]], np.int32),
        "det_boxes": table[None, :, :4],
        "det_scores": table[None, :, 4],
        "det_classes": table[None, :, 5].astype(np.int32),
    }
    return Layout(outputs, "finished", "letterbox")


def rtdetr_deployed() -> Layout:
    table = rows_of()[0]
    inputs: Inputs = {
        "images": (TensorProto.FLOAT, ("N", 3, *SIZE)),
        "orig_target_sizes": (TensorProto.INT64, ("N", 2)),
    }
    outputs = {"labels": table[None, :, 5].astype(np.int64), "boxes": table[None, :, :4], "scores": table[None, :, 4]}
    return Layout(outputs, "finished", "stretch", inputs=inputs)


def torchvision() -> Layout:
    outputs = {"boxes": XYXY, "labels": KINDS + 1, "scores": SCORES}
    return Layout(outputs, "finished", "stretch", likely=_FEW, kinds=KINDS + 1)


def torchvision_empty() -> Layout:
    outputs = {"boxes": XYXY[:0], "labels": KINDS[:0], "scores": SCORES[:0]}
    return Layout(outputs, "finished", "stretch", empty=True, likely=_FEW)


def tensorflow(*, newer: bool = False) -> Layout:
    table = rows_of(total=100, padded=True)[0]
    table[:, :4] /= WHOLE
    outputs = {
        "detection_boxes": table[None, :, [1, 0, 3, 2]],
        "detection_classes": table[None, :, 5] + 1,
        "detection_scores": table[None, :, 4],
        "num_detections": np.array([100], np.float32),
    }
    if newer:
        outputs |= {
            "detection_anchor_indices": np.arange(100, dtype=np.float32)[None],
            "detection_multiclass_scores": noise(1, 100, 91),
            "raw_detection_boxes": noise(1, 1917, 4),
            "raw_detection_scores": noise(1, 1917, 91),
        }
    inputs: Inputs = {"input_tensor": (TensorProto.UINT8, (1, *SIZE, 3))}
    return Layout(outputs, "finished", "stretch", inputs=inputs)


# Queries


def queries(count: int) -> Array:
    """Boxes of queries: the things and others, centre and size as shares."""
    random = np.random.default_rng(7)
    things = np.hstack(((XYXY[:, :2] + XYXY[:, 2:]) / 2, XYXY[:, 2:] - XYXY[:, :2])) / WHOLE
    others = np.hstack((random.uniform(0.2, 0.8, (count - 3, 2)), random.uniform(0.05, 0.4, (count - 3, 2))))
    return np.vstack((things, others)).astype(np.float32)


def detr() -> Layout:
    """The first: 91 numbers of COCO and nothing, through a softmax."""
    logits = np.random.default_rng(8).normal(-2, 1, (100, 92)).astype(np.float32)
    logits[:, 91] = 8
    for row, (score, kind) in enumerate(zip(SCORES, KINDS, strict=True)):
        logits[row] = -20
        logits[row, kind], logits[row, 91] = np.log(score), np.log(1 - score)
    return Layout({"logits": logits[None], "pred_boxes": queries(100)[None]}, "detr", "stretch")


def sigmoid_logits(columns: int) -> Array:
    logits = np.random.default_rng(8).normal(-6, 1, (300, columns)).astype(np.float32)
    for row, (score, kind) in enumerate(zip(SCORES, KINDS, strict=True)):
        logits[row, kind] = logit(np.float32(score))  # type: ignore[arg-type]
    return logits[None]


def rtdetr_logits() -> Layout:
    return Layout({"logits": sigmoid_logits(80), "pred_boxes": queries(300)[None]}, "detr", "stretch")


def rfdetr() -> Layout:
    return Layout({"dets": queries(300)[None], "labels": sigmoid_logits(91)}, "detr", "stretch")


def rfdetr_of_my_own() -> Layout:
    """RF-DETR trained on 80 classes has 81 logits."""
    return Layout({"dets": queries(300)[None], "labels": sigmoid_logits(81)}, "detr", "stretch", NAMED)


def rtdetr_ultralytics() -> Layout:
    shares = noise(300, CLASSES)
    shares[range(3), KINDS] = SCORES
    table = np.hstack((queries(300), shares))
    return Layout({"output0": table[None]}, "rtdetr", "stretch", {**NAMED, "task": "detect"})


def rtdetr_of_two_classes() -> Layout:
    """As wide as finished rows, which it is not."""
    kinds = np.array([0, 1, 0])
    shares = noise(300, 2) / 4
    shares[range(3), kinds] = SCORES
    metadata = {"names": "{0: 'cat', 1: 'dog'}"}
    return Layout({"output0": np.hstack((queries(300), shares))[None]}, "rtdetr", "stretch", metadata, kinds=kinds)


# Anchors


def softmaxed(rows: int, classes: int, kinds: NDArray[np.generic]) -> Array:
    """1xNx(1+C) that add up to 1, the first for background; things are the rows 10, 20 and 30."""
    shares: Array = noise(rows, classes + 1) / np.float32(classes + 1)
    for row, score, kind in zip((10, 20, 30), SCORES, kinds, strict=True):
        shares[row, 1:] = 0.001 / classes
        shares[row, 1 + int(kind)] = score
    shares[:, 0] = 1 - shares[:, 1:].sum(axis=1)
    return shares[None]


def ssd() -> Layout:
    random = np.random.default_rng(9)
    corner = random.uniform(-0.1, 0.9, (500, 2))
    boxes = np.hstack((corner, corner + random.uniform(0.05, 0.3, (500, 2)))).astype(np.float32)
    boxes[[10, 20, 30]] = XYXY / WHOLE
    kinds = np.array([0, 16, 19])
    outputs = {"scores": softmaxed(500, 20, kinds), "boxes": boxes[None]}
    return Layout(outputs, "ssd", "stretch", kinds=kinds)


def ssd_with_anchors() -> Layout:
    random = np.random.default_rng(9)
    centre, extent = random.uniform(0, 1, (500, 2)), random.uniform(0.1, 0.5, (500, 2))
    anchors = np.hstack((centre - extent / 2, centre + extent / 2)).astype(np.float32)
    deltas = random.normal(0, 0.3, (500, 4)).astype(np.float32)
    things = [10, 20, 30]
    deltas[things] = (XYXY / WHOLE - anchors[things]) / np.tile(anchors[things, 2:] - anchors[things, :2], 2)
    kinds = np.array([0, 1, 0])
    outputs = {"boxes": deltas[None], "classes": softmaxed(500, 2, kinds), "anchors": anchors[None]}
    return Layout(outputs, "ssd", "stretch", kinds=kinds)


def priors(sizes: Mapping[int, Sequence[int]], *, up: bool) -> Array:
    """Centre and side (x, y, w, h in pixels) of anchors."""
    made = []
    for stride, sides in sizes.items():
        rows, columns = (-(-side // stride) if up else side // stride for side in SIZE)
        for row, column, side in itertools.product(range(rows), range(columns), sides):
            made.append(((column + 0.5) * stride, (row + 0.5) * stride, side, side))
    return np.array(made, np.float32)


def encoded(anchors: Array) -> tuple[Array, Array, list[int], Array]:
    """Boxes and points as distances from anchors (noise where there is no face), rows of things, and their points."""
    random = np.random.default_rng(10)
    boxes = random.normal(0, 0.5, (len(anchors), 4)).astype(np.float32)
    points = random.normal(0, 1, (len(anchors), 5, 2)).astype(np.float32)
    keypoints = within(XYXY, FIVE)
    things = []
    for number, (left, top, right, bottom) in enumerate(XYXY.tolist()):
        centre, side = np.array([(left + right) / 2, (top + bottom) / 2]), np.array([right - left, bottom - top])
        row = int(np.abs(anchors[:, :2] - centre).sum(axis=1).argmin())
        anchor, extent = anchors[row, :2], anchors[row, 2:]
        boxes[row] = [*((centre - anchor) / extent / 0.1), *(np.log(side / extent) / 0.2)]
        points[row] = (keypoints[number] - anchor) / extent / 0.1
        things.append(row)
    sure = np.ones((3, 5, 1), np.float32)
    return boxes, points.reshape(len(points), 10), things, np.concatenate((keypoints, sure), axis=2)


def face_or_nothing(rows: int, things: Sequence[int], scores: Array = SCORES) -> Array:
    face = noise(rows)
    face[things] = scores
    both: Array = np.stack((np.float32(1) - face, face), axis=1).astype(np.float32)
    return both


FACES = np.zeros(3, int)


def retinaface() -> Layout:
    anchors = priors({8: (16, 32), 16: (64, 128), 32: (256, 512)}, up=True)
    boxes, points, things, keypoints = encoded(anchors)
    outputs = {"loc": boxes[None], "conf": face_or_nothing(len(anchors), things)[None], "landms": points[None]}
    return Layout(outputs, "retinaface", "corner", kinds=FACES, keypoints=keypoints)


def first_yunet() -> Layout:
    """`face_detection_yunet_2022mar.onnx`; 160 is no multiple of 64."""
    anchors = priors({8: (10, 16, 24), 16: (32, 48), 32: (64, 96), 64: (128, 192, 256)}, up=False)
    boxes, points, things, keypoints = encoded(anchors)
    iou = noise(len(anchors), 1)
    iou[things] = 0.9
    outputs = {
        "loc": np.hstack((boxes, points)),
        "conf": face_or_nothing(len(anchors), things, SCORES**2 / np.float32(0.9)),
        "iou": iou,
    }
    return Layout(outputs, "retinaface", "corner", kinds=FACES, keypoints=keypoints)


def faces_by_level(rows_a_cell: int) -> tuple[Cells, Array, Array]:
    """Cells with as many rows, one after the other; points of each (NxKx2) and of the things with a confidence."""
    head = cells(classes=1, kinds=FACES)
    points = within(head.xyxy, FIVE)
    keypoints = np.concatenate((points[head.things], np.ones((3, 5, 1), np.float32)), axis=2)
    if rows_a_cell == 2:
        stride, corner, xyxy, scores = (
            np.repeat(array, 2, axis=0) for array in (head.stride, head.corner, head.xyxy, head.scores)
        )
        scores[[2 * row + 1 for row in head.things]] = 0.01
        head = Cells(stride, corner, xyxy, scores, [2 * row for row in head.things])
        points = np.repeat(points, 2, axis=0)
    return head, points, keypoints


def scrfd(*, points: bool, batched: bool, rows_a_cell: int = 2) -> Layout:
    head, xy, keypoints = faces_by_level(rows_a_cell)
    stride = head.stride[:, None]
    distances = np.hstack((head.corner - head.xyxy[:, :2], head.xyxy[:, 2:] - head.corner)) / stride
    from_cell = ((xy - head.corner[:, None]) / stride[:, None]).reshape(len(xy), 10)
    kinds: list[NDArray[Any]] = [head.scores, distances, *([from_cell] if points else [])]
    arrays = [level if batched else level[0] for kind in kinds for level in split(head, kind.astype(np.float32))]
    outputs = {str(400 + number): array for number, array in enumerate(arrays)}
    return Layout(outputs, "scrfd", "corner", kinds=FACES, keypoints=keypoints if points else None)


def yunet() -> Layout:
    head, xy, keypoints = faces_by_level(1)
    stride = head.stride[:, None]
    boxes = np.hstack(((head.centre - head.corner) / stride, np.log(head.extent / stride)))
    from_cell = ((xy - head.corner[:, None]) / stride[:, None]).reshape(len(xy), 10)
    sure = noise(len(boxes), 1)
    sure[head.things] = SCORES[:, None]
    columns = {"cls": sure, "obj": sure, "bbox": boxes.astype(np.float32), "kps": from_cell.astype(np.float32)}
    outputs = {
        f"{name}_{stride}": level
        for name, array in columns.items()
        for stride, level in zip((8, 16, 32), split(head, array), strict=True)
    }
    return Layout(outputs, "yunet", "corner", kinds=FACES, keypoints=keypoints)


DETECTORS: dict[str, Callable[[], Layout]] = {
    "YOLOv5": yolov5,
    "YOLOv5 in half precision": yolov5_half,
    "YOLOv5 with maps for training": yolov5_for_training,
    "YOLOv5-seg": yolov5_segment,
    "YOLOv6": yolov6,
    "YOLOv8": yolov8,
    "YOLOv8 of unnamed classes": yolov8_untold,
    "YOLOv8 transposed": yolov8_transposed,
    "YOLOv8-seg": yolov8_segment,
    "YOLOv8-pose": lambda: yolov8_pose({"task": "pose", "kpt_shape": "[17, 3]", "names": "{0: 'person'}"}, 17, 3),
    "YOLOv8-pose untold": lambda: yolov8_pose({}, 17, 3),
    "YOLOv8-pose of 4x2": lambda: yolov8_pose({"task": "pose", "kpt_shape": "[4, 2]"}, 4, 2),
    "YOLOv8-pose of 4x2 untold": lambda: yolov8_pose({}, 4, 2),
    "YOLOv8-obb": lambda: yolov8_obb({**NAMED, "task": "obb"}),
    "YOLOv8-obb untold": lambda: yolov8_obb({}),
    "YOLOX": lambda: yolox(decoded=False),
    "YOLOX decoded": lambda: yolox(decoded=True),
    "NanoDet": nanodet,
    "NanoDet-Plus": nanodet_plus,
    "PicoDet": picodet,
    "FastestDet": fastestdet,
    "PP-YOLOE": ppyoloe,
    "PP-YOLOE in one output": ppyoloe_in_one,
    "YOLO-NAS": yolo_nas,
    "YOLOv10": yolov10,
    "YOLOv10 untold": yolov10_untold,
    "NMS inside": nms_inside,
    "YOLO26-seg": rows_segment,
    "YOLO26-pose": rows_pose,
    "YOLO26-obb": rows_obb,
    "YOLOv7 end to end": yolov7_end_to_end,
    "YOLO-NAS with NMS inside": yolo_nas_flat,
    "PaddleDetection": paddle,
    "MMDeploy": mmdeploy,
    "TensorRT": tensorrt,
    "RT-DETR deployed": rtdetr_deployed,
    "torchvision": torchvision,
    "torchvision that finds nothing": torchvision_empty,
    "TensorFlow": tensorflow,
    "TensorFlow with eight outputs": lambda: tensorflow(newer=True),
    "DETR": detr,
    "RT-DETR's logits": rtdetr_logits,
    "RF-DETR": rfdetr,
    "RF-DETR of 80 classes": rfdetr_of_my_own,
    "RT-DETR by Ultralytics": rtdetr_ultralytics,
    "RT-DETR of two classes": rtdetr_of_two_classes,
    "SSD": ssd,
    "SSD with anchors": ssd_with_anchors,
    "RetinaFace": retinaface,
    "the first YuNet": first_yunet,
    "YuNet": yunet,
    "SCRFD": lambda: scrfd(points=True, batched=False),
    "SCRFD batched": lambda: scrfd(points=True, batched=True),
    "SCRFD without points": lambda: scrfd(points=False, batched=False),
    "SCRFD with a row a cell": lambda: scrfd(points=True, batched=True, rows_a_cell=1),
}
"""By the name of what exports them."""
