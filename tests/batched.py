"""Small ONNX models that take any number of pictures at once, and see the same in each."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.onnx_models import SIZE


def batched_model(
    path: Path, outputs: Mapping[str, NDArray[np.generic]], size: tuple[int, int] = SIZE, *, honest: bool = True
) -> Path:
    """Write a model with outputs of 1x..., repeated for each picture; one that is not honest gives them once."""
    nodes = [
        helper.make_node("Shape", ["images"], ["shape"], start=0, end=1),
    ]
    constants = []
    for name, value in outputs.items():
        constants.append(numpy_helper.from_array(value, f"{name}/one"))
        constants.append(numpy_helper.from_array(np.ones(value.ndim - 1, np.int64), f"{name}/ones"))
        nodes.append(helper.make_node("Concat", ["shape", f"{name}/ones"], [f"{name}/times"], axis=0))
        one = helper.make_node("Identity", [f"{name}/one"], [name])
        nodes.append(helper.make_node("Tile", [f"{name}/one", f"{name}/times"], [name]) if honest else one)
    graph = helper.make_graph(
        nodes,
        "batched",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, *size])],
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(value.dtype), ["batch", *value.shape[1:]]
            )
            for name, value in outputs.items()
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path
