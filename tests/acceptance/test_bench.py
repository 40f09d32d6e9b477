"""`edge-daemon bench`: it measures this machine, and writes what it found best."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_daemon.config.load import load
from tests.acceptance.harness import clip

PATIENT_S = 110.0


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_daemon", "bench", "--seconds", "0.5", *arguments]
    env = os.environ | {"TMPDIR": str(folder)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=PATIENT_S, check=False)


@pytest.mark.long
def test_it_measures_and_writes(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        "cameras: {a: {source: 'scene:'}}\nmodels:\n  m:\n    path: builtin:person  # ours\n    workers: 9\n"
    )
    clip(tmp_path / "c.mp4", 400)
    done = bench(tmp_path, "--source", "c.mp4", "--write", "c.yaml", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["cores"], told["camera_fps"]) == (len(os.sched_getaffinity(0)), 25)
    assert all(choice["fps"] > 0 for choice in told["choices"])
    assert told["cameras"]["1"] >= told["cameras"]["5"]
    model = load(config).models["m"]
    assert (model.workers, model.threads) == (told["best"]["workers"], told["best"]["threads"])
    assert "# ours" in config.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["no.onnx", "--source", "c.mp4"], 3, "no.onnx"),
        (["--source", "no.mp4"], 3, "there is no file"),
        (["--source", "rtsp://10.0.0.4/x"], 2, "must be a video file"),
        (["--write", "no.yaml"], 2, "there is no such file"),
        (["--write", "two.yaml"], 2, "name the model"),
        (["other", "--write", "two.yaml"], 2, "there is no model other"),
        (["crops", "--write", "two.yaml"], 2, "runs on the detections of m"),
    ],
)
def test_what_cannot_be_measured(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    models = "{m: {path: builtin:person}, crops: {path: a.onnx, after: m}}"
    clip(tmp_path / "c.mp4", 10)
    (tmp_path / "two.yaml").write_text(f"cameras: {{a: {{source: 'scene:'}}}}\nmodels: {models}\n")
    done = bench(tmp_path, *arguments)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
