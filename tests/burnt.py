"""Frame numbers that are burnt into pictures, to be read again from clips and stills, and by a model.

The top of a picture is a row of cells, each a fortieth of its width: a mark, the bits of the number, the lowest first,
and the same bits inverted.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.onnx_models import save

BITS = 12
CELLS, COLUMNS = 1 + 2 * BITS, 40
MODEL_SIZE = 640, 360
LABELS = ["thing", "number"]
_STEP_X, _STEP_Y, _TOP = 8, 4, 40
_HALF = BITS // 2
BLOCK = 1 << _HALF
"""Frames after which the thing is elsewhere."""
Picture = NDArray[np.uint8]


def burn(picture: Picture, number: int, *, marked: bool) -> None:
    """Write a number and a mark into a picture (height x width x 3, uint8, any colour order)."""
    bits = [bool(number >> place & 1) for place in range(BITS)]
    side = picture.shape[1] // COLUMNS
    for place, white in enumerate([marked, *bits, *(not bit for bit in bits)]):
        picture[:side, place * side : (place + 1) * side] = 235 if white else 20


def read(picture: Picture) -> int | None:
    """The number in a picture (height x width x 3, uint8, any colour order); None if it cannot be read."""
    side = picture.shape[1] // COLUMNS
    inner = picture[side // 4 : side - side // 4, : side * CELLS].mean(axis=(0, 2))
    levels = inner.reshape(CELLS, side)[:, side // 4 : side - side // 4].mean(axis=1)
    white = levels[1:] > 127
    if (white[:BITS] == white[BITS:]).any():
        return None
    return sum(1 << place for place in range(BITS) if white[place])


def reading_model(path: Path) -> Path:
    """Write a model that finds a thing where there is a mark, and the number as the place of a box (`number_at`).

    Its input is RGB, 1x3x360x640, its output rows of box, score and class.
    """
    width, height = MODEL_SIZE
    side = width // COLUMNS
    weights, constant = np.zeros((CELLS, 12), np.float32), np.zeros(12, np.float32)
    for place in range(BITS):
        if _HALF <= place < _HALF + 3:
            weights[1 + place, [0, 2]] = 60 << (place - _HALF)  # elsewhere every BLOCK frames: another track
        low, value = place < _HALF, 1 << (place % _HALF)
        for column in (6, 8) if low else (7, 9):
            weights[1 + place, column] = value * (_STEP_X if low else _STEP_Y)
    constant[:6] = 60, 150, 100, 250, 0, 0
    weights[0, 4] = 0.9
    constant[6:] = 0, _TOP, 40, _TOP + 40, 0.9, 1
    constants: dict[str, NDArray[Any]] = {
        "start": np.array([0, 0, 0, 0], np.int64),
        "end": np.array([1, 1, side, side * CELLS], np.int64),
        "half": np.array(127, np.float32),
        "flat": np.array([1, CELLS], np.int64),
        "weights": weights,
        "constant": constant,
        "rows": np.array([1, 2, 6], np.int64),
    }
    nodes = [
        helper.make_node("Slice", ["images", "start", "end"], ["row"]),
        helper.make_node("AveragePool", ["row"], ["levels"], kernel_shape=[side, side], strides=[side, side]),
        helper.make_node("Greater", ["levels", "half"], ["white"]),
        helper.make_node("Cast", ["white"], ["bits"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["bits", "flat"], ["listed"]),
        helper.make_node("MatMul", ["listed", "weights"], ["weighted"]),
        helper.make_node("Add", ["weighted", "constant"], ["numbers"]),
        helper.make_node("Reshape", ["numbers", "rows"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "reading",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, height, width])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 2, 6])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return save(path, graph)


READING = (
    "{path: '%s', decoder: rows, labels: [thing, number], confidence: 0.5, boxes: {order: xyxy, unit: pixel,"
    " nms: false, columns: [box, score, class]}, input: {color: rgb, scale: 1, mean: [0], std: [1], resize: stretch}}"
)
"""A model of a configuration, with the file of `reading_model`."""


def number_at(xyxy: list[float], size: tuple[int, int]) -> int:
    """The number that the model has read, by its box in a picture of this width and height."""
    left, top = xyxy[0] * MODEL_SIZE[0] / size[0], xyxy[1] * MODEL_SIZE[1] / size[1]
    return round(left / _STEP_X) + (round((top - _TOP) / _STEP_Y) << _HALF)
