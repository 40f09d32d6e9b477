"""`edge-daemon probe` on real sources: what they are, and why they do not work."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import yaml
from PIL import Image

from tests.acceptance.harness import clip, free_port
from tests.http_camera import HttpCamera, jpeg, serving
from tests.http_files import Files
from tests.http_files import serving as serving_files
from tests.rtsp import RtspServer
from tests.video_files import B_FRAMES, write_video

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
    assert 5 < told["fps"] <= 18, "15 where there is time for them"
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


def frames_of(clip: Path) -> tuple[str, list[float]]:
    """Codec of a clip, and the time of each of its frames."""
    with av.open(str(clip)) as file:
        stream = file.streams.video[0]
        tick_s = float(stream.time_base or 0)
        times = [frame.pts * tick_s for frame in file.decode(stream) if frame.pts is not None]
        return stream.codec.canonical_name, times


@pytest.mark.parametrize("options", [[], ["--bframes", "3"]])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_clip_of_an_rtsp_camera(tmp_path: Path, start_rtsp: Start, transport: str, options: list[str]) -> None:
    server = start_rtsp(RtspServer("--fps", "25", *options))
    done = probe(tmp_path, server.url, "--seconds", "1", "--clip", "3s", "--output", "c.mp4", "--transport", transport)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a clip of it: c.mp4, 3" in done.stdout
    assert "time stamps: good" in done.stdout
    codec, times = frames_of(tmp_path / "c.mp4")
    assert codec == "h264"
    assert times == pytest.approx([index / 25 for index in range(len(times))], abs=0.001)
    assert 3.0 <= times[-1] + 1 / 25 < 3.3


def test_a_clip_of_an_mjpeg_camera(tmp_path: Path) -> None:
    pictures = [jpeg(50 + 10 * number) for number in range(10)]
    with serving(HttpCamera(pictures, pause_s=0.05)) as camera:
        told = facts(probe(tmp_path, camera.url(), "--seconds", "1", "--clip", "2s", "--json"))
    assert told["clip"]["file"] == "127.0.0.1.mp4"
    assert told["stamps"]["usable"] is False
    assert told["stamps"]["why"] == "it sends none"
    codec, times = frames_of(tmp_path / "127.0.0.1.mp4")
    assert codec == "mjpeg"
    assert len(times) == told["clip"]["frames"]
    assert times == sorted(times)
    assert 1.8 <= times[-1] < 2.2, "as they arrived"


def test_a_clip_of_hls(tmp_path: Path) -> None:
    pieces = [write_video(tmp_path / f"{number}.ts", 75, options=B_FRAMES) for number in range(2)]
    files = Files({f"/{piece.name}": piece.read_bytes() for piece in pieces})
    listed = "".join(f"#EXTINF:3.0,\n{piece.name}\n" for piece in pieces)
    files.contents["/live.m3u8"] = f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n{listed}#EXT-X-ENDLIST\n".encode()
    with serving_files(files):
        done = probe(tmp_path, files.url("/live.m3u8"), "--seconds", "0.5", "--clip", "2s", "--output", "c.mp4")
    assert done.returncode == 0, done.stdout + done.stderr
    codec, times = frames_of(tmp_path / "c.mp4")
    assert codec == "h264"
    assert times == pytest.approx([index / 25 for index in range(len(times))], abs=0.001)
    assert 2.0 <= times[-1] + 1 / 25 < 2.3


def test_a_clip_of_a_file_that_is_shorter(tmp_path: Path) -> None:
    clip(tmp_path / "c.mp4", 30, fps=10)
    done = probe(tmp_path, "c.mp4", "--clip", "5s", "--output", "cut.mp4")
    assert done.returncode == 0
    assert "a clip of it: cut.mp4, 3 s, 30 frames" in done.stdout
    assert "it ends early: the source ended there" in done.stdout
    assert len(frames_of(tmp_path / "cut.mp4")[1]) == 30


def test_a_source_without_coded_video_has_no_clip(tmp_path: Path) -> None:
    done = probe(tmp_path, "scene:?frames=20&size=160x96", "--clip", "1s", "--picture", "p.jpg", "--output", "c.mp4")
    assert done.returncode == 1, "it works, and what was asked for cannot be had"
    assert "no clip of it: a clip is cut from coded video, and this source gives pictures" in done.stdout
    assert (tmp_path / "p.jpg").exists()
    assert not (tmp_path / "c.mp4").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["rtps://10.0.0.4/x"], 2, "did you mean rtsps://?"),
        (["rtsp://u:${NOT_SET_ANYWHERE}@h/x"], 2, "NOT_SET_ANYWHERE"),
        (["scene:", "--transport", "tcpp"], 2, "did you mean tcp?"),
        (["scene:", "--clip", "5"], 2, "must be a duration"),
        (["scene:", "--clip", "1000m"], 2, "at most 10m"),
        (["scene:", "--clip", "5s", "--output", "x.avi"], 2, "its name ends in .mp4"),
        (["scene:", "--output", "x.mp4"], 2, "add --clip"),
        (["scene:", "--picture", "x.txt"], 1, "the suffix selects the format"),
        (["scene:", "--picture", "no/such/folder.jpg"], 3, "cannot write"),
    ],
)
def test_what_cannot_be_asked_for(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    done = probe(tmp_path, *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout + done.stderr
