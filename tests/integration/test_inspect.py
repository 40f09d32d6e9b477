"""`inspect`: models of every layout are explained and pinned, and bad ones cost no more than a sentence."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from edge_daemon.cli import inspect
from edge_daemon.cli.isolated.inspect import understanding
from edge_daemon.config.load import loads
from edge_daemon.errors import ModelError
from edge_daemon.models.model import Model
from edge_daemon.supervisor.kinds.worker import model_settings
from tests import layouts
from tests.exports import EXPORTS
from tests.inference_server import serving
from tests.layouts import DETECTORS
from tests.onnx_models import SIZE, constant_model, failing_model, save, slow_model, yolov8_model, yolox_model

PICTURE = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)


def run(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command, in a folder."""
    command = [sys.executable, "-m", "edge_daemon", "inspect", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def facts(folder: Path, *arguments: str | Path) -> dict[str, Any]:
    done = run(folder, "--json", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "street.png"
    cv2.imwrite(str(path), PICTURE)
    return path


@pytest.mark.parametrize("name", [*DETECTORS, *EXPORTS])
def test_what_is_pinned_is_understood_in_the_same_way(tmp_path: Path, name: str) -> None:
    layout = {**DETECTORS, **EXPORTS}[name]()
    path = layout.write(tmp_path / "m.onnx")
    request = inspect.request_for(str(path), dict(layout.settings), None)
    guessed = Model(request.settings)
    pinned = yaml.safe_dump(understanding(guessed, request)["config"])
    config = loads("cameras: {street: {source: 'scene:'}}\n" + pinned)
    stated = Model(model_settings(config, "m"))
    assert (stated.decoder.name, stated.decoder.why) == (guessed.decoder.name, guessed.decoder.why)
    assert (stated.recipe, stated.size, stated.names) == (guessed.recipe, guessed.size, guessed.names)
    one, other = stated.detect(PICTURE)[0].detections, guessed.detect(PICTURE)[0].detections
    np.testing.assert_array_equal(one.xyxy, other.xyxy)


def test_everything_that_can_be_said_is_said(tmp_path: Path, picture: Path) -> None:
    metadata = {"task": "detect", "names": "{0: 'cat', 1: 'dog'}"}
    model = yolov8_model(tmp_path / "pets.onnx", [(8, 8, 40, 40, 0.9, 1)], classes=2, metadata=metadata)
    told = facts(tmp_path, model, picture)
    assert told["inputs"] == [{"name": "images", "type": "tensor(float)", "shape": [1, 3, *SIZE]}]
    assert told["outputs"] == [{"name": "output0", "type": "tensor(float)", "shape": [1, 6, 84]}]
    assert told["metadata"] == metadata
    assert (told["decoder"], told["labels"], told["batch"]) == ("yolov8", ["cat", "dog"], 1)
    assert "boxes in pixels" in told["why"]
    assert told["input"] == {
        "size": "64x64",
        "color": "rgb",
        "layout": "nchw",
        "scale": pytest.approx(1 / 255),
        "mean": [0.0],
        "std": [1.0],
        "resize": "letterbox",
        "pad": 114,
    }
    assert set(told["timing_ms"]) == {"1", "2"}
    assert all(took["infer"] > 0 for took in told["timing_ms"].values())
    (image,) = told["images"]
    assert image["outputs"]["output0"]["max"] > 1
    (found,) = image["found"]["detections"]
    assert (found["class_name"], found["confidence"]) == ("dog", pytest.approx(0.9))
    assert told["warnings"] == ["its output output0 is the same for 3 different pictures"]
    # 160x120 lies in the middle of 64x64, 48 high.
    drawn = cv2.imread(str(tmp_path / image["saved"]))
    assert drawn is not None
    changed = (drawn != PICTURE).any(axis=2)
    left, top, _, bottom = map(round, found["xyxy"])
    assert changed[top:bottom, left - 1 : left + 2].any(axis=1).mean() > 0.9
    assert not changed[bottom + 4 :].any()


def test_people_read_the_same_in_lines(tmp_path: Path, picture: Path) -> None:
    model = yolox_model(tmp_path / "people.onnx", [(8, 8, 40, 40, 0.9, 0)], metadata={"names": "{0: 'person'}"})
    done = run(tmp_path, model, picture)
    assert (done.returncode, done.stderr) == (0, "")
    head, _, pinned = done.stdout.partition("to fix all of these settings, write:\n")
    assert "decoder yolox: 1x84x6" in head
    assert "input 64x64 BGR, corner; value = (pixel * 1 - 0) / 1" in head
    assert "1 classes: person" not in head
    assert "1 class: person" in head
    assert "2 threads:" in head
    assert "0.90 person" in head
    assert "street.png (160x120) -> street-people.png" in head
    assert yaml.safe_load(pinned)["models"]["people"]["path"] == str(model)


def test_a_model_of_the_package_is_pinned_by_its_name(tmp_path: Path) -> None:
    told = facts(tmp_path, "builtin:person")
    assert told["config"]["models"]["person"]["path"] == "builtin:person"
    assert {one["provider"] for one in told["operators"]} == {"cpu"}
    assert told["warnings"] == []


def test_what_is_stated_is_taken(tmp_path: Path) -> None:
    layout = layouts.yolov8()
    shapes = {"images": (TensorProto.FLOAT, ("batch", 3, "height", "width"))}
    model = constant_model(tmp_path / "m.onnx", layout.outputs, shapes=shapes)
    told = facts(tmp_path, "--size", "256x160", "--decoder", "yolov8", "--labels", "coco", "--confidence", "0.5", model)
    assert told["input"]["size"] == "256x160"
    assert told["labels"][:2] == ["person", "bicycle"]
    assert told["config"]["models"]["m"]["labels"] == "coco"
    assert any("fails with two" in warning for warning in told["warnings"])


def test_one_that_is_not_understood_shows_what_it_gives(tmp_path: Path) -> None:
    model = constant_model(tmp_path / "m.onnx", {"odd": np.zeros((1, 7, 11), np.float32)})
    done = run(tmp_path, model)
    assert done.returncode == 3
    assert "odd  1x7x11  float" in done.stdout
    assert "cannot be used: " in done.stdout
    told = json.loads(run(tmp_path, "--json", model).stdout)
    assert not told["understood"]
    assert "1x7x11" in told["reason"]


def test_a_picture_that_makes_it_fail_is_told_of(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "white.png"), np.full((64, 64, 3), 255, np.uint8))
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((64, 64, 3), np.uint8))
    model = failing_model(tmp_path / "m.onnx")
    done = run(tmp_path, "--json", model, tmp_path / "black.png", tmp_path / "white.png")
    assert done.returncode == 0
    black, white = json.loads(done.stdout)["images"]
    assert black["found"]["detections"]
    assert "ONNX Runtime failed to run it" in white["reason"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"\x08\x08\x12\x04onnx", "no ONNX model|cannot load it"),
        (None, "there is no|cannot read|No such"),
    ],
)
def test_what_is_no_model_is_refused_in_one_line(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "m.onnx"
    if content is not None:
        path.write_bytes(content)
    done = run(tmp_path, path)
    assert done.returncode in (2, 3)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert any(part in done.stderr for part in reason.split("|")), done.stderr


def test_half_a_model_is_refused(tmp_path: Path) -> None:
    whole = yolox_model(tmp_path / "m.onnx", [(8, 8, 40, 40, 0.9, 0)]).read_bytes()
    (tmp_path / "half.onnx").write_bytes(whole[: len(whole) // 2])
    done = run(tmp_path, "half.onnx")
    assert (done.returncode, done.stdout) == (3, "")
    assert "download or export it again" in done.stderr


def test_a_picture_that_is_none_is_refused(tmp_path: Path) -> None:
    model = yolox_model(tmp_path / "m.onnx", [(8, 8, 40, 40, 0.9, 0)])
    (tmp_path / "text.png").write_text("no picture")
    done = run(tmp_path, model, "text.png")
    assert (done.returncode, done.stdout) == (1, "")
    assert "text.png" in done.stderr


def test_one_that_takes_for_ever_is_given_up(tmp_path: Path) -> None:
    model = slow_model(tmp_path / "m.onnx", 60_000)
    began = time.monotonic()
    with pytest.raises(ModelError, match="it hangs, or is too slow for this machine: nothing after 2 s"):
        inspect.ask(inspect.request_for(str(model), {}, None), limit_s=2)
    assert time.monotonic() - began < 30


def test_one_that_brings_its_process_down_does_not_bring_down_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = yolox_model(tmp_path / "m.onnx", [(8, 8, 40, 40, 0.9, 0)])
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nkill -SEGV $$\n")
    python.chmod(0o755)
    request = inspect.request_for(str(model), {}, None)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(ModelError, match=r"brought down the process that ran it \(SIGSEGV\)"):
        inspect.ask(request, limit_s=30)


@pytest.mark.parametrize("place", ["../weights", "/etc/hostname", "missing"])
def test_weights_come_from_beside_the_model_only(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (tmp_path / "weights").write_bytes(os.urandom(64))
    weights = numpy_helper.from_array(np.zeros(16, np.float32), "weights")
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=place)
    graph = helper.make_graph(
        [helper.make_node("Identity", ["weights"], ["out"])],
        "m",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, *SIZE))],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, (16,))],
        [weights],
    )
    save(folder / "m.onnx", graph)
    done = run(folder, "m.onnx")
    assert (done.returncode, done.stdout) == (3, "")
    said = "put it beside the model" if place == "missing" else "a model may only read files in its own folder"
    assert said in done.stderr


def test_one_that_asks_for_too_much_memory_is_refused(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [
            helper.make_node("Shape", ["images"], ["shape"]),
            helper.make_node("ReduceProd", ["shape"], ["size"]),
            helper.make_node("Mul", ["size", "times"], ["large"]),
            helper.make_node("ConstantOfShape", ["large"], ["zeros"]),
            helper.make_node("ReduceMax", ["zeros"], ["out"]),
        ],
        "m",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, (1, 3, *SIZE))],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, (1,))],
        [numpy_helper.from_array(np.array([1 << 24]), "times")],
    )
    done = run(tmp_path, save(tmp_path / "m.onnx", graph))
    assert (done.returncode, done.stderr) == (3, "")
    assert "it needs 824.6 GB of memory at once" in done.stdout


# Evidence, preparations and comparisons


def test_evidence_is_typed_and_in_a_table(tmp_path: Path) -> None:
    model = yolox_model(tmp_path / "people.onnx", [(8, 8, 40, 40, 0.9, 0)], metadata={"names": "{0: 'person'}"})
    told = facts(tmp_path, model)
    by_what = {one["what"]: one for one in told["evidence"]}
    assert all(set(one) == {"what", "value", "because", "sure", "key"} for one in told["evidence"])
    assert by_what["layout"]["sure"] == "proved"
    assert (by_what["names"]["sure"], by_what["names"]["because"]) == ("known", "`names` in its metadata")
    assert (by_what["colour"]["sure"], by_what["colour"]["key"]) == ("likely", "input: {color: bgr}")
    lines = run(tmp_path, model).stdout.splitlines()
    assert any(line.split() == ["colour", "BGR", "likely", "usual", "for", "yolox"] for line in lines)


def test_usual_preparations_are_tried_where_the_input_is_only_likely(tmp_path: Path, picture: Path) -> None:
    model = yolox_model(tmp_path / "people.onnx", [(8, 8, 40, 40, 0.9, 0)])
    told = facts(tmp_path, model, picture)
    assert [one["preparation"] for one in told["preparations"]] == [
        "as it is assumed", "RGB, 0 to 1", "BGR, 0 to 255", "RGB, ImageNet's mean", "RGB, -1 to 1",
    ]  # fmt: skip
    assert all((one["found"], one["best"]) == (1, pytest.approx(0.9, abs=1e-3)) for one in told["preparations"])
    known = yolov8_model(tmp_path / "known.onnx", [(8, 8, 40, 40, 0.9, 0)], metadata={"task": "detect"})
    assert "preparations" not in facts(tmp_path, known, picture)


def test_two_exports_are_compared(tmp_path: Path, picture: Path) -> None:
    names = {"names": "{0: 'person'}"}
    one = yolox_model(tmp_path / "one.onnx", [(8, 8, 40, 40, 0.9, 0)], metadata=names)
    other = yolov8_model(tmp_path / "other.onnx", [(8, 8, 40, 44, 0.8, 0), (44, 20, 60, 50, 0.7, 0)], metadata=names)
    pinned = facts(tmp_path, one, picture, "--against", other)["comparisons"][str(other)]
    assert (pinned["found"], pinned["expected"]) == (1, 2)
    assert (pinned["precision"], pinned["recall"]) == (1.0, 0.5)
    assert pinned["mean_iou"] < 0.9  # one picture is placed top left, the other centred
    assert pinned["mean_score_difference"] == pytest.approx(0.1, abs=1e-3)
    same = facts(tmp_path, one, picture, "--against", one)["comparisons"][str(one)]
    assert (same["precision"], same["recall"], same["mean_iou"], same["worst_score_difference"]) == (1.0, 1.0, 1.0, 0.0)


def test_detections_are_compared_with_the_truth(tmp_path: Path, picture: Path) -> None:
    model = yolox_model(tmp_path / "one.onnx", [(8, 8, 40, 40, 0.9, 0)], metadata={"names": "{0: 'person'}"})
    (image,) = facts(tmp_path, model, picture)["images"]
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps({"street.png": image["found"]}))
    done = run(tmp_path, model, picture, "--expect", truth)
    assert "1 found, 1 expected, precision 1.000, recall 1.000, mean iou 1.000" in done.stdout
    (left, top, right, bottom) = image["found"]["detections"][0]["xyxy"]
    shifted = [left + (right - left) / 4, top, right + (right - left) / 4, bottom]
    truth.write_text(json.dumps({"detections": [{"xyxy": shifted, "class_name": "person"}]}))
    figures = facts(tmp_path, model, picture, "--expect", truth)["comparisons"][str(truth)]
    assert figures["mean_iou"] == pytest.approx(0.6, abs=0.01)
    assert figures["mean_score_difference"] is None
    truth.write_text("{}")
    done = run(tmp_path, model, picture, "--expect", truth)
    assert (done.returncode, "is not a JSON file of expected detections" in done.stderr) != (0, False)
    assert run(tmp_path, model, "--expect", truth).returncode == 2


def test_a_model_on_a_server_is_explained_and_pinned(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "p.jpg"), PICTURE)
    with serving(yolox_model(tmp_path / "yolox.onnx", [(8, 8, 40, 40, 0.9, 0)])) as server:
        done = run(tmp_path, server.url, "p.jpg")
        told = facts(tmp_path, server.url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{server.url}: on a server\n")
    assert "the server: " in done.stdout
    assert (tmp_path / "p-m.png").exists()
    model = loads(yaml.safe_dump({"cameras": {"c": {"source": 0}}, **told["config"]})).models["m"]
    assert (model.url, model.decoder) == ([server.url], "yolox")
    away = run(tmp_path, "http://127.0.0.1:1/m")
    assert (away.returncode, away.stderr) == (3, "edge-daemon: model http://127.0.0.1:1/m: 127.0.0.1:1: refused\n")
