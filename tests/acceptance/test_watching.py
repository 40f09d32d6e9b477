"""What those see who look at a running daemon: colours, commands, the README's own examples."""

import io
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_daemon import AnnotatedFrame, Subscriber
from tests.acceptance.harness import START_S, Listener, running
from tests.onnx_models import colour_model, slow_model

README = Path(__file__).parents[2] / "README.md"
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def pictures(folder: Path, count: int) -> Path:
    """A folder of pictures in pure colours, in turn."""
    folder.mkdir()
    for index in range(count):
        colour = list(COLOURS.values())[index % 3]
        Image.new("RGB", (160, 120), colour).save(folder / f"{index:04}.png")
    return folder


def assert_colour(rgb: np.ndarray, seq: int) -> None:
    middle = rgb[50:90, 40:120].reshape(-1, 3).astype(int)
    assert np.abs(middle - list(COLOURS.values())[seq % 3]).max() <= 12, (seq, middle[0])


@pytest.mark.parametrize("codec", ["raw", "jpeg", "png", "webp"])
def test_red_is_red_at_every_output(tmp_path: Path, codec: str) -> None:
    config = f"""
cameras: {{folder: {{source: {pictures(tmp_path / "pictures", 300)}, weight: 1}}}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}}}}}
frames: {{codec: {codec}}}
publish: {{wait_for: 2}}
"""
    saved = tmp_path / "saved.png"
    with running(tmp_path, config) as daemon:
        command = [sys.executable, "-m", "edge_daemon", "snapshot", str(saved), "--connect", daemon.address]
        snapshot = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        with Subscriber(daemon.address, results=False, frames=True, timeout_s=START_S) as frames:
            for frame in itertools.islice(frames, 30):
                assert isinstance(frame, AnnotatedFrame)
                assert_colour(frame.rgb, frame.result.seq)
        said, _ = snapshot.communicate(timeout=START_S)
        assert daemon.finish() == 0
    match = re.search(r"frame (\d+)", said)
    assert match
    assert_colour(np.asarray(Image.open(saved).convert("RGB")), int(match[1]))


def test_the_payload_of_a_frame_is_red_to_any_decoder(tmp_path: Path) -> None:
    config = f"""
cameras: {{folder: {{source: {pictures(tmp_path / "pictures", 6)}}}}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}}}}}
publish: {{wait_for: 1}}
"""
    with running(tmp_path, config) as daemon, Listener(daemon.address, "frame/folder/") as listener:
        for seq in range(6):
            header, payload = listener.receive()
            assert (header["type"], header["seq"], header["encoding"]) == ("frame", seq, "jpeg")
            assert_colour(np.asarray(Image.open(io.BytesIO(payload))), seq)
        assert daemon.finish() == 0


def test_nothing_is_drawn_for_nobody_and_by_the_sink_only_what_several_models_found(tmp_path: Path) -> None:
    model = colour_model(tmp_path / "m.onnx")
    config = f"""
cameras:
  street: {{source: "scene:?size=320x180", models: [m]}}
  yard: {{source: "scene:?size=320x180", models: [m, n]}}
models: {{m: {{path: {model}}}, n: {{path: {model}}}}}
"""
    with running(tmp_path, config) as daemon, Listener(daemon.address, "result/") as listener:
        listener.until(lambda header: header["seq"] > 20)
        sink = daemon.processes()["sink"]
        for camera, draws in (("street", False), ("yard", True)):
            assert not runs_opencv(sink.pid), "no page of its code was ever needed"
            with Listener(daemon.address, f"frame/{camera}/") as watcher:
                watcher.receive()
            assert runs_opencv(sink.pid) == draws
        assert daemon.stop() == 0


def runs_opencv(pid: int) -> bool:
    """Whether a process has ever run code of OpenCV's."""
    smaps = Path(f"/proc/{pid}/smaps").read_text()
    mappings = re.findall(r"^\S+ r-xp .*cv2\.abi3\.so\n(?:.*\n)*?Rss: +(\d+) kB", smaps, re.MULTILINE)
    return any(int(kilobytes) for kilobytes in mappings)


def test_tail_and_a_plain_subscriber_see_the_same(tmp_path: Path) -> None:
    config = f"""
cameras: {{folder: {{source: {pictures(tmp_path / "pictures", 12)}}}}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}}}}}
publish: {{wait_for: 2}}
"""
    with running(tmp_path, config) as daemon, Listener(daemon.address, "result/folder/") as listener:
        command = [sys.executable, "-m", "edge_daemon", "tail", "--camera", "folder", "--count", "13"]
        tail = subprocess.Popen([*command, "--connect", daemon.address], stdout=subprocess.PIPE, text=True)
        plain = listener.until(lambda header: header["type"] == "end")
        printed, _ = tail.communicate(timeout=START_S)
        assert daemon.finish() == 0
    assert [json.loads(line) for line in printed.splitlines()] == plain
    assert plain[:-1] == daemon.lines()


def test_the_subscriber_in_the_readme_works_as_it_stands(tmp_path: Path) -> None:
    block = re.search(r"<!-- subscriber -->\n```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert block
    assert len(block[1].strip().splitlines()) <= 11
    model = colour_model(tmp_path / "m.onnx")
    with running(tmp_path, None, "--source", "scene:?size=320x180", "--model", str(model)) as daemon:
        code = block[1].replace("tcp://127.0.0.1:5555", daemon.address)
        reader = subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True)
        try:
            assert reader.stdout
            assert re.fullmatch(r"scene \d+ \['person'\]\n", reader.stdout.readline())
        finally:
            reader.kill()
            reader.communicate()
        assert daemon.stop() == 0


def test_a_camera_that_is_not_there_is_named_at_once(tmp_path: Path) -> None:
    config = f"""
cameras: {{street: {{source: "scene:?fps=20&size=160x120"}}}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}}}}}
"""
    with running(tmp_path, config) as daemon:
        for command in (["tail", "--camera", "stret"], ["snapshot", "x.png", "--camera", "stret"]):
            full = [sys.executable, "-m", "edge_daemon", *command, "--connect", daemon.address]
            done = subprocess.run(full, capture_output=True, text=True, timeout=START_S, check=False)
            assert done.returncode != 0
            assert "there is no camera stret; did you mean street?" in done.stderr
        full = [sys.executable, "-m", "edge_daemon", "tail", "--camera", "street", "--count", "9"]
        done = subprocess.run(
            [*full, "--connect", daemon.address], capture_output=True, text=True, timeout=START_S, check=False
        )
        assert [json.loads(line)["type"] for line in done.stdout.splitlines()] == ["result"] * 9


def test_a_running_daemon_is_verified_from_outside(tmp_path: Path) -> None:
    config = f"""
cameras:
  door: {{source: "scene:?fps=60&size=160x120", fps: 40}}
  yard: {{source: "scene:?fps=30&size=160x120"}}
models: {{m: {{path: {slow_model(tmp_path / "m.onnx", 8)}}}}}
"""
    with running(tmp_path, config) as daemon:
        command = [
            sys.executable,
            "-m",
            "edge_daemon",
            "tail",
            "--verify",
            "--count",
            "200",
            "--connect",
            daemon.address,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert "all frames are accounted for" in done.stderr
        assert daemon.stop() == 0
