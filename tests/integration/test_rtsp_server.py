"""The RTSP server that other tests rely on, seen by OpenCV as a capture sees it."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.rtsp import RtspServer, serve_file

Start = Callable[[RtspServer], RtspServer]
BOUNDED = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 5000, cv2.CAP_PROP_READ_TIMEOUT_MSEC, 5000]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Twenty grey frames of MPEG-4, getting brighter."""
    path = tmp_path / "a clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 20.0, (64, 48))
    for level in range(0, 200, 10):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    return path


def frames(url: str, *, at_most: int) -> int:
    """How many frames, up to `at_most`, `url` gives before it ends."""
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, BOUNDED)
    try:
        count = 0
        while count < at_most and capture.read()[0]:
            count += 1
        return count
    finally:
        capture.release()


def test_live_picture_gives_frames(rtsp_url: str) -> None:
    assert frames(rtsp_url, at_most=5) == 5


def test_colour_of_the_live_picture(start_rtsp: Start) -> None:
    server = start_rtsp(RtspServer("--pattern", "red"))
    capture = cv2.VideoCapture(server.url, cv2.CAP_FFMPEG, BOUNDED)
    ok, frame = capture.read()
    capture.release()
    assert ok
    assert frame.shape == (360, 640, 3)
    blue, green, red = frame.reshape(-1, 3).mean(axis=0)
    assert red > 200
    assert max(blue, green) < 50


def test_clip_ends(start_rtsp: Start, clip: Path) -> None:
    assert 10 <= frames(start_rtsp(serve_file(clip, codec="mpeg4")).url, at_most=100) <= 20


def test_password(start_rtsp: Start) -> None:
    server = start_rtsp(RtspServer(user="viewer", password="secret"))
    assert frames(server.url, at_most=1) == 1
    assert frames(server.url.replace("secret", "wrong"), at_most=1) == 0


def test_killed_server_ends_the_stream_and_comes_back_on_its_port(start_rtsp: Start) -> None:
    server = start_rtsp(RtspServer())
    url = server.url
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, BOUNDED)
    assert capture.read()[0]
    server.kill()
    seen = 0
    while capture.read()[0]:  # what was on the way; each read is bounded by BOUNDED
        seen += 1
        assert seen < 100
    capture.release()
    server.start()
    assert server.url == url
    assert frames(url, at_most=1) == 1
