"""The health check of a real daemon: what is stuck, and results that cannot be written, show within seconds."""

import signal
import time
from pathlib import Path

import httpx
import psutil
import pytest

from tests.acceptance.harness import START_S, Daemon, free_port, running
from tests.onnx_models import slow_model
from tests.waiting import eventually

WITHIN_S = 5.0


def config(folder: Path, port: int) -> str:
    return f"""
cameras: {{door: {{source: "scene:?fps=10&size=320x180"}}}}
models: {{m: {{path: {slow_model(folder / "m.onnx", 1)}}}}}
web: {{listen: "127.0.0.1:{port}"}}
"""


def troubles(port: int) -> list[str]:
    answer = httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False)
    found: list[str] = answer.json()["troubles"]
    assert answer.status_code == (503 if found else 200)
    return found


def healthy(daemon: Daemon, port: int) -> None:
    eventually(lambda: "processes are up" in daemon.log and "web" in daemon.processes(), START_S, what="the start")

    def is_well() -> bool:
        try:
            return troubles(port) == []
        except httpx.HTTPError:
            return False

    eventually(is_well, START_S, what="health", every_s=0.1)


def victim(daemon: Daemon, title: str) -> psutil.Process:
    return psutil.Process(daemon.process.pid) if title == "supervisor" else daemon.processes()[title]


def test_a_process_that_is_stuck_shows_within_seconds(tmp_path: Path) -> None:
    port = free_port()
    reasons = {
        "dispatcher": "dispatcher has not reported",
        "worker m-0": "worker m-0 has not reported",
        "capture door": "capture door has not reported",
        "sink": "the sink has not published a status",
        "supervisor": "the supervisor has not looked at its processes",
    }
    with running(tmp_path, config(tmp_path, port)) as daemon:
        for title, reason in reasons.items():
            healthy(daemon, port)
            stuck, began = victim(daemon, title), time.monotonic()
            stuck.send_signal(signal.SIGSTOP)
            try:
                eventually(
                    lambda reason=reason: any(reason in trouble for trouble in troubles(port)),  # type: ignore[misc]
                    START_S,
                    what=reason,
                    every_s=0.1,
                )
                assert time.monotonic() - began <= WITHIN_S, reason
            finally:
                stuck.send_signal(signal.SIGCONT)
        healthy(daemon, port)
        assert daemon.stop() == 0


@pytest.mark.parametrize("results", ["/dev/full"])
def test_results_that_cannot_be_written_show_within_seconds(tmp_path: Path, results: str) -> None:
    port = free_port()
    with running(tmp_path, config(tmp_path, port), "--results", results) as daemon:
        eventually(lambda: "processes are up" in daemon.log, START_S)

        def is_told() -> bool:
            try:
                return any("cannot write results" in trouble for trouble in troubles(port))
            except httpx.HTTPError:
                return False

        eventually(is_told, WITHIN_S + 3, what="the trouble", every_s=0.1)
