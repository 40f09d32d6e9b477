"""Small ONNX models that tests build: each says the same of every picture, in the layout of a real detector.

Boxes are (left, top, right, bottom, score, class) in pixels of the model's input, whose size is (height, width).
"""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Box = tuple[float, float, float, float, float, int]
Size = tuple[int, int]
Array = NDArray[np.float32]

SIZE = (64, 64)
PERSON = {"names": "{0: 'person'}"}
STRIDES = (8, 16, 32)


def cells(size: Size) -> list[tuple[int, int, int]]:
    """Stride, row and column of each cell."""
    return [
        (stride, row, column)
        for stride in STRIDES
        for row in range(size[0] // stride)
        for column in range(size[1] // stride)
    ]


def yolox_output(boxes: Sequence[Box], size: Size = SIZE, classes: int = 1, *, in_pixels: bool = False) -> Array:
    """1xNx(5+C); what is no box has low scores."""
    order = cells(size)
    rows = np.random.default_rng(1).uniform(0.001, 0.02, (len(order), 5 + classes)).astype(np.float32)
    if in_pixels:
        rows[:, :4] = [((c + 0.5) * s, (r + 0.5) * s, s, s) for s, r, c in order]
    for cell, (left, top, right, bottom, score, class_id) in _assigned(boxes, order):
        stride, row, column = order[cell]
        x, y, width, height = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
        rows[cell] = 0
        rows[cell, :5] = (
            (x, y, width, height, 1)
            if in_pixels
            else (x / stride - column, y / stride - row, math.log(width / stride), math.log(height / stride), 1)
        )
        rows[cell, 5 + class_id] = score
    return rows[None]


def yolov8_output(boxes: Sequence[Box], size: Size = SIZE, classes: int = 1, *, transposed: bool = False) -> Array:
    """1x(4+C)xN, or transposed; what is no box has low scores."""
    order = cells(size)
    rows = np.random.default_rng(1).uniform(0.001, 0.02, (len(order), 4 + classes)).astype(np.float32)
    rows[:, :4] = [((c + 0.5) * s, (r + 0.5) * s, s, s) for s, r, c in order]
    for cell, (left, top, right, bottom, score, class_id) in _assigned(boxes, order):
        rows[cell] = 0
        rows[cell, :4] = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
        rows[cell, 4 + class_id] = score
    return rows[None] if transposed else np.ascontiguousarray(rows.T[None])


def yolox_model(
    path: Path,
    boxes: Sequence[Box],
    size: Size = SIZE,
    classes: int = 1,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write a model of YOLOX's layout that sees `boxes` in every picture."""
    return constant_model(path, {"output": yolox_output(boxes, size, classes)}, size, metadata=metadata)


def yolov8_model(
    path: Path,
    boxes: Sequence[Box],
    size: Size = SIZE,
    classes: int = 1,
    metadata: Mapping[str, str] | None = None,
    *,
    transposed: bool = False,
) -> Path:
    """Write a model of YOLOv8's layout that sees `boxes` in every picture."""
    output = yolov8_output(boxes, size, classes, transposed=transposed)
    return constant_model(path, {"output0": output}, size, metadata=metadata)


def colour_model(path: Path, size: Size = SIZE) -> Path:
    """Write a model of YOLOX's layout that sees one `person` filling every picture, with confidence 0.9."""
    return yolox_model(path, [(0, 0, size[1], size[0], 0.9, 0)], size, metadata=PERSON)


def failing_model(path: Path, size: Size = SIZE) -> Path:
    """Write a `colour_model` that ONNX Runtime fails to run on a white picture."""
    nodes = [
        *_white(),
        helper.make_node("Cast", ["white"], ["index"], to=TensorProto.INT64),
        # One element only: index 1 is out of bounds.
        helper.make_node("Gather", ["zero", "index"], ["extra"]),
    ]
    return _with_extra(path, nodes, [numpy_helper.from_array(np.zeros(1, np.float32), "zero")], size)


def nan_model(path: Path, size: Size = SIZE) -> Path:
    """Write a `colour_model` that gives NaN for a white picture."""
    nodes = [
        *_white(),
        helper.make_node("Cast", ["white"], ["one"], to=TensorProto.FLOAT),
        helper.make_node("Neg", ["one"], ["minus"]),
        helper.make_node("Sqrt", ["minus"], ["extra"]),
    ]
    return _with_extra(path, nodes, [], size)


def white_model(path: Path, size: Size = SIZE) -> Path:
    """Write a `colour_model` that sees its person in a white picture only, and takes about a tenth of a second."""
    sees = yolox_output([(0, 0, size[1], size[0], 0.9, 0)], size)
    objectness = np.zeros_like(sees)
    objectness[..., 4] = np.where(sees[..., 4] > 0.5, 0.98, 0)
    nodes = [
        *_white(),
        helper.make_node("Cast", ["white"], ["is_white"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["is_white", "one"], ["less"]),
        helper.make_node("Mul", ["less", "objectness"], ["less_sure"]),
        # From the input, so that the products, which are all equal, cannot be worked out when the model is loaded.
        helper.make_node("Mul", ["mean", "nought"], ["seed"]),
        helper.make_node("Add", ["means", "seed"], ["product0"]),
        *(helper.make_node("MatMul", [f"product{n}", "means"], [f"product{n + 1}"]) for n in range(4)),
        helper.make_node("ReduceMean", ["product4"], ["level"], keepdims=0),
        helper.make_node("Mul", ["level", "nought"], ["nothing"]),
        helper.make_node("Add", ["less_sure", "nothing"], ["extra"]),
    ]
    constants = {
        "one": np.ones(1, np.float32),
        "nought": np.array(0, np.float32),
        "objectness": objectness,
        "means": np.full((800, 800), 1 / 800, np.float32),
    }
    return _with_extra(path, nodes, [numpy_helper.from_array(v, k) for k, v in constants.items()], size)


def slow_model(path: Path, ms: float, size: Size = SIZE) -> Path:
    """Write a `colour_model` that takes about `ms` milliseconds a picture on one thread of this machine."""
    trial = 300
    _looping(path, trial, size)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    picture = {"images": np.zeros((1, 3, *size), np.float32)}
    session.run(None, picture)
    took_ms = []
    for _ in range(5):
        began = time.thread_time()
        session.run(None, picture)
        took_ms.append((time.thread_time() - began) * 1e3)
    return _looping(path, max(1, round(trial * ms / min(took_ms))), size)


def constant_model(
    path: Path,
    outputs: Mapping[str, NDArray[np.generic]],
    size: Sequence[int | str] = SIZE,
    *,
    metadata: Mapping[str, str] | None = None,
    batch: int | str = 1,
    channels: int = 3,
    dtype: int = TensorProto.FLOAT,
    inputs: int = 1,
    shapes: Mapping[str, tuple[int, Sequence[int | str]]] | None = None,
    opset: int = 17,
) -> Path:
    """Write a model whose outputs are these, whatever it is given; a name in `size` or `batch` leaves it open.

    `shapes` states type and shape of each input by name, instead.
    """
    taken = shapes or {"images" + str(i or ""): (dtype, [batch, channels, *size]) for i in range(inputs)}
    graph = helper.make_graph(
        [
            helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value))
            for name, value in outputs.items()
        ],
        "constant",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in taken.items()],
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for name, value in outputs.items()
        ],
    )
    return save(path, graph, metadata, opset)


def _assigned(boxes: Sequence[Box], order: list[tuple[int, int, int]]) -> list[tuple[int, Box]]:
    """A cell for each box: the first that its centre lies in and that no box before it has."""
    taken: dict[int, Box] = {}
    for box in boxes:
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        free = (
            number
            for number, (stride, row, column) in enumerate(order)
            if (x // stride, y // stride) == (column, row) and number not in taken
        )
        taken[next(free)] = box
    return list(taken.items())


def hanging_model(path: Path, size: Size = SIZE) -> Path:
    """Write a `colour_model` that never ends on a white picture."""
    return _looping(path, 1, size, endless_on_white=True)


def _white() -> list[onnx.NodeProto]:
    return [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Constant", [], ["almost_white"], value=numpy_helper.from_array(np.array(250, np.float32))),
        helper.make_node("Greater", ["mean", "almost_white"], ["white"]),
    ]


def _looping(path: Path, rounds: int, size: Size, *, endless_on_white: bool = False) -> Path:
    """A `colour_model` that multiplies matrices so many times first."""
    flat = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["before", "rotation"], ["after"]),
            helper.make_node("Identity", ["go"], ["go_on"]),
        ],
        "round",
        [
            flat("round", TensorProto.INT64, []),
            flat("go", TensorProto.BOOL, []),
            flat("before", TensorProto.FLOAT, [64, 64]),
        ],
        [flat("go_on", TensorProto.BOOL, []), flat("after", TensorProto.FLOAT, [64, 64])],
    )
    constants: dict[str, NDArray[np.generic]] = {
        "rotation": np.roll(np.eye(64, dtype=np.float32), 1, axis=0),
        "rounds": np.array(rounds, np.int64),
        "yes": np.array(True),
        "nought": np.array(0, np.float32),
    }
    if endless_on_white:
        constants["endless"] = np.array(1 << 50, np.int64)
    nodes = [
        # From the input, so that the loop cannot be worked out when the model is loaded.
        helper.make_node("ReduceMean", ["images"], ["level"], keepdims=0),
        helper.make_node("Mul", ["level", "nought"], ["seed"]),
        helper.make_node("Add", ["rotation", "seed"], ["start"]),
        *(_white() if endless_on_white else []),
        helper.make_node("Where", ["white", "endless", "rounds"], ["turns"])
        if endless_on_white
        else helper.make_node("Identity", ["rounds"], ["turns"]),
        helper.make_node("Loop", ["turns", "yes", "start"], ["turned"], body=body),
        helper.make_node("ReduceMean", ["turned"], ["turned_mean"], keepdims=0),
        helper.make_node("Mul", ["turned_mean", "nought"], ["extra"]),
    ]
    return _with_extra(path, nodes, [numpy_helper.from_array(v, k) for k, v in constants.items()], size)


def _with_extra(path: Path, nodes: list[onnx.NodeProto], constants: list[TensorProto], size: Size) -> Path:
    """A `colour_model` to whose output what the nodes call `extra`, a number, is added."""
    output = yolox_output([(0, 0, size[1], size[0], 0.9, 0)], size)
    graph = helper.make_graph(
        [*nodes, helper.make_node("Add", ["answer", "extra"], ["output"])],
        "extra",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, *size])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, output.shape)],
        [*constants, numpy_helper.from_array(output, "answer")],
    )
    return save(path, graph, PERSON)


def save(path: Path, graph: onnx.GraphProto, metadata: Mapping[str, str] | None = None, opset: int = 17) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    for key, value in (metadata or {}).items():
        model.metadata_props.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    return path
