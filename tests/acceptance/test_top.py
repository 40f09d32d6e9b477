"""`edge-daemon top` beside a running daemon: once, as JSON, and on a terminal that somebody resizes."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.acceptance.harness import Daemon, Listener, free_port, running
from tests.onnx_models import slow_model

PATIENT_S = 30.0
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One camera that is up, and one that is not there; the last test stops it."""
    tmp_path = tmp_path_factory.mktemp("top")
    slow_model(tmp_path / "m.onnx", 2)
    config = f"""
cameras:
  door: {{source: "scene:?fps=20&size=320x180", fps: 5}}
  yard: {{source: "rtsp://127.0.0.1:{free_port()}/x"}}
models: {{m: {{path: m.onnx, workers: 2}}}}
"""
    with running(tmp_path, config) as started, Listener(started.address, "status/") as statuses:
        statuses.until(
            lambda s: (
                s["cameras"]["yard"]["state"] == "down (refused)"
                and s["cameras"]["door"]["models"]["m"]["dropped"].get("paced", 0) > 0
            ),
            PATIENT_S,
        )
        yield started


def top(*arguments: str, columns: int = 120) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_daemon", "top", *arguments]
    env = os.environ | {"COLUMNS": str(columns)}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENT_S, check=False)


class Terminal:
    """A program on a terminal of our own."""

    def __init__(self, *command: str) -> None:
        self._ours, theirs = pty.openpty()
        self.resize(40, 130)
        self._text = ""
        env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=env | {"TERM": "xterm-256color"},
        )
        os.close(theirs)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def until(self, pattern: str) -> str:
        """What is shown up to and with what matches `pattern`, since the last time."""
        deadline = time.monotonic() + PATIENT_S
        while not (found := re.search(pattern, ESCAPES.sub("", self._text), re.DOTALL)):
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"not shown: {pattern}; the last is {self._text[-2000:]}"
            if not select.select([self._ours], [], [], left_s)[0]:
                continue
            self._text += os.read(self._ours, 1 << 16).decode(errors="replace")
        self._text = ""
        return found[0]

    def ended(self) -> int:
        """What it ends with; all that it still shows is read."""
        with suppress(OSError):  # nobody is at the other end any more
            while select.select([self._ours], [], [], PATIENT_S)[0]:
                os.read(self._ours, 1 << 16)
        return self.process.wait(PATIENT_S)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


def test_once_it_prints_how_things_stand(daemon: Daemon) -> None:
    for columns in (80, 200):
        done = top("--once", "--connect", daemon.address, columns=columns)
        assert done.returncode == 0, done.stderr
        assert "1 of 2 cameras up" in done.stdout
        for word in ("door", "yard", "refused", "paced", "worker m-1", "dispatcher", "cpu"):
            assert word in done.stdout
        assert max(map(len, done.stdout.splitlines())) <= columns
        assert "\x1b" not in done.stdout, "no colours where nobody sees them"


def test_as_json_it_is_the_status_as_published(daemon: Daemon) -> None:
    told = json.loads(top("--once", "--json", "--connect", daemon.address).stdout)
    assert set(told["cameras"]) == {"door", "yard"}
    assert {process["role"] for process in told["processes"]} == {"sink", "dispatcher", "worker", "capture"}
    command = [sys.executable, "-m", "edge_daemon", "top", "--json", "--connect", daemon.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout
        first, second = (json.loads(following.stdout.readline()) for _ in range(2))
        following.kill()
    assert first["at"] < second["at"]


def test_nobody_there() -> None:
    done = top("--once", "--connect", f"tcp://127.0.0.1:{free_port()}")
    assert (done.returncode, "Is edge-daemon running there" in done.stderr) == (1, True)


def test_on_a_terminal_it_goes_on_until_q(daemon: Daemon) -> None:
    terminal = Terminal(sys.executable, "-m", "edge_daemon", "top", "--connect", daemon.address)
    try:
        assert "last found" in terminal.until("last found.*dispatcher")
        terminal.resize(24, 80)
        assert "last found" not in terminal.until("cameras up(?:(?!last found).)*door.*dispatcher")
        assert daemon.stop() == 0
        terminal.until("no status from .* for [34] s")
        with running(daemon.folder, None, str(daemon.folder / "config.yaml"), "--publish", daemon.address):
            terminal.until("cameras up")
            terminal.type("q")
            assert terminal.ended() == 0
    finally:
        terminal.close()
