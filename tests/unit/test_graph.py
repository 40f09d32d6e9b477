"""The graph of a model: what it does to the picture first, and where its outputs come from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import NodeProto, TensorProto, helper, numpy_helper

from edge_daemon.models.graph import Graph, read_graph
from edge_daemon.models.graph_input import start_of
from tests.onnx_models import save

MEAN = np.array([123.675, 116.28, 103.53], np.float32).reshape(1, 3, 1, 1)
STD = np.array([58.395, 57.12, 57.375], np.float32).reshape(1, 3, 1, 1)
ATTRIBUTES: dict[str, dict[str, Any]] = {"Gather": {"axis": 1}, "Cast": {"to": TensorProto.FLOAT}}
FILTERS = np.ones((8, 3, 3, 3), np.float32)


def written(path: Path, steps: Sequence[tuple[str, Any]], last: Sequence[NodeProto] = ()) -> Graph:
    """The graph of a model that takes these steps (operator, constants) to its picture, and then convolves it."""
    nodes, constants, name = [], [numpy_helper.from_array(FILTERS, "filters")], "images"
    for number, (op, values) in enumerate(steps):
        inputs = [name]
        for place, value in enumerate(values):
            constants.append(numpy_helper.from_array(np.asarray(value), f"c{number}.{place}"))
            inputs.append(f"c{number}.{place}")
        nodes.append(helper.make_node(op, inputs, [f"x{number}"], **ATTRIBUTES.get(op, {})))
        name = f"x{number}"
    nodes.append(helper.make_node("Conv", [name, "filters"], ["features"]))
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 32, 32])
    out = helper.make_tensor_value_info("features", TensorProto.FLOAT, None)
    return read_graph(save(path, helper.make_graph([*nodes, *last], "g", [images], [out], constants)))


STEPS: dict[str, tuple[list[tuple[str, Any]], bool | None, bool | None]] = {
    "nothing": ([], None, None),
    "a division by 255": ([("Cast", []), ("Div", [np.float32(255)])], True, None),
    "a factor of 1/255": ([("Mul", [np.float32(1 / 255)])], True, None),
    "to -1 and 1": ([("Mul", [np.float32(1 / 127.5)]), ("Sub", [np.float32(1)])], True, None),
    "shares to -1 and 1": ([("Mul", [np.float32(2)]), ("Sub", [np.float32(1)])], False, None),
    "ImageNet's mean": ([("Sub", [MEAN]), ("Div", [STD])], True, True),
    "ImageNet's mean, BGR": ([("Sub", [MEAN[:, ::-1].copy()]), ("Div", [STD[:, ::-1].copy()])], True, False),
    "ImageNet's mean of shares": ([("Sub", [MEAN / np.float32(255)]), ("Div", [STD / np.float32(255)])], False, True),
    "turned round first": ([("Gather", [np.array([2, 1, 0])]), ("Sub", [MEAN]), ("Div", [STD])], True, False),
    "a batch normalisation": (
        [
            (
                "BatchNormalization",
                [1 / STD.ravel(), -(MEAN / STD).ravel(), np.zeros(3, np.float32), np.ones(3, np.float32)],
            )
        ],
        True,
        True,
    ),
}


@pytest.mark.parametrize("name", STEPS)
def test_first_steps(tmp_path: Path, name: str) -> None:
    steps, takes_bytes, is_rgb = STEPS[name]
    start = start_of(written(tmp_path / "m.onnx", steps), "images")
    assert (start.takes_bytes, start.is_rgb) == (takes_bytes, is_rgb)
    assert start.filters == pytest.approx(np.sqrt(27))


def test_channels_that_are_only_turned_round(tmp_path: Path) -> None:
    start = start_of(written(tmp_path / "m.onnx", [("Gather", [np.array([2, 1, 0])])]), "images")
    assert (start.reversed, start.takes_bytes) == (True, None)


def test_where_outputs_come_from(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Softmax", ["features"], ["shares"]),
        helper.make_node("Flatten", ["shares"], ["flat"]),
        helper.make_node("TopK", ["flat", "count"], ["scores", "indices"]),
        helper.make_node("Mod", ["indices", "classes"], ["labels"]),
        helper.make_node("Div", ["indices", "classes"], ["rows"]),
        helper.make_node("Mul", ["rows", "classes"], ["firsts"]),
        helper.make_node("Sub", ["indices", "firsts"], ["others"]),
        helper.make_node("Constant", [], ["classes"], value=numpy_helper.from_array(np.array(7))),
    ]
    graph = written(tmp_path / "m.onnx", [], nodes)
    assert (graph.last("flat"), graph.last("scores"), graph.last("nobody")) == ("Softmax", "TopK", "")
    assert (graph.modulus("labels"), graph.modulus("others"), graph.modulus("flat")) == (7, 7, None)
    assert {"Softmax", "Mod"} <= graph.operators


@given(st.binary(max_size=300))
def test_any_bytes_are_a_graph_or_an_empty_one(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("graph") / "m.onnx"
    path.write_bytes(content)
    start_of(read_graph(path), "images")


@pytest.mark.parametrize("byte", [0, 0x0A, 0x22, 0x7F, 0x80, 0xA0, 0xFF])
def test_damaged_models(tmp_path: Path, byte: int) -> None:
    path = tmp_path / "m.onnx"
    written(path, [("Sub", [MEAN]), ("Div", [STD])])
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
        start_of(read_graph(path), "images")
