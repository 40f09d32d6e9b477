"""The motion gate, from a clip to the counts that subscribers get."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.acceptance.harness import Listener, accounts, running
from tests.http_camera import HttpCamera, jpeg, serving
from tests.onnx_models import colour_model

FPS = 10
STILL, WALK = 600, 40
ALWAYS_S = 15


def still_then_walker(path: Path) -> Path:
    """A minute of one picture with a sensor's noise, then somebody walks through it; 320x180."""
    rng = np.random.default_rng(3)
    street = cv2.resize(rng.uniform(60, 190, (9, 16, 3)).astype(np.float32), (320, 180), interpolation=cv2.INTER_LINEAR)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (320, 180))
    for index in range(STILL + WALK):
        picture = street + rng.normal(0, 6, street.shape)
        if index >= STILL:
            x = 10 + 3 * (index - STILL)
            picture[80:120, x : x + 16] = (40, 30, 200)
        writer.write(np.clip(picture, 0, 255).astype(np.uint8))
    writer.release()
    return path


def test_a_minute_in_which_nothing_moves_then_a_walker(tmp_path: Path) -> None:
    config = f"""
cameras: {{door: {{source: {still_then_walker(tmp_path / "clip.mp4")}, motion: {{always_every: {ALWAYS_S}s}}}}}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}}}}}
"""
    with running(tmp_path, config) as daemon:
        assert daemon.finish() == 0
    results = daemon.lines()
    accounts(results)
    seqs = [result["seq"] for result in results]
    now_and_then = list(range(0, STILL, ALWAYS_S * FPS))
    assert [seq for seq in seqs if seq < STILL] == now_and_then
    assert seqs[len(now_and_then) :] == list(range(STILL, STILL + WALK)), "from the first frame with the walker on"
    assert results[len(now_and_then)]["dropped"] == {"still": ALWAYS_S * FPS - 1}
    still = STILL - len(now_and_then)
    assert f"{STILL + WALK} captured, {len(seqs)} delivered, dropped: {still} still" in daemon.log


def passed(status: dict[str, Any]) -> float:
    """The share of frames that passed the gate lately."""
    return float(status["cameras"]["door"].get("motion", {}).get("passed", 1))


def dropped_still(status: dict[str, Any]) -> int:
    """Frames that were told as dropped in which nothing moved."""
    return int(status["cameras"]["door"]["models"]["m"]["dropped"].get("still", 0))


def test_a_live_camera_says_how_its_gate_stands(tmp_path: Path) -> None:
    with serving(HttpCamera([jpeg(90, 640, 360)])) as camera:
        config = f"""
cameras: {{door: {{source: "{camera.url()}", motion: {{}}}}}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}}}}}
"""
        with running(tmp_path, config) as daemon, Listener(daemon.address, "status/") as listener:
            status = listener.until(lambda s: dropped_still(s) > 0 and passed(s) < 0.5)[-1]
            assert status["cameras"]["door"]["motion"]["state"] == "still"
            assert daemon.stop() == 0
