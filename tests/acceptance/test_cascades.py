"""Models that look at what another found, and workers that take several frames at once."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.acceptance.harness import START_S, Listener, accounts, clip, running
from tests.batched import batched_model
from tests.onnx_models import constant_model, slow_model, yolox_model, yolox_output
from tests.waiting import eventually

BOXES = [(8, 16, 28, 56, 0.9, 0), (36, 16, 56, 56, 0.8, 1), (4, 4, 12, 12, 0.7, 0)]
"""Two of class 0 and one of class 1, in pixels of the input."""
SHARES = np.array([[0.1, 0.7, 0.2]], np.float32)


def looks(folder: Path) -> str:
    finds = yolox_model(folder / "finds.onnx", BOXES, classes=3)
    names = batched_model(folder / "names.onnx", {"shares": SHARES})
    inner = yolox_model(folder / "inner.onnx", [(0, 0, 32, 32, 0.9, 0)])
    return f"""
models:
  thing: {{path: {finds}, labels: [person, car, dog]}}
  kind: {{path: {names}, after: thing, labels: [red, green, blue], max_crops: 2}}
  part: {{path: {inner}, after: thing, labels: [wheel], classes: [car], crop: {{margin: 0.25}}}}
  piece: {{path: {inner}, after: part, labels: [screw]}}
"""


def test_results_carry_both_joined_to_the_box(tmp_path: Path) -> None:
    config = f"cameras: {{c: {{source: {clip(tmp_path / 'c.mp4', 30)}}}}}\n" + looks(tmp_path)
    with running(tmp_path, config) as daemon:
        assert daemon.finish() == 0
    results = {(line["model"], line["seq"]): line for line in daemon.lines()}
    assert len(results) == 4 * 30
    accounts(daemon.lines())
    for seq in range(30):
        thing, kind, part, piece = (results[model, seq] for model in ("thing", "kind", "part", "piece"))
        assert ("after" in thing, kind["after"], part["after"], piece["after"]) == (False, "thing", "thing", "part")
        # The two surest, each with the box and name that the first model gave it.
        assert [one["parent"] for one in kind["detections"]] == [0, 1]
        for one in kind["detections"]:
            parent = thing["detections"][one["parent"]]
            assert {key: one[key] for key in parent} == parent
            assert one["classes"][0] == {"class_id": 1, "class_name": "green", "confidence": pytest.approx(0.7)}
        # The car alone, with a quarter more on each side; the inner box is the top left quarter of what was cut out.
        (car,) = part["detections"]
        assert (car["class_name"], car["parent"]) == ("car", 1)
        (wheel,) = car["detections"]
        x1, y1, x2, y2 = car["xyxy"]
        width, height = x2 - x1, y2 - y1
        left, top = x1 - width / 4, max(0, y1 - height / 4)
        right, bottom = min(part["width"], x2 + width / 4), min(part["height"], y2 + height / 4)
        ratio = min(64 / (right - left), 64 / (bottom - top))
        expected = [left, top, min(left + 32 / ratio, right), min(top + 32 / ratio, bottom)]
        np.testing.assert_allclose(wheel["xyxy"], expected, atol=1.5)
        (screw,) = piece["detections"]
        assert screw["xyxy"] == wheel["xyxy"]
        assert screw["detections"][0]["class_name"] == "screw"


@pytest.mark.long
def test_every_frame_comes_out_once_whoever_dies(tmp_path: Path) -> None:
    slow = slow_model(tmp_path / "slow.onnx", 4)
    names = batched_model(tmp_path / "names.onnx", {"shares": SHARES})
    config = f"""
cameras: {{c: {{source: {clip(tmp_path / "c.mp4", 500)}}}}}
models:
  thing: {{path: {slow}, workers: 2}}
  kind: {{path: {names}, after: thing, labels: [red, green, blue]}}
"""
    with running(tmp_path, config) as daemon:
        for title in ("worker thing-0", "capture c", "dispatcher", "worker kind-0", "sink", "dispatcher"):
            seen = len(daemon.lines())
            eventually(lambda seen=seen: len(daemon.lines()) > seen + 30, START_S, what=f"results before {title}")  # type: ignore[misc]
            daemon.kill(title)
        assert daemon.finish() == 0
    accounts(daemon.lines())
    for model in ("thing", "kind"):
        assert [line["seq"] for line in daemon.lines() if line["model"] == model] == list(range(500)), model


@pytest.mark.long
def test_live_the_second_model_takes_the_newest(tmp_path: Path) -> None:
    first = slow_model(tmp_path / "first.onnx", 2)
    second = slow_model(tmp_path / "second.onnx", 30)
    config = f"""
cameras: {{c: {{source: "scene:?fps=60&size=128x128"}}}}
models:
  first: {{path: {first}}}
  second: {{path: {second}, after: first, labels: [face]}}
"""
    with running(tmp_path, config) as daemon, Listener(daemon.address, "result/", "status/") as listener:
        headers = listener.until(
            lambda header: header["type"] == "status" and header["cameras"]["c"]["models"]["second"]["delivered"] > 60
        )
        assert daemon.stop() == 0
    accounts([header for header in headers if header["type"] == "result"])
    counts = headers[-1]["cameras"]["c"]["models"]
    for of_model in counts.values():
        dropped = sum(of_model["dropped"].values())
        assert of_model["captured"] == of_model["delivered"] + dropped + of_model["in_flight"]
        assert of_model["in_flight"] <= 5
    assert counts["second"]["dropped"]["replaced"] > counts["first"]["dropped"].get("replaced", 0)
    assert "worker-lost" not in counts["second"]["dropped"]


def test_a_worker_takes_frames_of_several_cameras_at_once(tmp_path: Path) -> None:
    model = batched_model(tmp_path / "m.onnx", {"output": yolox_output(BOXES, classes=3)})
    sources = "\n".join(f"  c{i}: {{source: {clip(tmp_path / f'{i}.mp4', 60)}}}" for i in range(3))
    config = f"""
cameras:
{sources}
models: {{m: {{path: {model}, batch: 3, batch_wait: 20ms, labels: [a, b, c]}}}}
"""
    with running(tmp_path, config) as daemon:
        assert daemon.finish() == 0
    lines = daemon.lines()
    accounts(lines)
    assert Counter(line["camera"] for line in lines) == {"c0": 60, "c1": 60, "c2": 60}
    assert all(len(line["detections"]) == 3 for line in lines)


def test_a_batch_that_a_model_does_not_allow_is_refused(tmp_path: Path) -> None:
    one = yolox_model(tmp_path / "one.onnx", BOXES, classes=3)
    liar = batched_model(tmp_path / "liar.onnx", {"output": yolox_output(BOXES, classes=3)}, honest=False)
    for model, words in ((one, "the file fixes it at 1"), (liar, "but running one fails")):
        config = f"""
cameras: {{c: {{source: "scene:"}}}}
models: {{m: {{path: {model}, batch: 2, labels: [a, b, c]}}}}
"""
        folder = tmp_path / model.stem
        folder.mkdir()
        with running(folder, config) as daemon:
            assert daemon.finish() == 3
        assert words in daemon.log


def test_a_model_of_embeddings_after_another(tmp_path: Path) -> None:
    finds = yolox_model(tmp_path / "finds.onnx", BOXES, classes=3)
    vector = constant_model(tmp_path / "vector.onnx", {"v": np.linspace(-1, 1, 64, dtype=np.float32)[None]})
    config = f"""
cameras: {{c: {{source: {clip(tmp_path / "c.mp4", 5)}}}}}
models:
  thing: {{path: {finds}, labels: [person, car, dog]}}
  face: {{path: {vector}, after: thing, classes: [dog]}}
  look: {{path: {vector}, after: thing}}
"""
    with running(tmp_path, config) as daemon:
        assert daemon.finish() == 0
    for line in daemon.lines():
        if line["model"] == "face":
            assert line["detections"] == [], "there is no dog"
        elif line["model"] == "look":
            assert all(np.linalg.norm(one["embedding"]) == pytest.approx(1, abs=1e-3) for one in line["detections"])
            assert len(line["detections"]) == 3


def test_poses_text_and_numbers_are_published(tmp_path: Path) -> None:
    finds = yolox_model(tmp_path / "finds.onnx", BOXES, classes=3)
    maps = np.full((1, 17, 16, 12), 0.001, np.float32)
    maps[:, :, 8, 6] = 0.9
    pose = constant_model(tmp_path / "pose.onnx", {"heatmap": maps}, (64, 48))
    places = np.full((1, 9, 37), 0.001, np.float32)
    places[0, range(9), [10, 11, 1, 2, 3, 36, 36, 36, 36]] = 1 - 0.036
    plate = constant_model(tmp_path / "plate.onnx", {"plate": places}, (64, 128))
    shares = {"age": np.full((1, 1), 0.34, np.float32), "prob": np.array([[0.2, 0.8]], np.float32)}
    person = constant_model(tmp_path / "person.onnx", shares, (62, 62))
    config = f"""
cameras: {{c: {{source: {clip(tmp_path / "c.mp4", 3)}}}}}
models:
  thing: {{path: {finds}, labels: [person, car, dog]}}
  pose: {{path: {pose}, after: thing, classes: [person]}}
  plate: {{path: {plate}, after: thing, classes: [car]}}
  age: {{path: {person}, after: thing, labels: [female, male]}}
  whole: {{path: {plate}}}
"""
    with running(tmp_path, config) as daemon:
        assert daemon.finish() == 0
    found = {(line["model"], line["seq"]): line for line in daemon.lines()}
    assert len(found) == 5 * 3
    for seq in range(3):
        assert [len(one["keypoints"]) for one in found["pose", seq]["detections"]] == [17, 17]
        for one in found["pose", seq]["detections"]:
            left, top, right, bottom = one["xyxy"]
            assert all(left <= x <= right and top <= y <= bottom for x, y, _ in one["keypoints"])
        assert [one["text"]["text"] for one in found["plate", seq]["detections"]] == ["AB123"]
        for one in found["age", seq]["detections"]:
            assert one["values"] == [{"name": "age", "value": 0.34}]
            assert one["classes"][0]["class_name"] == "male"
        assert found["whole", seq]["text"]["text"] == "AB123"
