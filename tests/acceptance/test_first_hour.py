"""The first hour of somebody new, in a terminal and on the page: recorded sessions, replayed with what they show."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import expect, sync_playwright

from edge_daemon.capture.source import open_source
from tests.acceptance.harness import START_S, free_port, listens, running
from tests.browsing import Browsing
from tests.components import require_component
from tests.conftest import CHECKOUT
from tests.onnx_models import yolox_model
from tests.rtsp import RtspServer
from tests.session import Session, parsed
from tests.waiting import eventually

ALONE = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync"
SESSIONS = CHECKOUT / "tests" / "first_hour"
FRAMES = 60


@pytest.fixture
def terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Replay a session in a new folder that holds a clip and a model; print how long each command took."""
    street(tmp_path / "street.mp4")
    yolox_model(tmp_path / "best.onnx", [(10, 12, 40, 50, 0.8, 0)], classes=80)
    (tmp_path / "broken.onnx").write_bytes(b"no model at all")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def replay(name: str, **variables: str) -> None:
        session = Session(tmp_path, {"PATH": path, "CHECKOUT": str(CHECKOUT), **variables})
        session.replay(parsed((SESSIONS / f"{name}.session").read_text()))
        total_s = sum(seconds for seconds, _ in session.times)
        with capsys.disabled():
            print(f"\nfirst hour, {name}: {len(session.times)} commands in {total_s:.1f} s")
        show(session.times)

    return replay


def show(times: list[tuple[float, str]]) -> None:
    """Print the time of each step."""
    for seconds, step in times:
        print(f"{seconds:6.1f} s  {step}")


def street(file: Path) -> None:
    """A clip of one's own: the generated street, with people in it, and a little sound."""
    source = open_source(f"scene:?fps=15&size=640x360&frames={FRAMES}")
    with av.open(str(file), "w") as video:
        stream = video.add_stream("libx264", rate=15, options={"preset": "ultrafast"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        while picture := source.read():
            video.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture.bgr), "bgr24")))
        video.mux(stream.encode(None))


def frames(file: Path) -> NDArray[np.int16]:
    """Frames x height x width x 3, RGB."""
    with av.open(str(file)) as video:
        return np.array([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)], np.int16)


@pytest.mark.timeout(300)
def test_a_clip_of_one_s_own(terminal: Callable[..., None], tmp_path: Path) -> None:
    terminal("clip")
    before, after = frames(tmp_path / "street.mp4"), frames(tmp_path / "annotated.mp4")
    assert len(before) == len(after) == FRAMES
    changed = (np.abs(before - after).max(axis=3) > 60).sum(axis=(1, 2))
    assert (changed > 100).sum() > FRAMES / 2, "boxes are drawn"


@pytest.mark.timeout(300)
def test_a_camera_of_one_s_own(terminal: Callable[..., None], start_rtsp: Callable[[RtspServer], RtspServer]) -> None:
    terminal("camera", CAMERA=start_rtsp(RtspServer()).url, PORT=str(free_port()))


@pytest.mark.timeout(300)
def test_a_person_in_the_yard_at_night(terminal: Callable[..., None], tmp_path: Path) -> None:
    terminal("yard")
    assert len(frames(tmp_path / "drawn.mp4")) == FRAMES


@pytest.mark.timeout(300)
def test_wrong_on_purpose(terminal: Callable[..., None]) -> None:
    assert sum(step.code != 0 for step in parsed((SESSIONS / "wrong.session").read_text())) >= 20
    terminal("wrong")


@pytest.mark.timeout(300)
def test_on_the_page(
    tmp_path: Path, start_rtsp: Callable[[RtspServer], RtspServer], capsys: pytest.CaptureFixture[str]
) -> None:
    require_component("chromium")
    yolox_model(tmp_path / "best.onnx", [(10, 12, 40, 50, 0.8, 0)], classes=80)
    picture = open_source("scene:?frames=1&size=640x360").read()
    assert picture
    cv2.imwrite(str(tmp_path / "street.png"), picture.bgr)
    port, camera = free_port(), start_rtsp(RtspServer()).url
    config = f"""
cameras: {{door: {{source: '{camera}'}}}}
models: {{objects: {{path: best.onnx, labels: coco}}}}
web: {{listen: '127.0.0.1:{port}'}}
"""
    expect.set_options(timeout=1000 * START_S)
    with running(tmp_path, config) as daemon, sync_playwright() as playwright:
        eventually(lambda: daemon.lines(), START_S, what="results")
        eventually(lambda: listens(port), START_S, what="the page")
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ALONE.split())
        browsing = Browsing(browser.new_page(), f"http://127.0.0.1:{port}/", tmp_path)
        try:
            browsing.replay((SESSIONS / "page.session").read_text())
        finally:
            show(browsing.times)
        browser.close()
        assert daemon.stop() == 0
    with capsys.disabled():
        total_s = sum(seconds for seconds, _ in browsing.times)
        print(f"\nfirst hour, page: {len(browsing.times)} steps in {total_s:.1f} s")
