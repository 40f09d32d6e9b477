"""Frames that a model fails on, or that workers die of: set aside, accounted for, and run again by a person."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_daemon.messages.frames import Upload
from edge_daemon.settings import ModelSettings
from edge_daemon.worker.quarantine import Quarantine
from tests.acceptance.harness import Daemon, running
from tests.http_camera import HttpCamera, serving
from tests.onnx_models import colour_model, constant_model, failing_model, hanging_model
from tests.waiting import eventually

WHITE = (3, 4)


def pictures(folder: Path, count: int = 10, white: Sequence[int] = WHITE) -> Path:
    """Grey pictures, some of them white."""
    folder.mkdir()
    for index in range(count):
        value = 255 if index in white else 100 + index
        assert cv2.imwrite(str(folder / f"{index:02}.png"), np.full((64, 64, 3), value, np.uint8))
    return folder


def aside(daemon: Daemon) -> list[Path]:
    return sorted((daemon.folder / "state/edge-daemon/aside").iterdir())


def replay(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_daemon", "replay", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_frame_that_a_model_fails_on_is_set_aside_and_can_be_run_again(tmp_path: Path) -> None:
    failing_model(tmp_path / "m.onnx")
    config = f"cameras: {{c: {{source: {pictures(tmp_path / 'p')}}}}}\nmodels: {{m: {{path: m.onnx}}}}\n"
    with running(tmp_path, config) as daemon:
        assert daemon.finish() == 0
    assert [line["seq"] for line in daemon.lines()] == [0, 1, 2, 5, 6, 7, 8, 9]
    assert daemon.lines()[3]["dropped"] == {"model-error": 2}
    files = aside(daemon)
    assert [file.suffix for file in files] == [".json", ".png"] * 2
    about = json.loads(files[0].read_text())
    assert (about["reason"], about["frame"]["seq"], about["frame"]["camera"]) == ("model-error", 3, "c")
    assert "indices" in about["error"]
    assert int(np.asarray(cv2.imread(str(files[1]))).min()) == 255
    failed = replay(files[0])
    assert failed.returncode == 1
    assert "it still fails" in failed.stderr
    works = replay(files[1], "--model", colour_model(tmp_path / "better.onnx"))
    assert works.returncode == 0, works.stderr
    assert json.loads(works.stdout)["found"]["detections"][0]["class_name"] == "person"


def test_a_frame_that_kills_two_workers_is_set_aside_and_the_rest_goes_on(tmp_path: Path) -> None:
    hanging_model(tmp_path / "m.onnx")
    config = f"""
cameras: {{c: {{source: {pictures(tmp_path / "p")}}}}}
models: {{m: {{path: m.onnx, workers: 2, worker_timeout: 1s}}}}
"""
    with running(tmp_path, config) as daemon:
        assert daemon.finish() == 0
    assert [line["seq"] for line in daemon.lines()] == [0, 1, 2, 5, 6, 7, 8, 9]
    assert daemon.lines()[3]["dropped"] == {"poison": 2}
    assert daemon.log.count("killing it") == 4, daemon.log
    files = aside(daemon)
    assert [json.loads(file.read_text())["frame"]["seq"] for file in files if file.suffix == ".json"] == [3, 4]
    hangs = replay(files[0], "--seconds", 2)
    assert hangs.returncode == 1
    assert "it still fails: it hangs" in hangs.stderr


@pytest.mark.long
def test_a_live_camera_whose_frames_kill_workers_is_named_and_waits_while_others_go_on(tmp_path: Path) -> None:
    hanging_model(tmp_path / "m.onnx")
    grey, white = (bytes(cv2.imencode(".jpg", np.full((64, 64, 3), value, np.uint8))[1]) for value in (100, 255))
    with serving(HttpCamera([white])) as evil, serving(HttpCamera([grey], pause_s=0.1)) as street:
        config = f"""
cameras: {{evil: {{source: "{evil.url()}"}}, street: {{source: "{street.url()}"}}}}
models: {{m: {{path: m.onnx, workers: 1, worker_timeout: 1s}}}}
"""
        with running(tmp_path, config) as daemon:
            eventually(lambda: "m looks at nothing of this camera for 2 s" in daemon.log, 60)
            seen = [line["camera"] for line in daemon.lines()]
            assert "street" in seen
            assert "died of frame" in daemon.log
            assert {
                json.loads(file.read_text())["frame"]["camera"] for file in aside(daemon) if file.suffix == ".json"
            } == {"evil"}


def test_what_was_not_set_aside_cannot_be_run_again(tmp_path: Path) -> None:
    missing = replay(tmp_path / "nothing.json")
    assert missing.returncode == 1
    assert "is no frame that was set aside: there is no such file" in missing.stderr
    (tmp_path / "other.json").write_text("{}")
    other = replay(tmp_path / "other.json")
    assert other.returncode == 1
    assert "is no frame that was set aside" in other.stderr


def test_findings_that_are_too_long_to_be_told_are_a_failure_of_the_model(tmp_path: Path) -> None:
    constant_model(tmp_path / "m.onnx", {"features": np.full((1, 600_000), 1.5, np.float32)})
    config = f"""
cameras: {{c: {{source: {pictures(tmp_path / "p", 5)}}}}}
models: {{m: {{path: m.onnx, decoder: embedding}}}}
"""
    with running(tmp_path, config) as daemon:
        assert daemon.finish() == 0
    assert daemon.lines() == []
    assert "5 captured, 0 delivered, dropped: 5 model-error" in daemon.log


def test_an_upload_is_set_aside_in_the_folder_as_frames_are(tmp_path: Path) -> None:
    upload = Upload(number=7, reply="ipc://web", captured_ns=0, width=2, height=1, codec="raw")
    Quarantine(tmp_path / "aside", "m-0", ModelSettings(name="m", path="m.onnx")).put(
        upload, memoryview(bytes(6)), "poison", "two workers died"
    )
    assert sorted(file.name for file in (tmp_path / "aside").iterdir()) == ["upload-7-m.json", "upload-7-m.png"]
