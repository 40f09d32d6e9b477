"""Weights beside a model are found, have a stamp, and are covered by its sum; any bytes are harmless."""

import hashlib
from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx.external_data_helper import convert_model_to_external_data

from edge_daemon.config.load import loads
from edge_daemon.errors import ModelError
from edge_daemon.supervisor.kinds.worker import model_settings
from edge_daemon.zoo.resolve import check_sum
from edge_daemon.zoo.weights import _locations, weights_of
from tests.onnx_models import colour_model, slow_model


def external(path: Path, *, one_file: bool = True) -> Path:
    """A model whose weights are in `m.data`, or each in a file of its own."""
    model = onnx.load(slow_model(path, 1))
    convert_model_to_external_data(
        model, all_tensors_to_one_file=one_file, location="m.data" if one_file else None, size_threshold=0
    )
    onnx.save(model, path)
    return path


def test_a_model_s_weights_beside_it(tmp_path: Path) -> None:
    assert weights_of(colour_model(tmp_path / "own.onnx")) == []
    assert weights_of(external(tmp_path / "m.onnx")) == [tmp_path / "m.data"]
    many = weights_of(external(tmp_path / "many.onnx", one_file=False))
    assert len(many) > 1
    assert all(file.exists() for file in many)


def test_weights_in_the_graph_of_a_branch_are_found(tmp_path: Path) -> None:
    model = onnx.load(external(tmp_path / "m.onnx"), load_external_data=False)
    inner = onnx.helper.make_graph([], "inner", [], [], initializer=list(model.graph.initializer))
    node = onnx.helper.make_node("If", ["c"], ["o"], then_branch=inner, else_branch=inner)
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "outer", [], [])), tmp_path / "outer.onnx")
    assert weights_of(tmp_path / "outer.onnx") == [tmp_path / "m.data"]


def test_a_sum_covers_the_weights(tmp_path: Path) -> None:
    model, data = external(tmp_path / "m.onnx"), tmp_path / "m.data"
    sha256 = hashlib.sha256(model.read_bytes() + data.read_bytes()).hexdigest()
    check_sum(model, sha256)
    data.write_bytes(bytes(data.stat().st_size))
    with pytest.raises(ModelError, match=r"another file .* \(of it and m.data, one after the other\)"):
        check_sum(model, sha256)
    data.unlink()
    with pytest.raises(ModelError, match="weights beside it are missing"):
        check_sum(model, sha256)


def test_weights_and_class_names_have_a_stamp(tmp_path: Path) -> None:
    external(tmp_path / "m.onnx")
    (tmp_path / "names.txt").write_text("one")
    text = "cameras: {a: {source: 'scene:'}}\nmodels: {m: {path: m.onnx, labels: names.txt}}"

    def stamp() -> str:
        return model_settings(loads(text, folder=tmp_path), "m").stamp

    seen = {stamp()}
    for name in ("m.data", "names.txt", "m.onnx"):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + b"\0")
        seen.add(stamp())
    assert len(seen) == 4
    assert stamp() in seen


@given(st.binary())
def test_any_bytes_are_harmless(data: bytes) -> None:
    list(_locations(memoryview(data), "model", 0))
