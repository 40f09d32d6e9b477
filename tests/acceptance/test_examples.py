"""The examples for programs in Python and Node receive what a daemon publishes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.harness import Daemon, running
from tests.components import require_component
from tests.conftest import CHECKOUT
from tests.onnx_models import colour_model
from tests.waiting import eventually

CLIENTS = CHECKOUT / "clients"
INSTALL_S, WAIT_S = 90.0, 60.0


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("examples")
    config = f"""
cameras: {{street: {{source: "scene:?fps=10&size=320x180"}}, other: {{source: "scene:?fps=10&size=320x180"}}}}
models: {{m: {{path: {colour_model(folder / "m.onnx")}}}}}
"""
    with running(folder, config) as daemon:
        yield daemon
        assert daemon.stop() == 0


def first_lines(command: list[str], folder: Path, picture: Path | None = None) -> list[list[str]]:
    """Words of the first lines that a program prints before it is ended, and saves a `picture` if it is to."""
    env = os.environ | {"PYTHONPATH": str(CLIENTS / "python")}
    with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        try:
            lines = [program.stdout.readline().split() for _ in range(5)]
            if picture:
                eventually(lambda: picture.exists() and picture.read_bytes()[:2] == b"\xff\xd8", WAIT_S, what="a JPEG")
        finally:
            program.kill()
    return lines


def is_in_order(lines: list[list[str]], camera: str) -> bool:
    seqs = [int(line[1]) for line in lines]
    return {line[0] for line in lines} == {camera} and seqs == sorted(set(seqs)) and lines[0][-1] == "person"


def test_python(daemon: Daemon, tmp_path: Path) -> None:
    example = str(CLIENTS / "python" / "example.py")
    lines = first_lines([sys.executable, example, daemon.address, "street"], tmp_path, tmp_path / "street.jpg")
    assert is_in_order(lines, "street")


def test_node(daemon: Daemon, tmp_path: Path) -> None:
    require_component("node")
    for file in ("package.json", "example.mjs"):
        shutil.copy(CLIENTS / "node" / file, tmp_path)
    subprocess.run(["node", "--check", "example.mjs"], cwd=tmp_path, check=True, timeout=WAIT_S)
    install = ["npm", "install", "--no-audit", "--no-fund", "--silent"]
    try:
        subprocess.run(install, cwd=tmp_path, check=True, capture_output=True, timeout=INSTALL_S)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"zeromq cannot be installed for Node here, so the example was checked and not run: {error}")
    assert is_in_order(first_lines(["node", "example.mjs", daemon.address, "other"], tmp_path), "other")
