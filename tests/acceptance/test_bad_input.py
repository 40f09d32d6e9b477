"""Each thing that can be wrong at the start is one sentence and an exit code."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zmq

from tests.acceptance.harness import clip, free_port
from tests.onnx_models import colour_model, constant_model


def run(folder: Path, *arguments: str, command: str = "run") -> tuple[int, list[str]]:
    """Exit code and lines on stderr that begin with the program's name."""
    done = subprocess.run(
        [sys.executable, "-m", "edge_daemon", command, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=folder,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, [line for line in done.stderr.splitlines() if line.startswith("edge-daemon:")]


@pytest.fixture
def good(tmp_path: Path) -> tuple[str, str]:
    return str(clip(tmp_path / "clip.mp4", 3)), str(colour_model(tmp_path / "m.onnx"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.mp4", None, "there is no file"),
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"this is no video at all, not even a little", "is not a video"),
        ("pictures/", None, "folder"),
        ("scene:?sise=3x3", None, "did you mean size"),
    ],
)
def test_sources(tmp_path: Path, good: tuple[str, str], name: str, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, (sentence,) = run(tmp_path, "--source", name, "--model", good[1])
    assert code == 3
    assert words in sentence


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read"),
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "git lfs pull"),
        (b"\x08\x07\x12\x07pytorch" + bytes(200), "not"),
    ],
)
def test_models(tmp_path: Path, good: tuple[str, str], content: bytes | None, words: str) -> None:
    path = tmp_path / "other.onnx"
    if content is not None:
        path.write_bytes(content)
    code, (sentence,) = run(tmp_path, "--source", good[0], "--model", str(path))
    assert code == 3
    assert "other.onnx" in sentence
    assert words in sentence


def test_a_truncated_model_and_an_unknown_layout(tmp_path: Path, good: tuple[str, str]) -> None:
    data = Path(good[1]).read_bytes()
    (tmp_path / "half.onnx").write_bytes(data[: len(data) // 2])
    code, (sentence,) = run(tmp_path, "--source", good[0], "--model", "half.onnx")
    assert (code, "half.onnx" in sentence) == (3, True)
    odd = constant_model(tmp_path / "odd.onnx", {"out": np.zeros((1, 7, 7), np.float32)})
    code, (sentence,) = run(tmp_path, "--source", good[0], "--model", str(odd))
    assert code == 3
    assert "1x7x7" in sentence
    assert "not known" in sentence


def test_an_address_in_use(tmp_path: Path, good: tuple[str, str]) -> None:
    port = free_port()
    with zmq.Context() as context, context.socket(zmq.PUB) as taken:
        taken.bind(f"tcp://127.0.0.1:{port}")
        code, (sentence,) = run(
            tmp_path, "--source", good[0], "--model", good[1], "--publish", f"tcp://127.0.0.1:{port}"
        )
    assert code == 3
    assert f"{port}" in sentence
    assert "in use" in sentence


def test_files_that_cannot_be_written(tmp_path: Path, good: tuple[str, str]) -> None:
    code, (sentence,) = run(tmp_path, "--source", good[0], "--model", good[1], "--results", "/proc/nothing/here")
    assert (code, "/proc/nothing/here" in sentence) == (3, True)
    (tmp_path / "a-file").touch()
    (tmp_path / "c.yaml").write_text(
        f"cameras: {{c: {{source: {good[0]}}}}}\nmodels: {{m: {{path: {good[1]}}}}}\nruntime_dir: a-file\n"
    )
    code, (sentence,) = run(tmp_path, "c.yaml")
    assert code == 3
    assert "a-file" in sentence
    code, (sentence,) = run(tmp_path, "--source", good[0], "--model", good[1], "--results", "\udce9.jsonl")
    assert (code, "is not UTF-8" in sentence) == (3, True)


@pytest.mark.parametrize("command", ["run", "check"])
def test_configurations(tmp_path: Path, command: str) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("cameras:\n  a: {source: 0}\n  a: {source: 1}\nmodels: {m: {path: m.onnx}}\n")
    code, lines = run(tmp_path, str(config), command=command)
    assert code == 2
    assert "c.yaml:3" in "".join(lines)
    config.write_text("cameras:\n  a: {source: 0, fsp: 3}\nmodels: {m: {path: m.onnx}}\n")
    code, lines = run(tmp_path, str(config), command=command)
    assert code == 2
    assert "did you mean fps?" in "".join(lines)


def test_check_names_files_that_are_missing(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text('cameras:\n  a: {source: "scene:?x=1"}\nmodels: {m: {path: m.onnx}}\n')
    command = [sys.executable, "-m", "edge_daemon", "check", "c.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=tmp_path, check=False)
    assert done.returncode == 3
    assert "c.yaml:2: cameras.a.source: scene:?x=1: there is no option 'x'" in done.stderr
    assert f"c.yaml:3: models.m.path: there is no file {tmp_path / 'm.onnx'}" in done.stderr


@pytest.mark.parametrize("arguments", [("--model", "x.onnx"), ("c.yaml", "--source", "0"), ("--no-such-option",)])
def test_command_lines(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert run(tmp_path, *arguments)[0] == 2
