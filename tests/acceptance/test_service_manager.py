"""What the service manager is told: ready when it is, how many cameras are up, and a watchdog that can starve."""

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.harness import START_S, Daemon, clip, free_port, running
from tests.onnx_models import slow_model
from tests.waiting import eventually

WATCHDOG_S = 4


class Manager:
    """The end of the line on which systemd listens (sd_notify(3))."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self.heard: list[str] = []

    def until(self, wanted: str, timeout_s: float = START_S) -> None:
        """Listen until something is said that begins with `wanted`."""
        before, deadline = len(self.heard), time.monotonic() + timeout_s
        while len(self.heard) == before or not self.heard[-1].startswith(wanted):
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                self.heard.append(self._socket.recv(4096).decode())
            except TimeoutError:
                raise AssertionError(f"no {wanted} within {timeout_s:g} s, but {self.heard[before:]}") from None

    def waiting(self) -> list[str]:
        """What was said and not heard yet."""
        self._socket.setblocking(False)
        before = len(self.heard)
        while True:
            try:
                self.heard.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return self.heard[before:]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", str(WATCHDOG_S * 1_000_000))
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.close()


def one_camera(folder: Path, busy_ms: float = 1.0) -> str:
    model = slow_model(folder / "m.onnx", busy_ms)
    return f"""
cameras: {{door: {{source: "scene:?fps=15&size=320x180"}}}}
models: {{m: {{path: {model}}}}}
"""


def is_open(daemon: Daemon) -> bool:
    """Whether somebody listens where results are published."""
    host, _, port = daemon.address.removeprefix("tcp://").rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_ready_when_sockets_are_bound_and_models_loaded_whatever_cameras_do(tmp_path: Path, manager: Manager) -> None:
    config = f"""
cameras:
  door: {{source: "scene:?fps=15&size=320x180"}}
  yard: {{source: "rtsp://127.0.0.1:{free_port()}/none"}}
models: {{m: {{path: {slow_model(tmp_path / "m.onnx", 800)}}}}}
"""
    with running(tmp_path, config) as daemon:
        up = "STATUS=1 of 2 cameras up, "
        eventually(lambda: "capture yard: down (refused)" in daemon.log, START_S, what="a camera that is away")
        assert not any("READY" in said for said in manager.waiting()), "its model is not loaded yet"
        manager.until("READY=1", 3 * START_S)  # its model runs once while it is loaded
        assert "worker m-0: " in daemon.log, "the worker's line when its model was loaded"
        assert is_open(daemon)
        if not any(said.startswith(up) for said in manager.heard):  # it is said when it changes, and not again
            manager.until(up)
        assert daemon.stop() == 0
        manager.until("STOPPING=1")


def test_a_file_that_ends_before_the_others_are_up_does_not_hold_the_service_up(
    tmp_path: Path, manager: Manager
) -> None:
    config = f"""
cameras:
  door: {{source: "scene:?fps=15&size=320x180", models: [slow]}}
  tape: {{source: {clip(tmp_path / "clip.mp4", 2)}, models: [quick]}}
models:
  quick: {{path: {slow_model(tmp_path / "quick.onnx", 1)}}}
  slow: {{path: {slow_model(tmp_path / "slow.onnx", 800)}}}
"""
    with running(tmp_path, config) as daemon:
        manager.until("READY=1", 3 * START_S)
        assert "capture tape: ended" in daemon.log
        assert daemon.stop() == 0


@pytest.mark.parametrize("title", ["dispatcher", "sink"])
def test_the_watchdog_is_not_fed_while_a_process_that_all_need_is_stopped(
    title: str, tmp_path: Path, manager: Manager
) -> None:
    with running(tmp_path, one_camera(tmp_path)) as daemon:
        manager.until("READY=1")
        eventually(daemon.lines, START_S, what="results")
        manager.until("WATCHDOG=1")
        victim = daemon.processes()[title]
        victim.send_signal(signal.SIGSTOP)
        eventually(lambda: "no frame has come through" in daemon.log, START_S, what="the watchdog starved")
        manager.waiting()
        with pytest.raises(AssertionError, match="no WATCHDOG=1"):
            manager.until("WATCHDOG=1", 2.0)
        victim.send_signal(signal.SIGCONT)
        manager.until("WATCHDOG=1")
        assert daemon.stop() == 0
