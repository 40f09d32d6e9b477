"""Readings that test pictures leave open: settled by the first frame that tells, once, and kept."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edge_daemon.errors import ModelError
from edge_daemon.models.model import Model
from edge_daemon.settings import BoxesSettings, ModelSettings
from tests.onnx_models import save

Outputs = Mapping[str, NDArray[np.generic]]
SIZE = (64, 64)
BLACK, WHITE = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)
BOXES = np.array([(4, 8, 30, 40), (20, 10, 60, 50), (2, 2, 12, 30)], np.float32)
SCORES = np.array([0.9, 0.8, 0.7], np.float32)


def showing(path: Path, outputs: Outputs, black: Sequence[bool], white: Sequence[bool]) -> Path:
    """A model with rows that it gives for a black and for a white picture; it gives none for any other."""
    constants: dict[str, NDArray[Any]] = {
        "at": np.array([[0, 0, 32, 32]], np.int64),
        "low": np.array(0.02, np.float32),
        "high": np.array(0.98, np.float32),
        "black_rows": np.array(black), "white_rows": np.array(white),
    }  # fmt: skip
    nodes = [
        helper.make_node("GatherND", ["images", "at"], ["pixel"]),
        helper.make_node("Less", ["pixel", "low"], ["is_black"]),
        helper.make_node("Greater", ["pixel", "high"], ["is_white"]),
        helper.make_node("And", ["is_black", "black_rows"], ["of_black"]),
        helper.make_node("And", ["is_white", "white_rows"], ["of_white"]),
        helper.make_node("Or", ["of_black", "of_white"], ["shown"]),
    ]
    infos = []
    for name, array in outputs.items():
        constants[f"all_{name}"] = array
        nodes.append(helper.make_node("Compress", [f"all_{name}", "shown"], [name], axis=0))
        shape = ["n", *array.shape[1:]]
        infos.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), shape))
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, *SIZE])
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    return save(path, helper.make_graph(nodes, "showing", [images], infos, initializers))


def wrapper(path: Path, kinds: Sequence[int], black: Sequence[bool]) -> Path:
    """Boxes, scores and class numbers as columns, under names that tell nothing."""
    outputs: Outputs = {"a": BOXES, "b": SCORES, "c": np.array(kinds, np.int64)}
    return showing(path, outputs, black, [True] * 3)


def loaded(path: Path, state: Path | None = None, **settings: Any) -> Model:
    made = ModelSettings(name="m", path=str(path), stamp="1/2", **settings)
    return Model(made, state=str(state) if state else None)


def names(model: Model, picture: NDArray[np.uint8]) -> list[str]:
    return [model.name_of(number) for number in model.detect(picture)[0].detections.class_id.tolist()]


def test_classes_have_no_names_until_a_frame_tells_where_they_begin(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = wrapper(tmp_path / "m.onnx", [1, 0, 1], black=[True, False, True])
    model = loaded(path, tmp_path, labels=["cat", "dog"])
    assert any("`boxes: {first_class: 0}`" in note for note in model.notes)
    assert names(model, BLACK) == ["class 1", "class 1"]
    with caplog.at_level(logging.INFO):
        assert names(model, WHITE) == ["dog", "cat", "dog"]
        assert names(model, BLACK) == ["dog", "dog"]
        assert names(model, WHITE) == ["dog", "cat", "dog"]
    assert [record.message for record in caplog.records if "settles" in record.message] == [
        "model m: a frame settles how it is read: layout finished, order of a box left, top, right, bottom, NMS done, "
        "first class 0"
    ]
    again = loaded(path, tmp_path, labels=["cat", "dog"])
    assert names(again, BLACK) == ["dog", "dog"]
    assert not any("first_class" in note for note in again.notes)


def test_names_beside_the_model_count_as_those_in_yaml(tmp_path: Path) -> None:
    path = wrapper(tmp_path / "m.onnx", [1, 0, 1], black=[True, False, True])
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    model = loaded(path)
    assert names(model, BLACK) == ["class 1", "class 1"]
    assert names(model, WHITE) == ["dog", "cat", "dog"]


def test_the_last_number_tells_that_classes_count_from_one(tmp_path: Path) -> None:
    path = wrapper(tmp_path / "m.onnx", [1, 2, 1], black=[True, False, True])
    model = loaded(path, labels=["cat", "dog"])
    assert names(model, BLACK) == ["class 1", "class 1"]
    assert names(model, WHITE) == ["cat", "dog", "cat"]
    assert names(model, BLACK) == ["cat", "cat"]


def test_another_worker_of_the_model_follows(tmp_path: Path) -> None:
    path = wrapper(tmp_path / "m.onnx", [1, 0, 1], black=[True, False, True])
    one, other = (loaded(path, tmp_path, labels=["cat", "dog"]) for _ in range(2))
    assert names(other, BLACK) == ["class 1", "class 1"]
    assert names(one, WHITE) == ["dog", "cat", "dog"]
    assert names(other, BLACK) == ["dog", "dog"]


def test_another_file_at_the_same_path_is_open_again(tmp_path: Path) -> None:
    path = wrapper(tmp_path / "m.onnx", [1, 0, 1], black=[True, False, True])
    assert names(loaded(path, tmp_path, labels=["cat", "dog"]), WHITE) == ["dog", "cat", "dog"]
    changed = ModelSettings(name="m", path=str(path), stamp="3/4", labels=["cat", "dog"])
    assert names(Model(changed, state=str(tmp_path)), BLACK) == ["class 1", "class 1"]


def test_what_yaml_states_is_not_open(tmp_path: Path) -> None:
    path = wrapper(tmp_path / "m.onnx", [1, 2, 1], black=[True, False, True])
    model = loaded(path, labels=["cat", "dog"], boxes=BoxesSettings(first_class=1))
    assert names(model, BLACK) == ["cat", "cat"]


FLAT = np.hstack((np.zeros((3, 1)), BOXES, SCORES[:, None], [[1], [0], [1]])).astype(np.float32)
SEVEN = np.hstack((np.zeros((3, 1)), BOXES, [[1], [0], [1]], SCORES[:, None])).astype(np.float32)


@pytest.mark.parametrize("table", [FLAT, SEVEN])
def test_an_order_of_columns_is_settled_by_the_first_rows(tmp_path: Path, table: NDArray[np.float32]) -> None:
    path = showing(tmp_path / "m.onnx", {"rows": table}, [True, False, True], [True] * 3)
    model = loaded(path, tmp_path)
    grey = np.full((64, 64, 3), 127, np.uint8)
    assert len(model.detect(grey)[0].detections) == 0
    for picture, shown in ((BLACK, [0, 2]), (WHITE, [0, 1, 2])):
        found = model.detect(picture)[0].detections
        np.testing.assert_allclose(found.xyxy, BOXES[shown], atol=0.01)
        np.testing.assert_allclose(found.confidence, SCORES[shown], atol=1e-4)
        assert found.class_id.tolist() == [(1, 0, 1)[row] for row in shown]
    again = loaded(path, tmp_path)
    assert next(one for one in again.facts if one.what == "layout").sure == "known"


def test_a_frame_that_settles_the_order_is_fed_as_that_order_is(tmp_path: Path) -> None:
    """PaddleDetection's rows come of stretched pictures, the first guess of letterboxed ones."""
    table = np.hstack(([[1], [0], [1]], SCORES[:, None], BOXES)).astype(np.float32)
    path = showing(tmp_path / "m.onnx", {"rows": table}, [True] * 3, [True] * 3)
    model = loaded(path)
    wide = np.zeros((64, 128, 3), np.uint8)
    for _ in range(2):
        found = model.detect(wide)[0].detections
        np.testing.assert_allclose(found.xyxy, BOXES * (2, 1, 2, 1), atol=0.01)
        assert model.recipe.fit == "stretch"


def test_the_first_class_stays_open_when_the_columns_are_settled(tmp_path: Path) -> None:
    table = np.hstack((BOXES, SCORES[:, None], [[1], [2], [3]])).astype(np.float32)
    path = showing(tmp_path / "m.onnx", {"rows": table}, [True, True, False], [True] * 3)
    model = loaded(path, tmp_path, labels=["cat", "dog", "cow"])
    assert names(model, BLACK) == ["dog", "cow"]
    assert any("`boxes: {first_class: 0}`" in note for note in model.notes)
    assert names(model, WHITE) == ["cat", "dog", "cow"]
    assert names(model, BLACK) == ["cat", "dog"]
    again = loaded(path, tmp_path, labels=["cat", "dog", "cow"])
    assert names(again, BLACK) == ["cat", "dog"]


def test_rows_that_do_not_tell_are_not_published(tmp_path: Path) -> None:
    """A score and a class of 1 could be either way round."""
    table = np.array([[0, 4, 8, 30, 40, 1, 1], [0, 20, 10, 60, 50, 0.5, 1]], np.float32)
    path = showing(tmp_path / "m.onnx", {"rows": table}, [True, False], [True, True])
    model = loaded(path)
    found = model.detect(BLACK)[0].detections  # both readings agree
    assert (found.confidence.tolist(), found.class_id.tolist()) == ([1.0], [1])
    assert len(model.detect(WHITE)[0].detections) == 2
    swapped = np.array([[0, 4, 8, 30, 40, 1, 0], [0, 20, 10, 60, 50, 0.9, 1]], np.float32)
    path = showing(tmp_path / "n.onnx", {"rows": swapped}, [True, False], [True, True])
    with pytest.raises(ModelError, match=r"does not show which: set `boxes: \{columns: \[...\]\}`"):
        loaded(path).detect(BLACK)
