"""Each key of `boxes`, on a model that would be read wrongly, or not at all, without it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto

from edge_daemon.errors import ModelError
from edge_daemon.models.detections import Findings
from edge_daemon.models.model import Model
from edge_daemon.settings import BoxesSettings, ModelSettings
from tests.exports import EXPORTS
from tests.integration.test_layouts import PICTURE, check
from tests.onnx_models import constant_model

Outputs = dict[str, NDArray[Any]]
Anchors = list[list[tuple[float, float]]]
SIZE = (64, 128)
SEEN = np.zeros((64, 128, 3), np.uint8)
XYXY = np.array([(10, 8, 50, 60), (60, 10, 120, 50)], np.float32)
SCORES, KINDS = np.array([0.9, 0.8], np.float32), np.array([1, 2], np.float32)
WHOLE = np.array([128, 64] * 2, np.float32)


def read(folder: Path, outputs: Outputs, shape: Any = SIZE, batch: int = 1, **boxes: Any) -> Findings:
    made = constant_model(folder / "m.onnx", outputs, shapes=shape) if isinstance(shape, dict) else None
    path = made or constant_model(folder / "m.onnx", outputs, shape)
    model = Model(ModelSettings(name="m", path=str(path), batch=batch, boxes=BoxesSettings(**boxes)))
    return model.detect(SEEN)[0]


def rows(*parts: NDArray[np.float32], total: int = 100) -> NDArray[np.float32]:
    """1xNxK of these columns, unused rows zero."""
    table = np.column_stack(parts).astype(np.float32)
    return np.vstack((table, np.zeros((total - len(table), table.shape[1]), np.float32)))[None]


def assert_found(findings: Findings, kinds: tuple[int, ...] = (1, 2)) -> None:
    """The two boxes, which may be letterboxed into the input: it has the shape of the picture."""
    found = findings.detections
    np.testing.assert_allclose(found.xyxy, XYXY, atol=0.05)
    np.testing.assert_allclose(found.confidence, SCORES, atol=1e-3)
    assert tuple(found.class_id) == kinds


@pytest.mark.parametrize("order", ["xyxy", "yxyx", "cxcywh"])
def test_order(tmp_path: Path, order: str) -> None:
    given = {
        "xyxy": XYXY,
        "yxyx": XYXY[:, [1, 0, 3, 2]],
        "cxcywh": np.hstack(((XYXY[:, :2] + XYXY[:, 2:]) / 2, XYXY[:, 2:] - XYXY[:, :2])),
    }[order]
    outputs: Outputs = {"o": rows(given, SCORES, KINDS)}
    assert_found(read(tmp_path, outputs, order=order))
    if order == "yxyx":
        assert not np.allclose(read(tmp_path, outputs).detections.xyxy, XYXY)
    if order == "cxcywh":
        with pytest.raises(ModelError):
            read(tmp_path, outputs)


def test_boxes_that_are_no_corners_are_reported_with_the_key(tmp_path: Path) -> None:
    outputs: Outputs = {"a": np.array([(60, 30, 20, 20)], np.float32), "b": SCORES[:1], "c": np.array([1], np.int64)}
    with pytest.raises(ModelError, match=r"1 of its 1 boxes have no area: .*set `boxes: \{order: cxcywh\}`"):
        read(tmp_path, outputs)


def test_unit(tmp_path: Path) -> None:
    """A box of two pixels looks like one of shares."""
    small = np.array([(0, 0, 1, 2), (1, 0, 2, 2)], np.float32)
    outputs: Outputs = {"a": small, "b": SCORES, "c": KINDS.astype(np.int64)}
    np.testing.assert_allclose(read(tmp_path, outputs, unit="pixel").detections.xyxy, small, atol=0.01)
    np.testing.assert_allclose(read(tmp_path, outputs, unit="share").detections.xyxy[0], (0, 0, 128, 64), atol=0.01)
    assert_found(read(tmp_path, {"o": rows(XYXY / WHOLE, SCORES, KINDS)}, unit="share"))


@pytest.mark.parametrize("first", [0, 1])
def test_first_class(tmp_path: Path, first: int) -> None:
    outputs: Outputs = {"a": XYXY, "b": SCORES, "c": KINDS.astype(np.int64)}
    assert_found(read(tmp_path, outputs, first_class=first), (1 - first, 2 - first))


def test_nms(tmp_path: Path) -> None:
    table = rows(np.vstack((XYXY, XYXY + 1)), np.array([0.9, 0.8, 0.7, 0.6]), np.array([1, 2, 1, 2]))
    assert_found(read(tmp_path, {"o": table}, nms=True))
    assert len(read(tmp_path, {"o": table}, nms=False).detections) == 4


@pytest.mark.parametrize(
    ("activation", "share", "several"),
    [("softmax", np.exp(3) / (np.exp(3) + 25 * np.exp(-3)), False), ("sigmoid", 1 / (1 + np.exp(-3)), True)],
)
def test_activation(tmp_path: Path, activation: Any, share: float, several: bool) -> None:
    logits = np.full((1, 26), -3, np.float32)
    logits[0, 3] = 3
    path = constant_model(tmp_path / "m.onnx", {"o": logits}, SIZE)
    labels = [f"attribute {number}" for number in range(26)]
    settings = ModelSettings(name="m", path=str(path), labels=labels, boxes=BoxesSettings(activation=activation))
    classes = Model(settings).detect(SEEN)[0].classes
    assert classes is not None
    assert classes[0].confidence == pytest.approx(share, abs=1e-3)
    assert len(classes) == (1 if several else 5)
    with pytest.raises(ModelError, match="not probabilities"):
        Model(ModelSettings(name="m", path=str(path), labels=labels, boxes=BoxesSettings(activation="none")))


def test_columns(tmp_path: Path) -> None:
    outputs = {"o": rows(SCORES, KINDS, XYXY)}
    with pytest.raises(ModelError, match=r"set `boxes: \{columns: \[\.\.\.\]\}`|layout is not known|implausible"):
        read(tmp_path, outputs)
    assert_found(read(tmp_path, outputs, columns=["score", "class", "box"]))
    with pytest.raises(ModelError, match=r"`boxes.columns` are 7 columns, `box` being four, but its rows have 6"):
        read(tmp_path, outputs, columns=["score", "class", "box", "other"])
    with pytest.raises(ModelError, match=r"`boxes.columns` lacks class"):
        read(tmp_path, outputs, columns=["score", "other", "box"])


def test_batch_column(tmp_path: Path) -> None:
    pictures = np.array([0, 1, 1, 0], np.float32)
    table = rows(
        np.vstack((XYXY[:1], XYXY + 4, XYXY[1:])), np.array([0.9, 0.7, 0.7, 0.8]), np.array([1, 1, 2, 2]), pictures
    )
    columns = ["box", "score", "class", "other"]
    two: Any = {"images": (TensorProto.FLOAT, (2, 3, *SIZE))}
    assert_found(read(tmp_path, {"o": table[0]}, two, batch=2, columns=columns, batch_column=6))
    assert len(read(tmp_path, {"o": table[0]}, two, batch=2, columns=columns).detections) == 4


def test_anchors(tmp_path: Path) -> None:
    layout = EXPORTS["YOLOv5's maps"]()
    path = layout.write(tmp_path / "m.onnx")
    usual: Anchors = [
        [(10, 13), (16, 30), (33, 23)],
        [(30, 61), (62, 45), (59, 119)],
        [(116, 90), (156, 198), (373, 326)],
    ]
    other = [[(2 * width, 2 * height) for width, height in level] for level in usual]
    one, twice = (
        Model(ModelSettings(name="m", path=str(path), boxes=BoxesSettings(anchors=anchors))).detect(PICTURE)[0]
        for anchors in (usual, other)
    )
    check(one, layout)
    assert (
        twice.detections.xyxy[0, 2:] - twice.detections.xyxy[0, :2]
        > one.detections.xyxy[0, 2:] - one.detections.xyxy[0, :2]
    ).all()


def test_a_key_without_meaning_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="`boxes` states anchors, which has no meaning for rows"):
        read(tmp_path, {"o": rows(XYXY, SCORES, KINDS)}, anchors=[[(10.0, 10.0)]])
