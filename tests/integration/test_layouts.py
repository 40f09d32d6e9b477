"""Models of every known layout: read without being told how, in pixels of a picture of another shape."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto

from edge_daemon.models.detections import Findings, Mask
from edge_daemon.models.model import Model
from edge_daemon.settings import InputSettings, ModelSettings
from tests import layouts
from tests.exports import EXPORTS
from tests.layouts import DETECTORS, HEIGHT, SIZE, WIDTH, Layout
from tests.onnx_models import constant_model

Array = NDArray[np.float32]
PICTURE = np.zeros((200, 250, 3), np.uint8)


def load(path: Path, **settings: Any) -> Model:
    return Model(ModelSettings(name="m", path=str(path), **settings))


def to_source(points: Array, fit: str) -> Array:
    """Points (...x2) in the input, in a picture of 250x200: 200x160 of 256x160 if its shape is kept."""
    if fit == "stretch":
        return points * np.array([250 / WIDTH, 200 / HEIGHT], np.float32)
    left = 28 if fit == "letterbox" else 0
    return (points - np.array([left, 0], np.float32)) / np.float32(0.8)


def check(findings: Findings, layout: Layout) -> None:
    """See that just the three things were found."""
    found = findings.detections
    if layout.empty:
        assert not len(found)
        return
    slack = layout.slack
    np.testing.assert_allclose(found.confidence, layouts.SCORES, atol=max(0.002, slack / 100))
    np.testing.assert_array_equal(found.class_id, layout.kinds)
    around = layouts.XYXY.reshape(-1, 2, 2)
    if layout.corners is None:
        assert found.corners is None
    else:
        assert found.corners is not None
        around = np.stack((layout.corners.min(axis=1), layout.corners.max(axis=1)), axis=1)
        expected = to_source(layout.corners, layout.fit)
        for mine, theirs in zip(found.corners, expected, strict=True):
            apart = np.linalg.norm(mine[:, None] - theirs[None], axis=2)
            assert (apart.min(axis=1) < slack).all()
            assert (apart.min(axis=0) < slack).all()
    boxes = np.clip(to_source(around, layout.fit), 0, [250, 200])
    np.testing.assert_allclose(found.xyxy.reshape(-1, 2, 2), boxes, atol=slack)
    if layout.keypoints is None:
        assert found.keypoints is None
    else:
        assert found.keypoints is not None
        points = to_source(layout.keypoints[..., :2], layout.fit)
        np.testing.assert_allclose(found.keypoints[..., :2], points, atol=slack)
        np.testing.assert_allclose(found.keypoints[..., 2], layout.keypoints[..., 2], atol=0.01)
    if layout.masks:
        assert found.masks is not None
        for mask, box in zip(found.masks, found.xyxy, strict=True):
            left_half(mask, box)
    else:
        assert found.masks is None


def left_half(mask: Mask, box: Array) -> None:
    """A mask is the left half of its box, give or take a pixel of the prototypes."""
    left, top, right, bottom = box.tolist()
    assert (mask.left, mask.top) == (int(left), int(top))
    assert mask.shape.shape == (np.ceil(bottom) - int(top), np.ceil(right) - int(left))
    middle = round((right - left) / 2)
    assert mask.shape[:, : middle - 4].all()
    assert not mask.shape[:, middle + 4 :].any()


@pytest.mark.parametrize("name", DETECTORS)
def test_detectors(tmp_path: Path, name: str) -> None:
    layout = DETECTORS[name]()
    model = load(layout.write(tmp_path / "m.onnx"), **layout.settings)
    assert (model.decoder.name, model.recipe.fit) == (layout.decoder, layout.fit)
    assert {one.what for one in model.facts if one.sure == "likely"} <= {*layout.likely, "colour", "values", "fit"}
    assert not any("could also" in note for note in model.notes)
    check(model.detect(PICTURE)[0], layout)


@pytest.mark.parametrize("name", DETECTORS)
def test_of_what_is_below_the_threshold_the_surest_is_known(tmp_path: Path, name: str) -> None:
    layout = DETECTORS[name]()
    model = load(layout.write(tmp_path / "m.onnx"), decoder=layout.decoder, confidence=0.99)
    (found,), _ = model.detect_all([PICTURE], seek=True)
    assert not len(found.detections)
    assert model.detect(PICTURE)[0].surest is None, "it is not looked for unless somebody asks"
    if layout.empty:
        assert found.surest is None or found.surest.confidence < 0.2
        return
    assert found.surest
    assert found.surest.confidence == pytest.approx(max(layouts.SCORES), abs=max(0.002, layout.slack / 100))
    assert found.surest.class_id == layout.kinds[int(np.argmax(layouts.SCORES))]


@pytest.mark.parametrize("name", DETECTORS)
def test_detectors_that_are_named(tmp_path: Path, name: str) -> None:
    layout = DETECTORS[name]()
    model = load(layout.write(tmp_path / "m.onnx"), decoder=layout.decoder)
    check(model.detect(PICTURE)[0], layout)


@pytest.mark.parametrize("name", EXPORTS)
def test_exports(tmp_path: Path, name: str) -> None:
    layout = EXPORTS[name]()
    model = load(layout.write(tmp_path / "m.onnx"), **layout.settings)
    assert (model.decoder.name, model.recipe.fit) == (layout.decoder, layout.fit)
    assert {one.what for one in model.facts if one.sure == "likely"} <= {
        *layout.likely,
        "colour",
        "values",
        "fit",
        "anchors",
    }
    check(model.detect(PICTURE)[0], layout)


# Inputs

INPUTS: dict[str, tuple[layouts.Inputs, dict[str, Any]]] = {
    "channels last": ({"x": (TensorProto.FLOAT, (1, *SIZE, 3))}, {}),
    "bytes": ({"x": (TensorProto.UINT8, (1, 3, *SIZE))}, {}),
    "bytes, channels last": ({"x": (TensorProto.UINT8, (1, *SIZE, 3))}, {}),
    "half precision": ({"x": (TensorProto.FLOAT16, (1, 3, *SIZE))}, {}),
    "double precision": ({"x": (TensorProto.DOUBLE, (1, 3, *SIZE))}, {}),
    "open batch": ({"x": (TensorProto.FLOAT, ("batch", 3, *SIZE))}, {}),
    "grey": ({"x": (TensorProto.FLOAT, (1, 1, *SIZE))}, {}),
    "open size": (
        {"x": (TensorProto.FLOAT, ("batch", 3, "height", "width"))},
        {"input": InputSettings(size=(WIDTH, HEIGHT))},
    ),
    "all open": (
        {"x": (TensorProto.FLOAT, ("a", "b", "c", "d"))},
        {"input": InputSettings(size=(WIDTH, HEIGHT), layout="nhwc")},
    ),
}


@pytest.mark.parametrize("name", INPUTS)
def test_inputs(tmp_path: Path, name: str) -> None:
    shapes, settings = INPUTS[name]
    layout = layouts.yolov8()
    path = constant_model(tmp_path / "m.onnx", layout.outputs, metadata=layout.metadata, shapes=shapes)
    check(load(path, **settings).detect(PICTURE)[0], layout)


@pytest.mark.parametrize("make", [layouts.yolov8, layouts.yolov8_segment, layouts.rtdetr_deployed, layouts.rfdetr])
def test_a_fixed_batch_is_read_by_its_first_picture(tmp_path: Path, make: Any) -> None:
    layout: Layout = make()
    outputs = {name: np.concatenate((array, *[array[..., ::-1]] * 3)) for name, array in layout.outputs.items()}
    shapes = {name: (kind, (4, *shape[1:])) for name, (kind, shape) in layout.inputs.items()}
    path = constant_model(tmp_path / "m.onnx", outputs, metadata=layout.metadata, shapes=shapes)
    check(load(path).detect(PICTURE)[0], layout)


# Of the whole picture

RECTANGLE = (slice(40, 120), slice(64, 192))
"""Rows and columns of the input that show something."""


def in_rectangle(kind: float, other: float) -> Array:
    values = np.full(SIZE, other, np.float32)
    values[RECTANGLE] = kind
    return values


def class_logits(classes: int, kind: int) -> Array:
    """CxHxW, where `kind` is in the rectangle and 0 elsewhere."""
    logits = np.random.default_rng(0).normal(0, 1, (classes, *SIZE)).astype(np.float32)
    logits[0] += in_rectangle(0, 9)
    logits[kind] += in_rectangle(9, 0)
    return logits


SEGMENTATION: dict[str, tuple[dict[str, NDArray[np.generic]], dict[str, Any], int]] = {
    "logits": ({"out": class_logits(21, 15)[None]}, {}, 15),
    "logits and a helper's": ({"out": class_logits(21, 15)[None], "aux": class_logits(21, 3)[None]}, {}, 15),
    "logits, channels last": ({"out": class_logits(21, 15).transpose(1, 2, 0)[None]}, {}, 15),
    "a quarter of the size": ({"out": class_logits(19, 7)[None, :, ::4, ::4]}, {}, 7),
    "three named classes": ({"out": class_logits(3, 2)[None]}, {"labels": ["a", "b", "c"]}, 2),
    "classes": ({"out": in_rectangle(15, 0)[None].astype(np.int64)}, {}, 15),
    "classes with a channel": ({"out": in_rectangle(15, 0)[None, None].astype(np.int32)}, {}, 15),
    "classes, channel last": ({"out": in_rectangle(15, 0)[None, ..., None].astype(np.uint8)}, {}, 15),
    "a mask of bytes": ({"out": in_rectangle(255, 0)[None, None].astype(np.uint8)}, {}, 1),
    "shares of one": ({"out": in_rectangle(0.9, 0.1)[None, None]}, {}, 1),
    "logits of one": ({"out": in_rectangle(4, -4)[None, None]}, {}, 1),
    "foreground as whole numbers": ({"out": in_rectangle(1, 0)[None, None]}, {}, 1),
}


@pytest.mark.parametrize("name", SEGMENTATION)
def test_segmentation(tmp_path: Path, name: str) -> None:
    outputs, settings, kind = SEGMENTATION[name]
    model = load(constant_model(tmp_path / "m.onnx", outputs, SIZE), **settings)
    assert model.decoder.name == "segmentation"
    findings, _ = model.detect(PICTURE)
    assert not len(findings.detections)
    assert findings.label_map is not None
    assert findings.label_map.shape == (200, 250)
    rows, columns = (np.array([part.start, part.stop]) for part in RECTANGLE)
    top, bottom = np.rint(rows * 200 / HEIGHT).astype(int)
    left, right = np.rint(columns * 250 / WIDTH).astype(int)
    expected = np.zeros((200, 250), bool)
    expected[top:bottom, left:right] = True
    assert ((findings.label_map == kind) == expected).mean() > 0.97
    assert set(np.unique(findings.label_map)) == {0, kind}


def shares_of(classes: int) -> Array:
    shares = np.random.default_rng(0).uniform(0, 1, classes).astype(np.float32)
    shares[[7, 3]] = 0
    shares *= np.float32(0.2) / shares.sum()
    shares[[7, 3]] = 0.6, 0.2
    return shares[None]


CLASSIFICATION: dict[str, tuple[Array, dict[str, str], dict[str, Any]]] = {
    "probabilities": (shares_of(1000), {}, {}),
    "logits": (np.log(shares_of(1000)), {}, {}),
    "1xCx1x1": (shares_of(1000)[..., None, None], {}, {}),
    "logits of named classes": (np.log(shares_of(12)), {}, {"labels": [f"c{number}" for number in range(12)]}),
    "Ultralytics": (shares_of(10), {"task": "classify", "names": str({i: f"c{i}" for i in range(10)})}, {}),
}


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_classification(tmp_path: Path, name: str) -> None:
    output, metadata, settings = CLASSIFICATION[name]
    model = load(constant_model(tmp_path / "m.onnx", {"out": output}, (224, 224), metadata=metadata), **settings)
    assert (model.decoder.name, model.recipe.fit) == ("classification", "crop")
    findings, _ = model.detect(PICTURE)
    assert findings.classes is not None
    assert [one.class_id for one in findings.classes[:2]] == [7, 3]
    assert [one.confidence for one in findings.classes[:2]] == pytest.approx([0.6, 0.2], abs=1e-4)
    assert not len(findings.detections)


def test_embedding(tmp_path: Path) -> None:
    vector = np.random.default_rng(0).normal(0, 3, (1, 512)).astype(np.float32)
    model = load(constant_model(tmp_path / "m.onnx", {"out": vector}, (256, 128)))
    assert model.decoder.name == "embedding"
    findings, _ = model.detect(PICTURE)
    assert findings.embedding is not None
    np.testing.assert_allclose(findings.embedding, vector[0] / np.linalg.norm(vector), rtol=1e-5)


def test_attributes_of_which_several_hold(tmp_path: Path) -> None:
    """As PaddleDetection's PP-Human: a sigmoid each, all above the threshold instead of the five best."""
    output = np.full((1, 26), 0.1, np.float32)
    output[0, [3, 7, 8, 9, 10, 11, 12]] = 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.3
    labels = [f"attribute {number}" for number in range(26)]
    model = load(constant_model(tmp_path / "m.onnx", {"out": output}, (256, 192)), labels=labels)
    classes = model.detect(PICTURE)[0].classes
    assert classes is not None
    assert [(one.class_id, round(one.confidence, 2)) for one in classes] == [
        (3, 0.95), (7, 0.9), (8, 0.8), (9, 0.7), (10, 0.6), (11, 0.5),
    ]  # fmt: skip


POSE = np.array([(20 + 8 * number, 32 + 12 * number) for number in range(17)], np.float32)
"""Points in an input of 256x192 (height, width) that lie on cells of 4 pixels."""


def heat_maps() -> dict[str, NDArray[np.generic]]:
    maps = np.random.default_rng(0).uniform(0, 0.01, (1, 17, 64, 48)).astype(np.float32)
    for number, (x, y) in enumerate((POSE / 4).astype(int).tolist()):
        maps[0, number, y, x] = 0.9
        maps[0, number, y, x + 1 : x + 2] = 0.5  # the point lies a quarter of a cell further right
    return {"output": maps}


def simcc() -> dict[str, NDArray[np.generic]]:
    x, y = (np.random.default_rng(0).uniform(0, 0.01, (1, 17, 2 * side)).astype(np.float32) for side in (192, 256))
    for number, (left, top) in enumerate((POSE * 2).astype(int).tolist()):
        x[0, number, left], y[0, number, top] = 0.9, 0.95
    return {"simcc_x": x, "simcc_y": y}


@pytest.mark.parametrize(
    ("make", "decoder", "slack"), [(heat_maps, "heatmaps", (2.0, 2.1)), (simcc, "simcc", (0.0, 0.1))]
)
def test_poses(tmp_path: Path, make: Any, decoder: str, slack: tuple[float, float]) -> None:
    model = load(constant_model(tmp_path / "m.onnx", make(), (256, 192)))
    assert model.decoder.name == decoder
    tall = np.zeros((512, 384, 3), np.uint8)
    findings, _ = model.detect(tall)
    assert findings.keypoints is not None
    apart = findings.keypoints[:, :2] - 2 * POSE
    assert slack[0] - 0.2 <= apart[:, 0].max() <= slack[1]
    assert findings.keypoints[:, 2] == pytest.approx(np.full(17, 0.9), abs=0.01)
    moved = findings.moved(5, 7).keypoints
    assert moved is not None
    np.testing.assert_allclose(moved, findings.keypoints + np.array([5, 7, 0]))


def test_a_pose_of_one_person(tmp_path: Path) -> None:
    """MoveNet `singlepose`: y, x, score as shares."""
    points = np.full((1, 1, 17, 3), 0.5, np.float32)
    points[0, 0, :, 0], points[0, 0, :, 2] = 0.25, 0.8
    shapes: layouts.Inputs = {"input": (TensorProto.INT32, (1, 192, 192, 3))}
    model = load(constant_model(tmp_path / "m.onnx", {"output_0": points}, shapes=shapes))
    keypoints = model.detect(np.zeros((400, 400, 3), np.uint8))[0].keypoints
    assert keypoints is not None
    np.testing.assert_allclose(keypoints, np.tile([200, 100, 0.8], (17, 1)), atol=1e-3)


LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def steps(text: str, count: int, width: int, blank: int, first: int) -> Array:
    """Distributions over characters for steps that read a text, with repeats and blanks."""
    best = np.full(count, blank)
    for number, letter in enumerate(text):
        at = 2 + 4 * number
        best[at : at + 2] = LETTERS.index(letter) + first
    shares = np.full((count, width), 0.05 / (width - 1), np.float32)
    shares[np.arange(count), best] = 0.95
    return shares


@pytest.mark.parametrize(
    ("output", "metadata", "settings"),
    [
        (steps("AB11C", 40, 38, 0, 1)[None], {"character": "\n".join(LETTERS)}, {}),  # PP-OCR: a blank, a space
        (np.log(steps("AB11C", 40, 37, 36, 0)).T[None], {}, {"labels": list(LETTERS)}),  # LPRNet
        (steps("AB11C", 40, 37, 36, 0)[:, None], {}, {"labels": list(LETTERS)}),  # a CRNN, steps first
    ],
)
def test_text_by_steps(tmp_path: Path, output: Array, metadata: dict[str, str], settings: dict[str, Any]) -> None:
    """Constant outputs are text in every picture, so most steps are blank, as in one without text."""
    model = load(constant_model(tmp_path / "m.onnx", {"out": output}, (48, 320), metadata=metadata), **settings)
    assert model.decoder.name == "ctc"
    text = model.detect(PICTURE)[0].text
    assert text is not None
    assert (text[0], round(text[1], 3)) == ("AB11C", 0.95)


@pytest.mark.parametrize("is_flat", [True, False])
def test_text_by_places(tmp_path: Path, is_flat: bool) -> None:
    """fast-plate-ocr: nine places, the filler last."""
    shares = np.full((9, 37), 0.001, np.float32)
    for place, letter in enumerate("AB123CD__"):
        shares[place, [*LETTERS, "_"].index(letter)] = 1 - 0.036
    output = shares.reshape(1, -1) if is_flat else shares[None]
    model = load(constant_model(tmp_path / "m.onnx", {"out": output}, (64, 128)))
    assert model.decoder.name == "places"
    assert any("characters" in note for note in model.notes)
    text = model.detect(PICTURE)[0].text
    assert text is not None
    assert (text[0], round(text[1], 3)) == ("AB123CD", 0.964)


def test_numbers_and_classes_beside_them(tmp_path: Path) -> None:
    """OpenVINO's age-gender-recognition-retail-0013."""
    outputs = {
        "age_conv3": np.full((1, 1, 1, 1), 0.34, np.float32),
        "prob": np.array([0.2, 0.8], np.float32).reshape(1, 2, 1, 1),
    }
    model = load(constant_model(tmp_path / "m.onnx", outputs, (62, 62)), labels=["female", "male"])
    findings, _ = model.detect(PICTURE)
    assert findings.values is not None
    assert [(name, round(value, 3)) for name, value in findings.values] == [("age_conv3", 0.34)]
    assert findings.classes is not None
    best = findings.classes[0]
    assert (model.name_of(best.class_id), round(best.confidence, 3)) == ("male", 0.8)
