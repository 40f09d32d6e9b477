"""What a source means, and the names made from it."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.config.names import checked_name, clean, unique
from edge_daemon.config.sources import camera_names, is_finite, kind_of, model_names, path_of


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (3, "webcam"),
        ("0", "webcam"),
        ("/dev/video12", "webcam"),
        ("/dev/v4l/by-id/usb-cam-index0", "webcam"),
        ("rtsp://h/x", "rtsp"),
        ("RTSPS://h/x", "rtsp"),
        ("http://h/x.mjpg", "http"),
        ("https://h/x.mjpg", "http"),
        ("scene:", "scene"),
        ("scene:?seed=3", "scene"),
        ("clip.mp4", "file"),
        ("/dev/shm/clip.mp4", "file"),
        ("file:///data/clip.mp4", "file"),
        ("not-there/", "folder"),
        ("x" * 5000, "file"),
        ("٣", "file"),
    ],
)
def test_kinds(source: str | int, kind: str) -> None:
    assert kind_of(source) == kind


def test_a_directory_is_a_folder(tmp_path: Path) -> None:
    assert kind_of(str(tmp_path)) == kind_of(tmp_path.as_uri()) == "folder"


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("file:///a%20b.mp4", "/a b.mp4"),
        ("file://localhost/a.mp4", "/a.mp4"),
        ("file://a.mp4", "a.mp4"),
        ("a%20b.mp4", "a%20b.mp4"),
    ],
)
def test_paths(source: str, path: str) -> None:
    assert path_of(source) == Path(path)


@pytest.mark.parametrize("source", ["clip.mp4", "pictures/", "scene:?seed=1&frames=10"])
def test_finite(source: str) -> None:
    assert is_finite(source)


@pytest.mark.parametrize("source", [0, "rtsp://h/x", "http://h/x", "scene:", "scene:?seed=1"])
def test_endless(source: str | int) -> None:
    assert not is_finite(source)


def test_a_folder_that_is_watched_has_no_end_and_a_file_that_is_played_live_has() -> None:
    assert not is_finite("pictures/", "live")
    assert is_finite("pictures/", "lossless")
    assert is_finite("clip.mp4", "live")


def test_names_of_cameras() -> None:
    names = {
        "/data/walking people.mp4": "walking-people",
        "other/walking people.avi": "walking-people-2",
        "pictures/": "pictures",
        "0": "webcam-0",
        "/dev/video2": "webcam-2",
        "/dev/v4l/by-id/usb-Acme_Cam-index0": "webcam-usb-Acme_Cam-index0",
        "rtsp://viewer:hunter2@10.0.0.4:554/stream1": "10.0.0.4",
        "http://cam.local/x.mjpg": "cam.local",
        "rtsp://[fe80::1]/x": "fe80-1",
        "rtsp://[fe80/x": "camera",
        "scene:?seed=4": "scene",
        "/data/街道.mp4": "街道",
        "---.mp4": "camera-2",
        "rtps://u:hunter2@gate": "gate",
        ".hidden": "hidden",
    }
    assert camera_names(list(names)) == list(names.values())


def test_names_of_models() -> None:
    paths = ["a/yolox_nano.onnx", "b/yolox_nano.onnx", "builtin:person", "v1.2.onnx", "s3://u:hunter2@h"]
    assert model_names(paths) == ["yolox_nano", "yolox_nano-2", "person", "v1.2", "h"]


@given(st.lists(st.text(max_size=100), max_size=6))
def test_names_are_names_and_differ(texts: list[str]) -> None:
    names = unique(clean(text, "camera") for text in texts)
    assert [checked_name(name) for name in names] == names
    assert len(set(names)) == len(texts)


@given(st.lists(st.sampled_from(["𠀀" * 64, "a" * 64, "𠀀" * 63 + "-2", "a"]), max_size=8))
def test_long_names_still_differ(texts: list[str]) -> None:
    names = unique(clean(text, "camera") for text in texts)
    assert [checked_name(name) for name in names] == names
    assert len(set(names)) == len(texts)


@pytest.mark.parametrize("name", ["front-door", "1", "10.0.0.4", "前门", "बगीचा", "حديقة", "a_b"])
def test_names_of_any_script(name: str) -> None:
    assert checked_name(name) == name
    assert clean(name, "camera") == name


def test_processes_do_without_pydantic() -> None:
    code = "import sys, edge_daemon.config.sources; print('pydantic' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == "False\n"
