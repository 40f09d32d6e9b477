"""Boxes that depend on the picture: each result is of its own frame, in pixels of the source, whatever the codec."""

import math
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_daemon.models.model import Model
from edge_daemon.settings import ModelSettings
from tests.acceptance.harness import running
from tests.onnx_models import PERSON, cells

FRAMES = 40
SQUARE = 48
WIDTH, HEIGHT = 320, 240
SIZE = (96, 128)  # the clip's proportions: no grey around it that would shift the centre


def square_at(index: int) -> tuple[int, int]:
    """Left and top of the square in a frame."""
    return 10 + 5 * index, 20 + 3 * index


def moving_square(path: Path) -> Path:
    """A lossless clip of a bright square that moves over black."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), 25, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for index in range(FRAMES):
        picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        left, top = square_at(index)
        picture[top : top + SQUARE, left : left + SQUARE] = (40, 220, 250)
        writer.write(picture)
    writer.release()
    return path


def finder(path: Path) -> Path:
    """A model of YOLOX's layout: one box, as large as the square, about the centre of all that is bright."""
    height, width = SIZE
    rows = np.zeros((1, len(cells(SIZE)), 6), np.float32)
    rows[0, 0] = (0, 0, *[math.log(SQUARE * width / WIDTH / 8)] * 2, 1, 0.9)  # the first cell: stride 8, in the corner
    at_x, at_y = np.zeros_like(rows), np.zeros_like(rows)
    at_x[0, 0, 0] = at_y[0, 0, 1] = 1 / 8
    columns = np.tile(np.arange(width, dtype=np.float32) + 0.5, (1, 3, height, 1))
    lines = np.tile(np.arange(height, dtype=np.float32)[:, None] + 0.5, (1, 3, 1, width))
    constants = {"rows": rows, "at_x": at_x, "at_y": at_y, "columns": columns, "lines": lines}
    nodes = [helper.make_node("ReduceSum", ["images"], ["light"], keepdims=0)]
    for axis, places in (("x", "columns"), ("y", "lines")):
        nodes += [
            helper.make_node("Mul", ["images", places], [f"moments_{axis}"]),
            helper.make_node("ReduceSum", [f"moments_{axis}"], [f"moment_{axis}"], keepdims=0),
            helper.make_node("Div", [f"moment_{axis}", "light"], [f"centre_{axis}"]),
            helper.make_node("Mul", [f"at_{axis}", f"centre_{axis}"], [f"shift_{axis}"]),
        ]
    graph = helper.make_graph(
        [
            *nodes,
            helper.make_node("Add", ["rows", "shift_x"], ["shifted"]),
            helper.make_node("Add", ["shifted", "shift_y"], ["output"]),
        ],
        "finder",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, *SIZE])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, rows.shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    for key, value in PERSON.items():
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def iou(a: list[float], b: list[float]) -> float:
    """Of two boxes."""
    width = max(min(a[2], b[2]) - max(a[0], b[0]), 0.0)
    height = max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


@pytest.mark.parametrize("codec", ["raw", "png", "jpeg", "webp"])
def test_each_box_is_that_of_its_own_frame(tmp_path: Path, codec: str) -> None:
    video, path = moving_square(tmp_path / "clip.avi"), finder(tmp_path / "m.onnx")
    config = f"""
cameras: {{clip: {{source: {video}}}}}
models: {{m: {{path: {path}, workers: 2}}}}
frames: {{codec: {codec}}}
"""
    with running(tmp_path, config) as daemon:
        assert daemon.finish() == 0
    results = daemon.lines()
    assert [result["seq"] for result in results] == list(range(FRAMES))
    model, capture = Model(ModelSettings(name="m", path=str(path))), cv2.VideoCapture(str(video))
    for result in results:
        ok, bgr = capture.read()
        assert ok
        found = model.detect(np.asarray(bgr, np.uint8))[0].detections
        (detection,) = result["detections"]
        (expected,) = found.xyxy.tolist()
        left, top = square_at(result["seq"])
        assert iou(detection["xyxy"], [left, top, left + SQUARE, top + SQUARE]) > 0.75
        if codec in ("raw", "png"):
            assert detection["xyxy"] == pytest.approx(expected, abs=0.01)
        else:
            assert iou(detection["xyxy"], expected) > 0.75
