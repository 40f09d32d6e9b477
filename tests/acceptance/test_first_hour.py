"""The first hour of somebody new, in a terminal: recorded sessions, replayed with what they print."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_daemon.capture.source import open_source
from tests.acceptance.harness import free_port
from tests.conftest import CHECKOUT
from tests.onnx_models import yolox_model
from tests.rtsp import RtspServer
from tests.session import Session, parsed

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
        for seconds, command in session.times:
            print(f"{seconds:6.1f} s  {command}")

    return replay


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
