"""What waits for whom: a run for its subscribers, nobody for a subscriber that sleeps, a stop for nothing."""

import signal
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
import zmq

from tests.acceptance.harness import START_S, Listener, accounts, balanced, clip, running
from tests.onnx_models import colour_model
from tests.waiting import eventually

MIB = 1 << 20


def peak_bytes(pid: int) -> int:
    """The most memory that a process has had at a time."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the process is gone")


def test_a_run_that_waits_for_a_subscriber_gives_it_all(tmp_path: Path) -> None:
    config = f"""
cameras: {{clip: {{source: {clip(tmp_path / "clip.mp4", 30)}}}}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}}}}}
publish: {{wait_for: 1}}
"""
    with running(tmp_path, config) as daemon:
        eventually(lambda: "all 4 processes are up" in daemon.log, START_S, what="the start")
        with Listener(daemon.address, "result/") as late:
            headers = late.until(lambda header: header["type"] == "end")
            assert daemon.finish() == 0
    assert [header["seq"] for header in headers[:-1]] == list(range(30))


def test_a_run_that_waits_can_be_stopped(tmp_path: Path) -> None:
    config = f"""
cameras: {{clip: {{source: {clip(tmp_path / "clip.mp4", 30)}}}}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}}}}}
publish: {{wait_for: 1}}
"""
    with running(tmp_path, config) as daemon:
        eventually(lambda: "all 4 processes are up" in daemon.log, START_S, what="the start")
        assert daemon.stop() == 0
        assert daemon.lines() == []


@pytest.mark.long
def test_frames_for_a_subscriber_that_sleeps_do_not_pile_up(tmp_path: Path) -> None:
    frames = 500
    noise = np.random.default_rng(1)
    writer = cv2.VideoWriter(str(tmp_path / "noise.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (640, 480))
    pictures = noise.integers(0, 256, (10, 480, 640, 3), np.uint8)
    for number in range(frames):
        writer.write(pictures[number % len(pictures)])
    writer.release()
    config = f"""
cameras: {{noise: {{source: {tmp_path / "noise.avi"}}}}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}}}}}
publish: {{wait_for: 1}}
"""
    with running(tmp_path, config) as daemon:
        eventually(lambda: "all 4 processes are up" in daemon.log, START_S, what="the start")
        sink = daemon.processes()["sink"].pid
        with zmq.Context() as context, context.socket(zmq.SUB) as sleeper:
            sleeper.linger, sleeper.rcvhwm, sleeper.rcvbuf = 0, 1, 4096
            sleeper.subscribe("frame/")
            sleeper.connect(daemon.address)
            eventually(lambda: len(daemon.lines()) >= 200, START_S, what="200 results")
            early = peak_bytes(sink)
            eventually(lambda: len(daemon.lines()) >= frames - 100, 60, what="nearly all results")
            late = peak_bytes(sink)
            assert daemon.finish() == 0
    assert [result["seq"] for result in daemon.lines()] == list(range(frames))
    assert late - early < 20 * MIB


def test_fps_paces_a_live_camera(tmp_path: Path) -> None:
    config = f"""
cameras: {{street: {{source: "scene:?fps=40&size=160x96", fps: 10}}}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}}}}}
"""
    with running(tmp_path, config) as daemon, Listener(daemon.address, "status/") as listener:
        status = listener.until(lambda s: s["cameras"]["street"]["models"]["m"]["delivered"] >= 30)[-1]
        assert balanced(status) <= 8
        assert status["cameras"]["street"]["models"]["m"]["dropped"]["paced"] > 30
        assert daemon.stop() == 0
    results = daemon.lines()
    accounts(results)
    first, last = (datetime.fromisoformat(result["captured_at"]) for result in (results[0], results[-1]))
    rate = (len(results) - 1) / (last - first).total_seconds()
    assert 4 < rate < 10.8, "never more than ten a second, also when the machine is too busy to give forty"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_starting_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    model = colour_model(tmp_path / "m.onnx")
    with running(tmp_path, None, "--source", "scene:?size=160x96", "--model", str(model)) as daemon:
        eventually(lambda: list(tmp_path.glob("edge-daemon-*")), START_S, what="the folder", every_s=0.001)
        daemon.process.send_signal(number)
        assert daemon.finish() == 0
    assert "Traceback" not in daemon.log
