"""Areas that nobody may see, in everything that a running daemon gives, and a camera that is moved."""

import time
from datetime import datetime
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from edge_daemon.imaging.codecs import read_bgr
from tests.acceptance.harness import START_S, Listener, free_port, listens, running
from tests.http_camera import HttpCamera, jpeg, serving
from tests.onnx_models import colour_model, failing_model
from tests.waiting import eventually

WHITE = 220
CORNER = "[[[0, 0], [0.1, 0], [0.1, 0.1], [0, 0.1]]]"
LEFT, RIGHT = "[[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]]", "[[[0.5, 0], [1, 0], [1, 1], [0.5, 1]]]"


def halves(data: bytes) -> tuple[int, int]:
    """Brightest value in the left, and in the right part of a picture."""
    bgr = read_bgr(data)
    middle = bgr.shape[1] // 2
    return int(bgr[:, : middle - 8].max()), int(bgr[:, middle + 8 :].max())


def is_left_hidden(data: bytes) -> bool:
    left, right = halves(data)
    return left < 30 and right > 150


def config(url: str, privacy: str, model: Path, port: int = 0) -> str:
    return f"""
cameras: {{c: {{source: "{url}", privacy: {privacy}}}}}
models: {{m: {{path: {model}, confidence: 1}}}}
web: {{listen: "127.0.0.1:{port or free_port()}"}}
"""


def test_it_is_black_wherever_the_camera_is_seen_and_a_reload_changes_it_at_once(tmp_path: Path) -> None:
    port, model = free_port(), colour_model(tmp_path / "m.onnx")
    pictures = [jpeg(value, 640, 360) for value in (WHITE, WHITE - 10)]

    def shown(width: int | None = None) -> bytes:
        asked = {"width": width} if width else {}
        return httpx.get(f"http://127.0.0.1:{port}/api/cameras/c/picture.jpg", params=asked, timeout=START_S).content

    with serving(HttpCamera(pictures)) as camera:
        written = config(camera.url(), LEFT, model, port)
        with running(tmp_path, written) as daemon, Listener(daemon.address, "frame/") as frames:
            eventually(lambda: listens(port), 2 * START_S, what="the web")
            first, frame = frames.receive()
            assert is_left_hidden(frame)
            assert all(is_left_hidden(shown(width)) for width in (None, 160, 640))
            done = daemon.reload(config(camera.url(), RIGHT, model, port))
            assert (done.returncode, done.stdout) == (0, f"reloaded: camera c: privacy {LEFT} → {RIGHT}\n"), done.stderr
            reloaded_at = time.time()
            frames.until(lambda result: _at(result["captured_at"]) > reloaded_at)
            last, frame = frames.receive()
            left, right = halves(frame)
            assert left > 150 > 30 > right
            assert halves(shown(640))[1] < 30
            assert last["epoch"] == first["epoch"], "the camera stayed open"
            assert daemon.stop() == 0


def _at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_it_is_black_in_a_frame_that_is_set_aside(tmp_path: Path) -> None:
    with serving(HttpCamera([jpeg(255, 360, 360)])) as camera:
        written = config(camera.url(), CORNER, failing_model(tmp_path / "f.onnx"))
        with running(tmp_path, written) as daemon:
            eventually(lambda: "set aside" in daemon.log, START_S, what="a frame")
            aside = next(tmp_path.rglob("aside"))
            eventually(lambda: any(aside.glob("*.png")), START_S)
            bgr = read_bgr(next(aside.glob("*.png")).read_bytes())
            side = bgr.shape[0]
            assert bgr[: side // 12, : side // 12].max() < 30
            assert bgr[:, side // 6 :].min() > 240
            daemon.stop()


def test_it_is_black_in_video_and_in_what_is_saved(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "c.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (320, 180))
    for _ in range(5):
        writer.write(np.full((180, 320, 3), WHITE, np.uint8))
    writer.release()
    written = f"""
cameras: {{c: {{source: c.mp4, privacy: {LEFT}}}}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}, confidence: 1}}}}
"""
    saved = tmp_path / "saved"
    with running(tmp_path, written, "--save", str(saved)) as daemon:
        assert daemon.finish() == 0
    pictures = sorted(saved.rglob("*.jpg"))
    assert len(pictures) == 5
    assert all(is_left_hidden(picture.read_bytes()) for picture in pictures)


@pytest.mark.parametrize("delivery", ["lossless", "live"])
def test_a_camera_that_is_moved_makes_an_event_and_its_zones_rest(tmp_path: Path, delivery: str) -> None:
    rng = np.random.default_rng(1)
    street = cv2.resize(rng.uniform(60, 190, (18, 32, 3)).astype(np.float32), (320, 180))
    writer = cv2.VideoWriter(str(tmp_path / "c.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 5, (320, 180))
    for index in range(5 * 40):
        picture = np.roll(street, 30 if 75 <= index < 150 else 0, 1) + rng.normal(0, 4, street.shape)
        writer.write(np.clip(picture, 0, 255).astype(np.uint8))
    writer.release()
    written = f"""
cameras:
  c: {{source: c.mp4, delivery: {delivery}, motion: {{}}, zones: {{all: {{points: [[0, 0], [1, 0], [1, 1], [0, 1]]}}}}}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}}}}}
rules: {{tampered: {{scene: [moved]}}}}
"""
    with running(tmp_path, written, "--events", "events.jsonl") as daemon:
        assert daemon.finish() == 0
        events = [line for line in daemon.events() if line["type"] == "event"]
        counts = [line for line in daemon.events() if line["type"] == "counts"]
    assert [(event["rule"], event["phase"]) for event in events if event["phase"] != "update"] == [
        ("tampered", "start"),
        ("tampered", "end"),
    ]
    assert events[0]["because"] == ["the camera looks elsewhere"]
    assert 18.0 <= events[0]["time_s"] <= 19.5, "three seconds after it was moved"
    assert sum(report["blind"].get("moved", 0.0) for report in counts) == pytest.approx(14, abs=1.5)
