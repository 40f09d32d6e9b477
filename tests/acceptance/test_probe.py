"""`edge-daemon probe` on real sources: what they are, and why they do not work."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.acceptance.harness import clip, free_port
from tests.http_camera import HttpCamera, jpeg, serving
from tests.rtsp import RtspServer

Start = Callable[[RtspServer], RtspServer]
PATIENT_S = 60.0


def probe(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_daemon", "probe", *arguments]
    env = os.environ | environment
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=PATIENT_S, check=False)


def facts(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_an_rtsp_camera_with_a_password(tmp_path: Path, start_rtsp: Start) -> None:
    server = start_rtsp(RtspServer(user="viewer", password="s3cret"))
    hidden = server.url.replace("s3cret", "${DOOR}")
    done = probe(tmp_path, hidden, "--seconds", "3", "--json", "--picture", "door.png", DOOR="s3cret")
    assert done.returncode == 0, done.stderr
    told = facts(done)
    assert (told["works"], told["codec"], told["width"], told["height"]) == (True, "h264", 640, 360)
    assert told["live"]
    assert told["fps"] == pytest.approx(15, rel=0.2)
    assert told["keyframe_s"] == pytest.approx(1.0, abs=0.3)
    assert np.asarray(Image.open(tmp_path / "door.png")).shape == (360, 640, 3)

    done = probe(tmp_path, server.url, "--seconds", "1")
    assert done.returncode == 0
    assert "s3cret" not in done.stdout + done.stderr
    written = yaml.safe_load(done.stdout.partition("write:")[2].partition("and put")[0])
    assert written == {"cameras": {"127.0.0.1": {"source": server.url.replace("s3cret", "${CAMERA_PASSWORD}")}}}
    assert (tmp_path / "127.0.0.1.jpg").exists()


def test_a_wrong_password(tmp_path: Path, start_rtsp: Start) -> None:
    server = start_rtsp(RtspServer(user="viewer", password="s3cret"))
    for options in ([], ["--json"]):
        done = probe(tmp_path, server.url.replace("s3cret", "gu3ss"), *options)
        assert done.returncode == 3
        assert "unauthorised" in done.stdout
        assert "gu3ss" not in done.stdout + done.stderr
    assert facts(done)["reason"] == "unauthorised"
    assert not list(tmp_path.iterdir()), "there is no picture of it"


def test_a_camera_that_does_not_answer(tmp_path: Path) -> None:
    done = probe(tmp_path, f"rtsp://127.0.0.1:{free_port()}/x")
    assert (done.returncode, "refused" in done.stdout) == (3, True)
    with socket.create_server(("127.0.0.1", 0)) as stuck:
        done = probe(tmp_path, f"rtsp://127.0.0.1:{stuck.getsockname()[1]}/x", "--json")
    assert (done.returncode, facts(done)["reason"]) == (3, "timeout")


def test_a_camera_that_always_sends_the_same(tmp_path: Path) -> None:
    with serving(HttpCamera([jpeg(90)])) as camera:
        done = probe(tmp_path, camera.url(), "--seconds", "1", "--json")
    told = facts(done)
    assert (told["codec"], told["width"], told["height"]) == ("mjpeg", 160, 120)
    assert any("the same picture" in note for note in told["notes"])


def test_a_file_and_what_is_none(tmp_path: Path) -> None:
    clip(tmp_path / "c.mp4", 30, fps=10)
    told = facts(probe(tmp_path, "c.mp4", "--json"))
    assert (told["frames"], told["fps"], told["announced_fps"], told["live"]) == (30, 10, 10, False)
    (tmp_path / "text.mp4").write_text("no video")
    done = probe(tmp_path, "text.mp4")
    assert (done.returncode, "it does not work" in done.stdout) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["rtps://10.0.0.4/x"], 2, "did you mean rtsps://?"),
        (["rtsp://u:${NOT_SET_ANYWHERE}@h/x"], 2, "NOT_SET_ANYWHERE"),
        (["scene:", "--transport", "tcpp"], 2, "did you mean tcp?"),
        (["scene:", "--picture", "x.txt"], 1, "the suffix selects the format"),
        (["scene:", "--picture", "no/such/folder.jpg"], 3, "cannot write"),
    ],
)
def test_what_cannot_be_asked_for(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    done = probe(tmp_path, *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout + done.stderr
