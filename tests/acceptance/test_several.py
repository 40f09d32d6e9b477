"""Several cameras and several models in one daemon."""

import io
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.acceptance.harness import START_S, Daemon, Listener, accounts, clip, running
from tests.onnx_models import slow_model, yolox_model
from tests.waiting import eventually

FRAMES = 400
STREAMS = {("all", "slow"): range(FRAMES), ("all", "quick"): range(FRAMES), ("some", "slow"): range(0, FRAMES, 5)}
MORE = 15
"""Results of one stream that cannot all have been under way when a process was killed."""


def counts(daemon: Daemon) -> dict[tuple[str, str], list[int]]:
    """The frames whose results were written, of each stream."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for result in daemon.lines():
        found[result["camera"], result["model"]].append(result["seq"])
    return found


@pytest.mark.long
def test_no_stream_of_a_lossless_run_loses_or_repeats_anything(tmp_path: Path) -> None:
    config = f"""
cameras:
  all: {{source: {clip(tmp_path / "all.mp4", FRAMES)}}}
  some: {{source: {clip(tmp_path / "some.mp4", FRAMES, fps=25)}, fps: 5, models: [slow]}}
models:
  slow: {{path: {slow_model(tmp_path / "slow.onnx", 20)}, workers: 2}}
  quick: {{path: {slow_model(tmp_path / "quick.onnx", 2)}}}
"""
    with running(tmp_path, config) as daemon:
        for title in ("capture all", "worker quick-0", "dispatcher", "sink", "worker slow-1"):
            seen = len(counts(daemon)["all", "slow"])
            eventually(
                lambda seen=seen: len(counts(daemon)["all", "slow"]) > seen + MORE,  # type: ignore[misc]
                START_S,
                what=f"results before {title} is killed",
            )
            daemon.kill(title)
        assert daemon.finish() == 0
    assert counts(daemon) == {stream: list(frames) for stream, frames in STREAMS.items()}
    accounts(daemon.lines())
    assert f"some / slow: {FRAMES} captured, {FRAMES // 5} delivered, dropped: {FRAMES * 4 // 5} paced" in daemon.log


def test_a_cameras_frame_shows_what_all_of_its_models_found(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(20):
        cv2.imwrite(str(folder / f"{index:02}.png"), np.zeros((128, 128, 3), np.uint8))
    # Input pixels are half of the source's: boxes at 16..56 and 72..112 there, below the tab of the other's caption.
    first = yolox_model(tmp_path / "first.onnx", [(8, 16, 28, 56, 0.9, 0)], classes=3)
    second = yolox_model(tmp_path / "second.onnx", [(36, 16, 56, 56, 0.9, 1)], classes=3)
    config = f"""
cameras: {{pictures: {{source: {folder}}}}}
models: {{first: {{path: {first}}}, second: {{path: {second}}}}}
publish: {{wait_for: 1}}
"""
    with running(tmp_path, config) as daemon, Listener(daemon.address, "frame/", "result/") as listener:
        pictures = []
        for _ in range(2 * 20 + 20 + 2):  # results of both models, frames, ends
            header, payload = listener.receive()
            if header["type"] == "frame":
                pictures.append(np.asarray(Image.open(io.BytesIO(payload))).astype(int))
        assert daemon.finish() == 0
    assert len(pictures) == 20
    for left in (16, 72):
        assert pictures[-1][60:100, left - 3 : left + 4].max() > 60, f"a box begins at {left}"
        assert pictures[-1][60:100, left + 10 : left + 30].max() < 30, "and its inside is left as it was"
