"""The model that ships finds the people of scenes it has never seen, quickly."""

import math

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest
from numpy.typing import NDArray

from edge_daemon.demo.scene.scene import Scene
from edge_daemon.errors import ModelError
from edge_daemon.models.builtin import path_of
from edge_daemon.models.model import Model
from edge_daemon.settings import ModelSettings

# Training scenes have seeds around a million.
SCENES = {(640, 360): 30, (1280, 720): 12, (800, 600): 15}
FRAMES_A_SCENE = 4
FPS = 15.0


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(ModelSettings(name="person", path="builtin:person", threads=1, confidence=0.4, iou=0.45))


def overlaps(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """IoU of boxes (n, 4) with boxes (m, 4)."""
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    both = np.clip(sides, 0, None).prod(axis=2)
    area_a, area_b = ((boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b))
    return np.asarray(both / (area_a[:, None] + area_b[None] - both))


def matched(found: NDArray[np.float64], people: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Which box found whom: each person once, by the box that overlaps best, IoU 0.5 at least."""
    pairs: list[tuple[int, int]] = []
    overlap = overlaps(found, people)
    while overlap.size and overlap.max() >= 0.5:
        box, person = (int(i) for i in np.unravel_index(overlap.argmax(), overlap.shape))
        pairs.append((box, person))
        overlap[box], overlap[:, person] = 0, 0
    return pairs


@pytest.mark.parametrize("size", SCENES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_finds_people_in_unseen_scenes(model: Model, size: tuple[int, int]) -> None:
    there = found = shown = false = 0
    for seed in range(SCENES[size]):
        scene = Scene(seed, *size)
        for index in range(0, 97 * FRAMES_A_SCENE, 97):
            picture, truth = scene.frame(index, FPS)
            boxes = model.detect(picture)[0].detections.xyxy.astype(np.float64)
            people = np.array([person.xyxy for person in truth]).reshape(-1, 4)
            pairs = matched(boxes, people)
            tall = people[:, 3] - people[:, 1] > 40
            there += int(tall.sum())
            found += sum(bool(tall[person]) for _, person in pairs)
            shown += len(boxes)
            false += len(boxes) - len(pairs)
    assert there > 150
    assert found / there >= 0.95, f"found {found} of {there}"
    assert false / shown <= 0.05, f"{false} of {shown} boxes are false"


def test_a_frame_takes_at_most_so_many_multiplications() -> None:
    """How long that takes depends on the machine: 4 to 10 ms on one core of a small one."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(path_of("person"))).graph
    weights = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Cast"}
    kernels = {array.name: array.dims for array in graph.initializer}
    shapes = {value.name: [one.dim_value for one in value.type.tensor_type.shape.dim] for value in graph.value_info}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    each = [
        math.prod(kernels[weights.get(node.input[1], node.input[1])][1:]) * math.prod(shapes[node.output[0]])
        for node in convolutions
    ]
    assert 100e6 < sum(each) <= 300e6


def test_says_what_it_is(model: Model) -> None:
    assert list(model.names) == ["person"]
    assert "decoder yolox" in model.describe()
    session = onnxruntime.InferenceSession(path_of("person"), providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["names"] == "{0: 'person'}"
    assert metadata["license"] == "Apache-2.0"
    assert metadata["recipe"].startswith("tools/train_person.py")


def test_is_at_most_a_megabyte() -> None:
    assert path_of("person").stat().st_size <= 1_000_000


@pytest.mark.parametrize("name", ["dog", "../person", ""])
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match=r"there is builtin:person"):
        path_of(name)
