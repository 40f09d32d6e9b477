"""Bound inputs: the same code that feeds a GPU, with memory of the CPU."""

from pathlib import Path

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from onnx import TensorProto, helper

from edge_daemon.models.binding import Bound
from tests.onnx_models import save


def test_bound_runs_give_what_plain_ones_give(tmp_path: Path) -> None:
    """Also when the next batch is larger, and for outputs whose size hangs on what is in the picture."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("NonZero", ["x"], ["places"]),
            helper.make_node("Mul", ["x", "factor"], ["scaled"]),
        ],
        "m",
        [value("x", TensorProto.FLOAT, ["n", 3]), value("factor", TensorProto.FLOAT, [1])],
        [value("places", TensorProto.INT64, [2, "found"]), value("scaled", TensorProto.FLOAT, ["n", 3])],
    )
    path = save(tmp_path / "m.onnx", graph)
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    bound = Bound(session, ["places", "scaled"], "cpu")
    rng = np.random.default_rng(0)
    held = rng.integers(0, 2, (4, 3)).astype(np.float32)
    kept = []
    for rows in (1, 4, 4, 2, 4):
        held[:] = rng.integers(0, 2, held.shape)
        feeds = {"x": held[:rows], "factor": np.array([rows], np.float32)}
        kept.append((bound.run(feeds), session.run(None, feeds)))
    for mine, plain in kept:  # afterwards, so that no output may change with a later run
        for one, other in zip(mine, plain, strict=True):
            np.testing.assert_array_equal(one, other)
