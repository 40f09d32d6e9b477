"""A full disk stops no inference, and what may not be lost waits for room."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from tests.acceptance.harness import START_S, Listener, accounts, clip, running
from tests.onnx_models import slow_model
from tests.waiting import eventually

FULL = "cannot write results (No space left on device)"
COMPLAINT = "cannot write results to"
SIZE = "512k"


@pytest.fixture
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path_factory.mktemp("disk")  # a short path: sockets lie in there
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs leave to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def sink_of(status: dict[str, Any]) -> str:
    """The sink's state."""
    return next((str(process["state"]) for process in status["processes"] if process["role"] == "sink"), "")


def fill(disk: Path) -> Path:
    """Leave no room; remove the file that is given back to make some."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (4096, 1):
            with pytest.raises(OSError, match="No space left"):
                _write_on(file, b"x" * size)
    return filler


def _write_on(file: IO[bytes], data: bytes) -> None:
    while True:
        file.write(data)


def test_live_cameras_go_on_without_a_disk_and_their_lines_come_later(tmp_path: Path, disk: Path) -> None:
    config = f"""
cameras: {{door: {{source: "scene:?fps=20&size=320x180"}}}}
models: {{m: {{path: {slow_model(tmp_path / "m.onnx", 1)}, workers: 2}}}}
"""
    with running(disk, config) as daemon, Listener(daemon.address, "result/", "status/") as listener:
        eventually(daemon.lines, START_S, what="results in the file")
        filler = fill(disk)
        listener.until(lambda header: header["type"] == "status" and sink_of(header) == FULL)
        for title in ("worker m-0", "dispatcher", "capture door"):
            daemon.kill(title)
            listener.until(lambda header: header["type"] == "status")  # what was under way is behind us
            listener.until(lambda header: header["type"] == "result")
        count = len(daemon.lines())
        filler.unlink()
        eventually(lambda: len(daemon.lines()) > count + 40, START_S, what="the lines that waited, and more")
        listener.until(lambda header: header["type"] == "status" and sink_of(header) == "up")
        assert daemon.stop() == 0
        accounts(daemon.lines())


def test_a_lossless_source_waits_for_room_and_nothing_is_missing(tmp_path: Path, disk: Path) -> None:
    config = f"""
cameras: {{clip: {{source: {clip(tmp_path / "clip.mp4", 200)}}}}}
models: {{m: {{path: {slow_model(tmp_path / "m.onnx", 1)}}}}}
"""
    filler = fill(disk)
    results = disk / "results.jsonl"
    with running(tmp_path, config, "--results", str(results)) as daemon:
        daemon.results = results
        with Listener(daemon.address, "status/") as listener:
            listener.until(lambda status: sink_of(status) == FULL)
            daemon.kill("sink")
            eventually(lambda: daemon.log.count(COMPLAINT) == 2, START_S, what="the next sink's complaint")
            waiting = listener.until(lambda status: sink_of(status) == FULL)[-1]
            later = listener.receive()[0]
            assert 0 < waiting["cameras"]["clip"]["models"]["m"]["delivered"] < 20
            assert later["cameras"]["clip"]["held"] > 0
            filler.unlink()
            assert daemon.finish() == 0
    assert [line["seq"] for line in daemon.lines()] == list(range(200))
    assert daemon.log.count(COMPLAINT) == 2, "once by each sink"
