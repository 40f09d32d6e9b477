"""Models whose outputs look like those of a known layout and are wrong: refused, and never believed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edge_daemon.errors import ModelError
from edge_daemon.models.model import Model
from edge_daemon.settings import ModelSettings
from tests import layouts
from tests.layouts import HEIGHT, SIZE, WIDTH, Layout
from tests.onnx_models import constant_model

Array = NDArray[np.float32]
Outputs = Mapping[str, NDArray[np.generic]]
DARK, WHITE = np.zeros((200, 250, 3), np.uint8), np.full((200, 250, 3), 255, np.uint8)


def load(path: Path, **settings: Any) -> Model:
    return Model(ModelSettings(name="m", path=str(path), **settings))


def v8(**changes: Any) -> Array:
    """YOLOv8's output with channels set to something."""
    output = np.array(layouts.yolov8().outputs["output0"])
    for name, value in changes.items():
        channels = {"scores": slice(4, None), "boxes": slice(0, 4), "size": slice(2, 4), "place": slice(0, 2)}[name]
        output[0, channels] = value(output[0, channels]) if callable(value) else value
    return output


def rows(column: int | slice, value: Any) -> Array:
    """YOLOv10's output with a column of all rows set to something."""
    output = layouts.rows_of()
    output[0, :, column] = value
    return output


def trt(**changes: Any) -> Outputs:
    outputs = dict(layouts.tensorrt().outputs)
    for name, value in changes.items():
        outputs[name] = value(outputs[name]) if callable(value) else np.full_like(outputs[name], value)
    return outputs


def one(make: Any) -> Array:
    """The only output of a layout."""
    (output,) = make().outputs.values()
    return np.array(output, np.float32)


def changed(make: Any, name: str, change: Any) -> Outputs:
    """A layout's outputs with one changed."""
    outputs = dict(make().outputs)
    return {**outputs, name: np.asarray(change(outputs[name]))}


def spoil(array: Array, value: float, share: float = 0.01) -> Array:
    """With a value in some places."""
    places = np.random.default_rng(0).random(array.shape) < share
    return np.where(places, np.float32(value), array).astype(np.float32)


UNKNOWN = "output layout is not known"
GARBAGE: dict[str, tuple[Outputs, dict[str, str], str]] = {
    # Axes
    "cells first": ({"o": v8().transpose(2, 0, 1)}, {}, UNKNOWN),
    "batch last": ({"o": v8().transpose(1, 2, 0)}, {}, UNKNOWN),
    "x and y swapped": ({"o": v8()[:, [1, 0, 3, 2, *range(4, 84)]]}, {}, UNKNOWN),
    "x and y swapped, transposed": ({"o": v8()[:, [1, 0, 3, 2, *range(4, 84)]].transpose(0, 2, 1)}, {}, UNKNOWN),
    "size before place": ({"o": v8()[:, [2, 3, 0, 1, *range(4, 84)]]}, {}, UNKNOWN),
    "scores before boxes": ({"o": v8()[:, [*range(4, 84), 0, 1, 2, 3]]}, {}, UNKNOWN),
    "cells column by column": (
        {"o": v8()[:, :, np.random.default_rng(0).permutation(v8().shape[2])]},
        {},
        UNKNOWN,
    ),
    "YOLOX transposed": ({"o": one(lambda: layouts.yolox(decoded=True)).transpose(0, 2, 1)}, {}, UNKNOWN),
    "YOLOX undecoded and transposed": (
        {"o": one(lambda: layouts.yolox(decoded=False)).transpose(0, 2, 1)},
        {},
        UNKNOWN,
    ),
    "five axes": ({"o": v8()[None, None]}, {}, UNKNOWN),
    "rows for another size": ({"o": v8()[:, :, :-1]}, {}, UNKNOWN),
    "levels of a head": (
        {
            f"o{s}": np.random.default_rng(s).normal(0, 1, (1, 255, HEIGHT // s, WIDTH // s)).astype("f4")
            for s in (8, 16)
        },
        {},
        UNKNOWN,
    ),
    "a level of a head": (
        {"o": np.random.default_rng(0).normal(0, 1, (1, 125, HEIGHT // 32, WIDTH // 32)).astype("f4")},
        {},
        UNKNOWN,
    ),
    # Values
    "NaN": ({"o": np.full_like(v8(), np.nan)}, {}, "infinite or not a number"),
    "NaN in scores": ({"o": v8(scores=lambda s: spoil(s, np.nan))}, {}, "infinite or not a number"),
    "infinite scores": ({"o": v8(scores=lambda s: spoil(s, np.inf))}, {}, "infinite or not a number"),
    "infinite boxes": ({"o": v8(size=lambda s: spoil(s, np.inf))}, {}, "infinite or not a number"),
    "scores over 1": (
        {"o": v8(scores=lambda s: s * 7)},
        {},
        "scores range from .* to 6.3, but probabilities are in 0..1",
    ),
    "a few scores over 1": ({"o": v8(scores=lambda s: spoil(s, 7, 1e-4))}, {}, "to 7, but probabilities"),
    "scores in percent": ({"o": v8(scores=lambda s: s * 100)}, {}, "scores range from .* to 90"),
    "negative scores": ({"o": v8(scores=lambda s: -s)}, {}, "scores range from -0.9"),
    "everything everywhere": ({"o": v8(scores=0.9)}, {}, "100% of its scores are above 0.5"),
    "all zero": ({"o": np.zeros_like(v8())}, {}, UNKNOWN),
    "all one": ({"o": np.ones_like(v8())}, {}, UNKNOWN),
    "quantised with one scale": (
        {"o": (np.round(v8(scores=0) / 2) * 2).astype(np.float32)},
        {},
        "every score is 0: its output was quantised",
    ),
    "whole numbers": ({"o": v8().astype(np.int32)}, {}, UNKNOWN),
    "boxes as shares": ({"o": v8(boxes=lambda b: b / WIDTH)}, {}, UNKNOWN),
    "boxes outside": ({"o": v8(place=lambda p: p + 3000)}, {}, "lie outside the picture"),
    "boxes without area": ({"o": v8(size=0)}, {}, "have no area"),
    "boxes inside out": ({"o": v8(size=lambda s: -s)}, {}, "have no area"),
    "huge boxes": ({"o": v8(size=lambda s: s * 100)}, {}, "far larger than the picture"),
    # Other heads
    "YOLOX all zero": ({"o": np.zeros((1, 840, 85), np.float32)}, {}, UNKNOWN),
    "YOLOX everywhere": (
        {"o": spoil(one(lambda: layouts.yolox(decoded=False)), 0.99, 0.9)},
        {},
        "of its scores are above",
    ),
    "YOLOv5 without objectness": (
        {"o": np.delete(one(layouts.yolov5), 4, axis=2)},
        layouts.NAMED,
        "has 79 classes, but 80 names are given",
    ),
    "NanoDet's logits": (
        {
            n: layouts.logit(np.asarray(a, np.float32)) if "cls" in n else a
            for n, a in layouts.nanodet().outputs.items()
        },
        {},
        UNKNOWN,
    ),
    "SSD's logits": (changed(layouts.ssd, "scores", lambda s: np.log(s + 1e-6)), {}, UNKNOWN),
    "RetinaFace's logits": (changed(layouts.retinaface, "conf", lambda c: np.log(c)), {}, "scores range from"),
    "RetinaFace of sigmoids": (changed(layouts.retinaface, "conf", lambda c: c / 2), {}, "do not add up to 1"),
    "SCRFD all zero": (
        {n: np.zeros_like(a) for n, a in layouts.scrfd(points=True, batched=True).outputs.items()},
        {},
        UNKNOWN,
    ),
    "DETR all zero": ({"a": np.zeros((1, 100, 92), np.float32), "b": np.zeros((1, 100, 4), np.float32)}, {}, UNKNOWN),
    "DETR everywhere": (changed(layouts.rtdetr_logits, "logits", lambda a: a + 9), {}, "of its scores are above"),
    "DETR in pixels": (changed(layouts.rtdetr_logits, "pred_boxes", lambda b: b * 256), {}, UNKNOWN),
    # Finished detections
    "classes not whole": ({"o": rows(5, 0.5)}, {}, UNKNOWN),
    "classes that are not named": ({"o": rows(5, 81)}, layouts.NAMED, "found class 81, but only 80 are named"),
    "classes beyond all": ({"o": rows(5, 1e6)}, {}, "class 1000000, which is out of range"),
    "300 sure rows": ({"o": rows(4, 0.9)}, {}, "100% of its scores are above 0.5"),
    "rows scored over 1": ({"o": rows(4, 90)}, {}, UNKNOWN),
    "rows scored below 0": ({"o": rows(4, -0.5)}, {}, UNKNOWN),
    "rows with NaN": ({"o": rows(0, np.nan)}, {}, "infinite or not a number"),
    "rows without area": ({"o": layouts.rows_of()[..., [0, 1, 0, 1, 4, 5]]}, {}, "have no area"),
    "a billion things": (trt(num_dets=1_000_000_000), {}, r"reports 1e\+09 detections, with room for 100"),
    "fewer than nothing": (trt(num_dets=-5), {}, "reports -5 detections, with room for 100"),
    "finished and inside out": (trt(det_boxes=lambda b: b[..., [2, 3, 0, 1]]), {}, "have no area"),
    "finished and outside": (trt(det_boxes=lambda b: b + 5000), {}, "lie outside the picture"),
    "finished and scored over 1": (trt(det_scores=lambda s: s * 100), {}, "scores range from"),
    "finished with NaN": (trt(det_scores=np.nan), {}, "not a number"),
    "finished with classes not whole": (
        trt(det_classes=lambda c: c.astype(np.float32) + np.float32(0.5)),
        {},
        "classes are not whole numbers",
    ),
    "finished with fewer scores": (trt(det_scores=lambda s: s[:, :50]), {}, UNKNOWN),
    "finished and sure of all": (trt(num_dets=100, det_scores=0.9), {}, "100% of its scores are above 0.5"),
    # Of the whole picture
    "probabilities all the same": ({"o": np.full((1, 1000), 0.001, np.float32)}, {}, "are all equal"),
    "probabilities all zero": ({"o": np.zeros((1, 1000), np.float32)}, {}, "are all equal"),
    "logits with NaN": ({"o": np.full((1, 1000), np.nan, np.float32)}, {}, "not a number"),
    "a vector of zeros": ({"o": np.zeros((1, 512), np.float32)}, {}, "vector of zeros"),
    "a vector with infinity": ({"o": np.full((1, 512), np.inf, np.float32)}, {}, "infinite or not a number"),
    "segments all zero": ({"o": np.zeros((1, 21, *SIZE), np.float32)}, {}, UNKNOWN),
    "segments with NaN": ({"o": np.full((1, 21, *SIZE), np.nan, np.float32)}, {}, "not a number"),
    "a picture": ({"o": np.random.default_rng(0).random((1, 3, *SIZE), np.float32)}, {}, UNKNOWN),
    "distances": ({"o": np.random.default_rng(0).random((1, 1, *SIZE), np.float32) * 30 + 1}, {}, UNKNOWN),
    "classes of pixels beyond all": (
        {"o": np.arange(HEIGHT * WIDTH).reshape(1, *SIZE)},
        {},
        "but must be in 0 to 255",
    ),
    "maps of classes without those of boxes": (
        {
            f"o{s}": np.random.default_rng(s).normal(-6, 1, (1, 80, HEIGHT // s, WIDTH // s)).astype("f4")
            for s in (8, 16, 32)
        },
        {},
        UNKNOWN,
    ),
    # Shapes
    "a number": ({"o": np.array(0.5, np.float32)}, {}, UNKNOWN),
    "nothing": ({"o": np.zeros((0,), np.float32)}, {}, UNKNOWN),
    "no cells": ({"o": np.zeros((1, 84, 0), np.float32)}, {}, UNKNOWN),
    "no columns": ({"o": np.zeros((1, 840, 0), np.float32)}, {}, UNKNOWN),
    "no probabilities": ({"o": np.zeros((1, 0), np.float32)}, {}, UNKNOWN),
    "strings": ({"o": np.array([["cat"]])}, {}, r"no tensors of numbers: o tensor\(string\)"),
    "truth": ({"o": np.ones((1, 84, 840), bool)}, {}, r"no tensors of numbers: o tensor\(bool\)"),
}


@pytest.mark.parametrize("case", GARBAGE)
def test_garbage_is_refused(tmp_path: Path, case: str) -> None:
    outputs, metadata, message = GARBAGE[case]
    path = constant_model(tmp_path / "m.onnx", outputs, SIZE, metadata=metadata)
    with pytest.raises(ModelError, match=message) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


def turning(path: Path, layout: Layout, bad: Outputs) -> Path:
    """A model that gives a layout's outputs, and the bad ones for a white picture."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Greater", ["mean", "almost_white"], ["white"]),
    ]
    constants = [numpy_helper.from_array(np.array(layout_white(layout), np.float32), "almost_white")]
    for number, (name, good) in enumerate(layout.outputs.items()):
        constants += [
            numpy_helper.from_array(good, f"good_{number}"),
            numpy_helper.from_array(np.asarray(bad[name], good.dtype), f"bad_{number}"),
        ]
        nodes.append(helper.make_node("Where", ["white", f"bad_{number}", f"good_{number}"], [name]))
    graph = helper.make_graph(
        nodes,
        "turning",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, *SIZE))],
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(good.dtype), good.shape)
            for name, good in layout.outputs.items()
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    for key, value in layout.metadata.items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def layout_white(layout: Layout) -> float:
    """A mean of the input that only a white picture has, not a black one or a texture: recipes scale differently."""
    if "iou" in layout.outputs:
        return 160.0
    return {"yolox": 160.0, "retinaface": 50.0, "nanodet": 1.0, "scrfd": 0.53}.get(layout.decoder, 0.8)


LATER: dict[str, tuple[Layout, Any, str]] = {
    "NaN": (layouts.yolov8(), lambda a: a * np.nan, "infinite or not a number"),
    "NaN in one place": (layouts.yolov8(), lambda a: spoil(a, np.nan, 1e-4), "infinite or not a number"),
    "infinity": (layouts.yolox(decoded=False), lambda a: spoil(a, np.inf, 1e-3), "infinite or not a number"),
    "scores over 1": (layouts.yolov8(), lambda a: spoil(a, 50, 0.01), "its scores range from"),
    "sizes that overflow": (layouts.yolox(decoded=False), lambda a: a * 300, "its scores range|infinite"),
    "rows inside out": (layouts.yolov10(), lambda a: a[..., [2, 3, 0, 1, 4, 5]], "have no area"),
    "rows outside": (layouts.yolov10(), lambda a: a + np.array([9e3] * 4 + [0, 0]), "lie outside the picture"),
    "rows as shares": (layouts.nms_inside(), lambda a: a / np.array([256] * 4 + [1, 1]), "boxes look like shares"),
    "rows of classes not whole": (layouts.nms_inside(), lambda a: a + np.array([0] * 5 + [0.4]), "not whole numbers"),
    "scores and classes swapped": (
        layouts.nms_inside(),
        lambda a: (a * np.array([1, 1, 1, 1, 1, 0]))[..., [0, 1, 2, 3, 5, 4]],
        "not whole numbers",
    ),
    "NaN in keypoints": (layouts.rows_pose(), lambda a: spoil(a, np.nan), "infinite or not a number"),
    "NaN in prototypes": (layouts.yolov8_segment(), lambda a: a * np.nan if a.ndim == 4 else a, "infinite or not"),
    "NaN for faces": (layouts.retinaface(), lambda a: a * np.nan, "infinite or not a number"),
    "NaN in IoU": (layouts.first_yunet(), lambda a: a * np.nan if a.shape[1] == 1 else a, "infinite or not a number"),
    "NaN for SSD": (layouts.ssd(), lambda a: a * np.nan, "infinite or not a number"),
    "NaN for queries": (layouts.detr(), lambda a: a * np.nan, "infinite or not a number"),
    "NaN for SCRFD": (layouts.scrfd(points=True, batched=True), lambda a: a * np.nan, "infinite or not a number"),
    "infinity for NanoDet": (layouts.nanodet(), lambda a: a + np.inf, "infinite or not a number"),
}


@pytest.mark.parametrize("case", LATER)
def test_garbage_on_some_pictures_is_an_error_of_those(tmp_path: Path, case: str) -> None:
    layout, change, message = LATER[case]
    with np.errstate(all="ignore"):
        bad = {name: change(array) for name, array in layout.outputs.items()}
    model = load(turning(tmp_path / "m.onnx", layout, bad))
    assert len(model.detect(DARK)[0].detections) == 3
    with pytest.raises(ModelError, match=message):
        model.detect(WHITE)
    assert len(model.detect(DARK)[0].detections) == 3
