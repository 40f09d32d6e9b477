"""Further exports in the form of `layouts`: what each gives for a picture with the same three things.

The docstring of each names the code that its layout is taken from.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from tests import layouts
from tests.layouts import (
    CLASSES,
    FACES,
    FIVE,
    HEIGHT,
    KINDS,
    NAMED,
    SCORES,
    SIZE,
    WHOLE,
    WIDTH,
    XYXY,
    Array,
    Inputs,
    Layout,
    cells,
    logit,
    noise,
    objectness,
    points_in,
    queries,
    rows_of,
    sigmoid_logits,
    within,
)

BOX_FACTS = ("names", "order of a box", "first class", "unit of a box", "layout", "NMS", "activation")
"""What may be likely only, where a layout has no sign of its own."""
NHWC: Inputs = {"input": (TensorProto.FLOAT, (1, *SIZE, 3))}


def columns(head: layouts.Cells, *, share: bool = False) -> Array:
    """YOLOv8's channels, in pixels or shares."""
    boxes = head.xywh / np.array([WIDTH, HEIGHT] * 2, np.float32) if share else head.xywh
    return np.hstack((boxes, head.scores)).T[None].astype(np.float32)


def few(layout: Layout, **more: Any) -> Layout:
    """The layout, some of whose properties the model leaves open."""
    return Layout(**{**vars(layout), "likely": BOX_FACTS, **more})


# Heads over cells


def yolov3_tiny() -> Layout:
    """Two levels: ultralytics `cfg/models/v3/yolov3-tiny.yaml` as `yolov3-tinyu`."""
    return Layout({"output0": columns(cells((16, 32)))}, "yolov8", "letterbox", {**NAMED, "task": "detect"})


def yolov8_tflite() -> Layout:
    """By way of TFLite and back: ultralytics `engine/exporter.py`, where `export_tflite` divides boxes by the size."""
    return Layout({"Identity": columns(cells(), share=True)}, "yolov8", "letterbox", NAMED, inputs=NHWC)


def yolov8_logits() -> Layout:
    """Cut before the last sigmoid, as guides for quantisation advise."""
    head = cells()
    channels = columns(head)
    channels[:, 4:] = logit(channels[:, 4:])
    return Layout({"output0": channels}, "yolov8", "letterbox", NAMED)


def yolov8_segment_tflite() -> Layout:
    """The same of YOLOv8-seg, whose prototypes have their channels last."""
    made = layouts.yolov8_segment()
    boxes, prototypes = made.outputs.values()
    whole = np.ones((1, boxes.shape[1], 1), np.float32)
    whole[0, :4, 0] = WHOLE
    outputs = {
        "Identity": np.asarray(boxes, np.float32) / whole,
        "Identity_1": np.ascontiguousarray(prototypes.transpose(0, 2, 3, 1)),
    }
    return few(made, outputs=outputs, inputs=NHWC)


def yolov8_without_batch() -> Layout:
    """Squeezed by a wrapper: 84xN."""
    return Layout({"output0": columns(cells())[0]}, "yolov8", "letterbox", NAMED)


def yolov9_of_two_heads() -> Layout:
    """The head for training first: WongKinYiu/yolov9 `detect_dual.py` takes `pred[0][1]`."""
    main = columns(cells())
    return few(Layout({"output0": main * np.float32(0.98), "output1": main}, "yolov8", "letterbox", NAMED))


def yolov3_coarse_first() -> Layout:
    """ultralytics/yolov3 (archive) `models.py`: levels in the order of the network, the coarse one first."""
    head = cells((32, 16, 8), anchors=3)
    rows = np.hstack((head.xywh, objectness(head), head.scores))
    return Layout({"output": rows[None]}, "yolov5", "letterbox")


def yolov5_tflite() -> Layout:
    """ultralytics/yolov5 `models/tf.py`: TFDetect divides xywh by the size."""
    head = cells(anchors=3)
    xywh = head.xywh / np.array([WIDTH, HEIGHT] * 2, np.float32)
    rows = np.hstack((xywh, objectness(head), head.scores)).astype(np.float32)
    return Layout({"Identity": rows[None]}, "yolov5", "letterbox", inputs=NHWC)


def yolov5_face() -> Layout:
    """deepcam-cn/yolov5-face `models/yolo.py`: 4 + 1 + 10 + 1 columns."""
    head = cells(anchors=3, classes=1, kinds=FACES)
    points = within(head.xyxy, FIVE)
    rows = np.hstack((head.xywh, objectness(head), points.reshape(len(points), 10), head.scores))
    keypoints = np.concatenate((points[head.things], np.ones((3, 5, 1), np.float32)), axis=2)
    return Layout({"output": rows[None]}, "yolov5", "letterbox", kinds=FACES, keypoints=keypoints)


def yolov7_pose() -> Layout:
    """WongKinYiu/yolov7 branch `pose`, `models/yolo.py`: box, objectness, class, 17 times x, y, confidence."""
    none = np.zeros(3, int)
    head = cells(anchors=3, classes=1, kinds=none)
    xy = points_in(head.xyxy, 17)
    sure = np.full((*xy.shape[:2], 1), 0.02, np.float32)
    sure[head.things] = 0.95
    points = np.concatenate((xy, sure), axis=2)
    rows = np.hstack((head.xywh, objectness(head), head.scores, points.reshape(len(points), -1)))
    return Layout({"output": rows[None]}, "yolov5", "letterbox", kinds=none, keypoints=points[head.things])


def yolov4() -> Layout:
    """Tianxiaomo/pytorch-YOLOv4 `tool/yolo_layer.py`: boxes 1xNx1x4 (corners as shares), confs 1xNxC."""
    head = cells(anchors=3)
    outputs = {"boxes": (head.xyxy / WHOLE)[None, :, None], "confs": head.scores[None]}
    return few(Layout(outputs, "scored", "stretch"))


def yolov3_zoo() -> Layout:
    """onnx/models `yolov3`: boxes with the top first, scores by class, and the indices that NMS has kept."""
    head = cells()
    kept = np.array([[0, kind, row] for kind, row in zip(KINDS, head.things, strict=True)], np.int32)
    inputs: Inputs = {"input_1": (TensorProto.FLOAT, (1, 3, *SIZE)), "image_shape": (TensorProto.FLOAT, (1, 2))}
    outputs = {"boxes": head.xyxy[None, :, [1, 0, 3, 2]], "scores": head.scores.T[None], "indices": kept}
    return few(Layout(outputs, "scored", "letterbox", inputs=inputs))


def dfl_maps(*, groups: int, sums: bool = False) -> Layout:
    """Levels before decoding. In one: Hailo's and Axera's cut exports; in two or three: airockchip/ultralytics_yolov8
    `nn/modules/head.py`, whose third output is the sum of the scores.
    """
    head = layouts.far(cells(), 16, (8, 16, 32))
    spread = layouts.distributions(head, head.middle, 16)
    outputs: dict[str, Array] = {}
    for stride in (8, 16, 32):
        mine = head.stride == stride
        sides = (HEIGHT // stride, WIDTH // stride)
        boxes = spread[mine].T.reshape(1, 64, *sides)
        scores = head.scores[mine].T.reshape(1, CLASSES, *sides)
        if groups == 1:
            outputs[f"o{stride}"] = np.concatenate((boxes, logit(scores)), axis=1)
        else:
            outputs |= {f"box{stride}": boxes, f"cls{stride}": scores}
        if sums:
            outputs[f"sum{stride}"] = np.clip(scores.sum(axis=1, keepdims=True), 0, 1)
    return few(Layout(outputs, "yolo_maps", "letterbox", NAMED))


ANCHORS = [[(10.0, 13.0), (16.0, 30.0), (33.0, 23.0)], [(30.0, 61.0), (62.0, 45.0), (59.0, 119.0)]]
ANCHORS += [[(116.0, 90.0), (156.0, 198.0), (373.0, 326.0)]]


def anchor_maps(*, powers: bool, five: bool) -> Layout:
    """ultralytics/yolov5 `models/yolo.py` (training maps 1x3xhxwx85) and airockchip/yolov5 (1x255xhxw), or darknet's
    `yolo_layer.c`, whose sizes are powers.
    """
    # YOLOv5's sizes reach four times the anchor.
    head = layouts.far(cells(anchors=3), 10, (8, 16, 32))
    outputs: dict[str, Array] = {}
    start = 0
    for stride, anchors in zip((8, 16, 32), ANCHORS, strict=True):
        rows, width = HEIGHT // stride, WIDTH // stride
        count = 3 * rows * width
        part = slice(start, start + count)
        anchor = np.repeat(np.array(anchors, np.float32), rows * width, axis=0)
        offset = (head.centre[part] - head.corner[part]) / stride
        if powers:
            values = np.hstack((logit(np.clip(offset, 1e-3, 0.999)), np.log(head.extent[part] / anchor)))
        else:
            shares = np.hstack(((offset + 0.5) / 2, np.sqrt(head.extent[part] / anchor) / 2))
            values = logit(np.clip(shares, 1e-4, 1 - 1e-4))
        sure = objectness(head)[part]
        table = np.hstack(
            (values, logit(np.clip(sure, 1e-4, 1 - 1e-4)), logit(np.clip(head.scores[part], 1e-4, 0.9999)))
        )
        stack = table.reshape(3, rows, width, 85)
        outputs[f"m{stride}"] = (stack if five else stack.transpose(0, 3, 1, 2).reshape(255, rows, width))[None]
        start += count
    name = "yolo_exp_anchors" if powers else "yolo_anchors"
    made = Layout({k: v.astype(np.float32) for k, v in outputs.items()}, name, "letterbox", NAMED)
    # The sizes of small things at coarse anchors are beyond what YOLOv5's formula reaches.
    return few(made, settings={"decoder": name}, slack=1.0)


# Finished detections


def padded(table: Array, total: int = 100) -> Array:
    """1xNxK, the rest zero."""
    return np.vstack((table, np.zeros((total - len(table), table.shape[1])))).astype(np.float32)[None]


def detection_output() -> Layout:
    """OpenVINO's DetectionOutput-1: [image_id, label, conf, x_min, y_min, x_max, y_max], -1 ends the list."""
    table = np.hstack((np.zeros((3, 1)), KINDS[:, None], SCORES[:, None], XYXY / WHOLE))
    array = padded(table)
    array[0, 3, 0] = -1
    return few(Layout({"detection_out": array[:, None]}, "rows", "stretch"))


def efficientdet() -> Layout:
    """google/automl `efficientdet/tf2/postprocess.py`: [image_id, ymin, xmin, ymax, xmax, score, class] from 1."""
    table = np.hstack((np.zeros((3, 1)), XYXY[:, [1, 0, 3, 2]], SCORES[:, None], KINDS[:, None] + 1))
    inputs: Inputs = {"image_arrays:0": (TensorProto.UINT8, (1, *SIZE, 3))}
    return few(Layout({"detections:0": padded(table)}, "rows", "corner", inputs=inputs))


def pinto_nms() -> Layout:
    """PINTO0309/PINTO_model_zoo, post-processing of YOLOX and others: the name lists the columns."""
    table = np.hstack((np.zeros((3, 1)), KINDS[:, None], SCORES[:, None], XYXY)).astype(np.float32)
    return few(Layout({"batchno_classid_score_x1y1x2y2": table}, "rows", "letterbox"))


def pinto_deim() -> Layout:
    """PINTO0309/PINTO_model_zoo, DEIMv2: label, box, score."""
    table = np.hstack((KINDS[:, None], XYXY, SCORES[:, None]))
    return few(Layout({"label_xyxy_score": padded(table, 300)}, "rows", "stretch"))


def label_box_score() -> Layout:
    """The same without a name that tells."""
    table = rows_of()[..., [5, 0, 1, 2, 3, 4]]
    return few(Layout({"output": np.ascontiguousarray(table)}, "rows", "stretch"))


def score_first() -> Layout:
    """Paddle's order without a count."""
    table = rows_of()[..., [5, 4, 0, 1, 2, 3]]
    return few(Layout({"output": np.ascontiguousarray(table)}, "rows", "stretch"))


def rows_as_shares() -> Layout:
    """YOLOv8 with NMS inside, by way of TFLite."""
    table = rows_of(boxes=XYXY)
    table[..., :4] /= WHOLE
    return few(Layout({"output0": table}, "rows", "letterbox", inputs=NHWC))


def rows_of_centres() -> Layout:
    """YOLOv10's rows as its head gives them, without the conversion to corners."""
    table = rows_of()
    table[..., :4] = np.concatenate(((table[..., :2] + table[..., 2:4]) / 2, table[..., 2:4] - table[..., :2]), axis=-1)
    return few(Layout({"output0": table}, "rows", "letterbox", likely=("names", "order of a box")))


def cut(*, logits: bool, transposed: bool) -> Layout:
    """YOLOv8 in front of its last concatenation, as compilers of accelerators ask for: boxes and scores apart."""
    head = cells()
    boxes, scores = head.xywh[None], (logit(np.clip(head.scores, 1e-4, 1 - 1e-4)) if logits else head.scores)[None]
    if transposed:
        boxes, scores = boxes.transpose(0, 2, 1), scores.transpose(0, 2, 1)
    outputs = {"scores": scores, "boxes": boxes}
    return few(Layout({k: v.astype(np.float32) for k, v in outputs.items()}, "scored", "letterbox"))


def centres_of_cells() -> Layout:
    """DeepStream-Yolo's rows with centre and size."""
    head = cells()
    best = head.scores.max(axis=1, keepdims=True)
    number = head.scores.argmax(axis=1)[:, None].astype(np.float32)
    return few(Layout({"output": np.hstack((head.xywh, best, number))[None]}, "rows", "letterbox"))


def deepstream(*, kind: str) -> Layout:
    """marcoslucianops/DeepStream-Yolo `utils/export_yoloV8.py`: corners, score and class of each cell, and its version
    of 2023: centre and size, scores, classes in three outputs.
    """
    head = cells()
    best = head.scores.max(axis=1, keepdims=True)
    number = head.scores.argmax(axis=1)[:, None].astype(np.float32)
    if kind == "rows":
        return few(Layout({"output": np.hstack((head.xyxy, best, number))[None]}, "rows", "letterbox"))
    outputs = {"boxes": head.xywh[None], "scores": best[None], "classes": number[None]}
    return few(Layout({k: v.astype(np.float32) for k, v in outputs.items()}, "finished", "stretch"))


def tflite() -> Layout:
    """tensorflow/lite `detection_postprocess.cc`, by tf2onnx: top first, classes from 0 as floats, and a count."""
    table = padded(np.hstack((XYXY[:, [1, 0, 3, 2]] / WHOLE[[1, 0, 3, 2]], KINDS[:, None], SCORES[:, None])), 10)
    name = "TFLite_Detection_PostProcess"
    outputs = {
        name: table[..., :4],
        f"{name}:1": table[..., 4],
        f"{name}:2": table[..., 5],
        f"{name}:3": np.array([10], np.float32),
    }
    return few(Layout(outputs, "finished", "stretch", inputs=NHWC))


def custom_vision() -> Layout:
    """Azure Custom Vision, compact S1: `detected_boxes`, `detected_classes` from 0, `detected_scores`."""
    outputs = {"detected_boxes": XYXY / WHOLE, "detected_classes": KINDS, "detected_scores": SCORES}
    return few(Layout(outputs, "finished", "stretch"))


def core_ml() -> Layout:
    """coremltools' NonMaximumSuppression: `confidence` NxC, `coordinates` Nx4, centre and size as shares."""
    scores = np.zeros((3, CLASSES), np.float32)
    scores[range(3), KINDS] = SCORES
    centre = np.hstack(((XYXY[:, :2] + XYXY[:, 2:]) / 2, XYXY[:, 2:] - XYXY[:, :2])) / WHOLE
    return few(Layout({"confidence": scores, "coordinates": centre.astype(np.float32)}, "scored", "stretch"))


def whole_masks() -> Array:
    """3xHxW: what is left of the middle of each thing."""
    maps = np.zeros((3, *SIZE), np.float32)
    for number, (left, _, right, _) in enumerate(XYXY.astype(int).tolist()):
        maps[number, :, : (left + right) // 2] = 1
    return maps


def mask_rcnn() -> Layout:
    """torchvision `models/detection/mask_rcnn.py`: masks Nx1xHxW of probabilities."""
    outputs = {"boxes": XYXY, "labels": KINDS + 1, "scores": SCORES, "masks": whole_masks()[:, None]}
    return few(Layout(outputs, "finished", "stretch", masks=True, kinds=KINDS + 1))


def rtmdet_ins() -> Layout:
    """open-mmlab/mmdeploy `codebase/mmdet/models/dense_heads/rtmdet_ins_head.py`: dets, labels, masks 1xNxHxW."""
    dets = np.hstack((XYXY, SCORES[:, None]))[None]
    outputs = {"dets": dets, "labels": KINDS[None], "masks": whole_masks()[None]}
    return few(Layout(outputs, "finished", "corner", masks=True))


def tf_mask_rcnn() -> Layout:
    """tensorflow/models `object_detection`: `detection_masks` 1xNxhxw over each box."""
    made = layouts.tensorflow()
    masks = np.zeros((1, 100, 32, 32), np.float32)
    masks[..., :16] = 1
    return few(made, outputs={**made.outputs, "detection_masks": masks}, masks=True)


def rfdetr_segment() -> Layout:
    """roboflow/rf-detr: `masks` 1xQx(H/4)x(W/4), logits."""
    made = layouts.rfdetr()
    masks = np.full((1, 300, HEIGHT // 4, WIDTH // 4), -4, np.float32)
    masks[0, :3] = whole_masks()[:, ::4, ::4] * 8 - 4
    return few(made, outputs={**made.outputs, "masks": masks}, masks=True)


def keypoint_rcnn() -> Layout:
    """torchvision `models/detection/keypoint_rcnn.py`: keypoints Nx17x3, and their scores as logits."""
    xy = points_in(XYXY, 17)
    sure = np.full((3, 17), 3.0, np.float32)
    points = np.concatenate((xy, np.ones((3, 17, 1), np.float32)), axis=2)
    ones = np.ones(3, np.int64)
    outputs: dict[str, NDArray[Any]] = {"boxes": XYXY, "labels": ones, "scores": SCORES}
    outputs |= {"keypoints": points, "keypoints_scores": sure}
    expected = np.concatenate((xy, np.full((3, 17, 1), 1 / (1 + np.exp(-3)), np.float32)), axis=2)
    return few(Layout(outputs, "finished", "stretch", kinds=ones, keypoints=expected))


def rtmo() -> Layout:
    """open-mmlab/mmpose `projects/rtmo`, by MMDeploy: `dets` 1xNx5 and `keypoints` 1xNx17x3."""
    points = np.concatenate((points_in(XYXY, 17), np.full((3, 17, 1), 0.9, np.float32)), axis=2)
    outputs = {"dets": np.hstack((XYXY, SCORES[:, None]))[None], "keypoints": points[None]}
    return few(Layout(outputs, "finished", "corner", kinds=FACES, keypoints=points))


def rtdetr_with_ids() -> Layout:
    """lyuwenyu/RT-DETR `remap_mscoco_category`: COCO's category ids, from 1, as its evaluation needs them."""
    made = layouts.rtdetr_deployed()
    outputs = {**made.outputs, "labels": np.asarray(made.outputs["labels"], np.int64) + 1}
    return few(made, outputs=outputs, kinds=KINDS + 1, likely=("first class",))


def hugging_face_names() -> Layout:
    """huggingface/optimum: hidden states beside logits and boxes."""
    made = layouts.rtdetr_logits()
    hidden = np.random.default_rng(1).normal(0, 1, (1, 300, 256)).astype(np.float32)
    return few(made, outputs={**made.outputs, "last_hidden_state": hidden})


def detr_of_one_class() -> Layout:
    """D-FINE and RT-DETR by transformers, fine-tuned on one class."""
    kinds = np.zeros(3, int)
    logits = sigmoid_logits(80)[..., :1].copy()
    logits[0, :3, 0] = logit(SCORES)
    return few(Layout({"logits": logits, "pred_boxes": queries(300)[None]}, "detr", "stretch", kinds=kinds))


def detr_of_two_classes() -> Layout:
    """The same of two, the second of which is the more frequent: its logits are higher, as the prior is."""
    kinds = np.array([1, 0, 1])
    logits = np.random.default_rng(8).normal(-5, 0.4, (1, 300, 2)).astype(np.float32)
    logits[..., 1] += 1.6
    for row, (score, kind) in enumerate(zip(SCORES, kinds, strict=True)):
        logits[0, row] = -6
        logits[0, row, kind] = logit(score)
    return few(Layout({"logits": logits, "pred_boxes": queries(300)[None]}, "detr", "stretch", kinds=kinds))


# Other heads


def detectnet() -> Layout:
    """NVIDIA TAO `detectnet_v2` post-processing: coverage Cxhxw, and boxes 4Cxhxw in units of 35 pixels."""
    rows, width = HEIGHT // 16, WIDTH // 16
    kinds = np.array([0, 2, 1])
    coverage = noise(1, 3, rows, width)
    boxes = np.random.default_rng(3).normal(0, 1, (1, 12, rows, width)).astype(np.float32)
    for box, score, kind in zip(XYXY, SCORES, kinds, strict=True):
        column, row = ((box[:2] + box[2:]) / 2 // 16).astype(int).tolist()
        x, y = column * 16 + 0.5, row * 16 + 0.5
        coverage[0, kind, row, column] = score
        boxes[0, 4 * kind : 4 * kind + 4, row, column] = np.array([x - box[0], y - box[1], box[2] - x, box[3] - y]) / 35
    outputs = {"output_cov/Sigmoid": coverage, "output_bbox/BiasAdd": boxes}
    return few(Layout(outputs, "detectnet", "stretch", kinds=kinds))


def centernet() -> Layout:
    """xingyizhou/CenterNet `models/decode.py`: hm, wh and reg, a quarter of the input."""
    rows, width = HEIGHT // 4, WIDTH // 4
    heat = noise(1, CLASSES, rows, width) / np.float32(2)
    size, offset = np.full((1, 2, rows, width), 5, np.float32), np.full((1, 2, rows, width), 0.5, np.float32)
    for box, score, kind in zip(XYXY, SCORES, KINDS, strict=True):
        middle = (box[:2] + box[2:]) / 8
        column, row = middle.astype(int).tolist()
        heat[0, kind, row, column] = score
        size[0, :, row, column], offset[0, :, row, column] = (box[2:] - box[:2]) / 4, middle - (column, row)
    return few(Layout({"hm": logit(heat), "wh": size, "reg": offset}, "centernet", "letterbox"))


def movenet() -> Layout:
    """TensorFlow Hub's card of `movenet/multipose/lightning`: 1x6x56, and whole numbers as input."""
    xy = points_in(XYXY, 17) / np.array([WIDTH, HEIGHT], np.float32)
    sure = np.full((3, 17, 1), 0.9, np.float32)
    rows = np.concatenate((xy[..., ::-1], sure), axis=2).reshape(3, 51)
    boxes = (XYXY / WHOLE)[:, [1, 0, 3, 2]]
    table = padded(np.hstack((rows, boxes, SCORES[:, None])), 6)
    inputs: Inputs = {"input": (TensorProto.INT32, (1, *SIZE, 3))}
    keypoints = np.concatenate((xy * np.array([WIDTH, HEIGHT], np.float32), sure), axis=2).astype(np.float32)
    return few(Layout({"output_0": table}, "movenet", "letterbox", inputs=inputs, kinds=FACES, keypoints=keypoints))


def blazeface() -> Layout:
    """google/mediapipe `face_detection_short_range`: 896 anchors, 16 numbers and a logit each."""
    cells_of = [(side, row, column) for side, anchors in ((16, 2), (8, 6)) for row in range(side)
                for column in range(side) for _ in range(anchors)]  # fmt: skip
    shares_of = [((column + 0.5) / side, (row + 0.5) / side) for side, row, column in cells_of]
    centres = np.array(shares_of, np.float32) * (WIDTH, HEIGHT)
    boxes = np.random.default_rng(4).normal(0, 20, (896, 16)).astype(np.float32)
    scores = np.full((896, 1), -6, np.float32)
    shares = np.random.default_rng(5).uniform(0.2, 0.8, (6, 2)).astype(np.float32)
    points = within(XYXY, shares)
    for number, box in enumerate(XYXY):
        middle, extent = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        row = int(np.abs(centres - middle).sum(axis=1).argmin())
        boxes[row] = [*(middle - centres[row]), *extent, *(points[number] - centres[row]).ravel()]
        scores[row] = logit(SCORES[number])
    keypoints = np.concatenate((points, np.ones((3, 6, 1), np.float32)), axis=2)
    outputs = {"regressors": boxes[None], "classificators": scores[None]}
    return few(Layout(outputs, "blazeface", "letterbox", kinds=FACES, keypoints=keypoints, inputs=NHWC))


EXPORTS: dict[str, Callable[[], Layout]] = {
    "YOLOv3-tinyu": yolov3_tiny,
    "YOLOv8 by TFLite": yolov8_tflite,
    "YOLOv8-seg by TFLite": yolov8_segment_tflite,
    "YOLOv8 without sigmoid": yolov8_logits,
    "YOLOv8 without batch": yolov8_without_batch,
    "YOLOv9 of two heads": yolov9_of_two_heads,
    "YOLOv3 from the coarse level": yolov3_coarse_first,
    "YOLOv5 by TFLite": yolov5_tflite,
    "yolov5-face": yolov5_face,
    "YOLOv7-pose": yolov7_pose,
    "pytorch-YOLOv4": yolov4,
    "YOLOv3 of the model zoo": yolov3_zoo,
    "YOLOv8's maps in one": lambda: dfl_maps(groups=1),
    "YOLOv8's maps in two": lambda: dfl_maps(groups=2),
    "YOLOv8's maps in three (RKNN)": lambda: dfl_maps(groups=2, sums=True),
    "YOLOv5's maps": lambda: anchor_maps(powers=False, five=True),
    "YOLOv5's maps in four axes": lambda: anchor_maps(powers=False, five=False),
    "YOLOv3's maps": lambda: anchor_maps(powers=True, five=False),
    "DetectionOutput": detection_output,
    "EfficientDet": efficientdet,
    "PINTO's NMS": pinto_nms,
    "PINTO's DEIMv2": pinto_deim,
    "label-box-score": label_box_score,
    "class-score-box": score_first,
    "rows as shares": rows_as_shares,
    "rows of centre and size": rows_of_centres,
    "centre and size of each cell": centres_of_cells,
    "YOLOv8 cut": lambda: cut(logits=False, transposed=False),
    "YOLOv8 cut in columns": lambda: cut(logits=False, transposed=True),
    "YOLOv8 cut with logits": lambda: cut(logits=True, transposed=False),
    "DeepStream-Yolo": lambda: deepstream(kind="rows"),
    "DeepStream-Yolo of 2023": lambda: deepstream(kind="columns"),
    "TFLite's post-processing": tflite,
    "Azure Custom Vision": custom_vision,
    "Core ML": core_ml,
    "Mask R-CNN": mask_rcnn,
    "RTMDet-Ins": rtmdet_ins,
    "TensorFlow's Mask R-CNN": tf_mask_rcnn,
    "RF-DETR-Seg": rfdetr_segment,
    "Keypoint R-CNN": keypoint_rcnn,
    "RTMO": rtmo,
    "RT-DETR deployed with ids": rtdetr_with_ids,
    "optimum's hidden states": hugging_face_names,
    "D-FINE of one class": detr_of_one_class,
    "D-FINE of two classes": detr_of_two_classes,
    "DetectNet_v2": detectnet,
    "CenterNet": centernet,
    "MoveNet of several people": movenet,
    "BlazeFace": blazeface,
}
"""By the name of what exports them."""
