"""Files and folders: every frame's result, once and in order."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_daemon.models.model import Model
from edge_daemon.settings import ModelSettings
from tests.acceptance.harness import Listener, accounts, clip, running
from tests.onnx_models import colour_model, yolox_model


@pytest.mark.parametrize("codec", ["auto", "raw", "jpeg", "png", "webp"])
def test_every_frame_of_a_file_has_one_result(tmp_path: Path, codec: str) -> None:
    config = f"""
cameras: {{clip: {{source: {clip(tmp_path / "clip.mp4", 60)}}}}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}, workers: 2}}}}
frames: {{codec: {codec}}}
publish: {{wait_for: 1}}
"""
    with running(tmp_path, config) as daemon, Listener(daemon.address, "result/clip/") as listener:
        published = listener.until(lambda header: header["type"] == "end")
        assert daemon.finish() == 0
    results = daemon.lines()
    assert [result["seq"] for result in results] == list(range(60))
    assert published == daemon.written(), "a file of results ends like the stream"
    end = published[-1]
    assert (end["captured"], end["delivered"], end["dropped"]) == (60, 60, {})
    assert {result["worker"] for result in results} == {"m-0", "m-1"}
    for result in results:
        assert result["dropped"] == {}
        assert (result["width"], result["height"]) == (320, 240)
        assert [d["class_name"] for d in result["detections"]] == ["person"]
        assert result["detections"][0]["xyxy"] == pytest.approx([0, 0, 320, 240], abs=1)


def test_boxes_are_those_of_the_model_called_directly(tmp_path: Path) -> None:
    path = yolox_model(tmp_path / "m.onnx", [(10, 12, 40, 50, 0.8, 1), (30, 5, 60, 30, 0.7, 0)], classes=3)
    video = clip(tmp_path / "clip.mp4", 5)
    model = Model(ModelSettings(name="m", path=str(path)))
    capture = cv2.VideoCapture(str(video))
    with running(tmp_path, None, "--source", str(video), "--model", str(path)) as daemon:
        assert daemon.finish() == 0
    for result in daemon.lines():
        ok, bgr = capture.read()
        assert ok
        found = model.detect(np.asarray(bgr, np.uint8))[0].detections
        assert len(found) == len(result["detections"]) == 2
        for xyxy, confidence, detection in zip(found.xyxy, found.confidence, result["detections"], strict=True):
            assert detection["xyxy"] == pytest.approx(xyxy.tolist(), abs=0.01)
            assert detection["confidence"] == pytest.approx(float(confidence), abs=0.001)


def test_a_folder_gives_its_pictures_and_leaves_out_what_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, size in (("b.png", (50, 70)), ("a.jpg", (200, 100)), ("c.bmp", (33, 44))):
        cv2.imwrite(str(folder / name), np.full((*size, 3), 200, np.uint8))
    (folder / "broken.jpg").write_bytes((folder / "a.jpg").read_bytes()[:60])
    (folder / "notes.txt").write_text("no picture")
    model = colour_model(tmp_path / "m.onnx")
    with running(tmp_path, None, "--source", str(folder), "--model", str(model)) as daemon:
        assert daemon.finish() == 0
    assert [(r["height"], r["width"]) for r in daemon.lines()] == [(200, 100), (50, 70), (33, 44)]
    assert daemon.log.count("left out") == 1
    assert "broken.jpg" in daemon.log


def test_fps_paces_a_file_by_its_own_time(tmp_path: Path) -> None:
    config = f"""
cameras: {{clip: {{source: {clip(tmp_path / "clip.mp4", 100, fps=25)}, fps: 5}}}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}}}}}
publish: {{wait_for: 1}}
"""
    with running(tmp_path, config) as daemon, Listener(daemon.address, "result/") as listener:
        end = listener.until(lambda header: header["type"] == "end")[-1]
        assert daemon.finish() == 0
    assert [result["seq"] for result in daemon.lines()] == list(range(0, 100, 5))
    assert (end["captured"], end["delivered"], end["dropped"]) == (100, 20, {"paced": 80})
    accounts(daemon.lines())


def test_a_model_that_fails_on_a_frame_costs_that_frame(tmp_path: Path) -> None:
    from tests.onnx_models import failing_model

    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, brightness in enumerate((90, 255, 90, 255)):
        cv2.imwrite(str(folder / f"{index}.png"), np.full((64, 64, 3), brightness, np.uint8))
    model = failing_model(tmp_path / "m.onnx")
    with running(tmp_path, None, "--source", str(folder), "--model", str(model)) as daemon:
        assert daemon.finish() == 0
    assert [(r["seq"], r["dropped"]) for r in daemon.lines()] == [(0, {}), (2, {"model-error": 1})]
    assert "4 captured, 2 delivered, dropped: 2 model-error" in daemon.log


def test_a_clip_in_a_loop_goes_on_in_the_same_epoch_until_it_is_stopped(tmp_path: Path) -> None:
    config = f"""
cameras: {{clip: {{source: {clip(tmp_path / "clip.mp4", 5, fps=25)}, loop: true}}}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}}}}}
"""
    with running(tmp_path, config) as daemon, Listener(daemon.address, "result/clip/") as listener:
        results = listener.until(lambda result: result["seq"] >= 40)
        assert daemon.stop() == 0
        assert daemon.ends() == []
    accounts(results)
    assert len({result["epoch"] for result in results}) == 1
    assert [result["time_s"] for result in results] == pytest.approx([result["seq"] / 25 for result in results])
