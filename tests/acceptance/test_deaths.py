"""Processes are killed, and what was promised holds."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from edge_daemon.supervisor.signals import SAME_S
from tests import chaos
from tests.acceptance.harness import START_S, Listener, accounts, clip, running
from tests.onnx_models import colour_model, slow_model
from tests.waiting import eventually


def test_a_lossless_run_loses_and_repeats_nothing_whoever_is_killed(tmp_path: Path) -> None:
    config = f"""
cameras: {{clip: {{source: {clip(tmp_path / "clip.mp4", 280)}}}}}
models: {{m: {{path: {slow_model(tmp_path / "m.onnx", 15)}, workers: 2}}}}
"""
    with running(tmp_path, config) as daemon:
        for title in ("worker m-0", "sink", "dispatcher", "capture clip", "worker m-1"):
            seen = len(daemon.lines())
            eventually(lambda seen=seen: len(daemon.lines()) > seen + 10, START_S, what="more results")  # type: ignore[misc]
            daemon.kill(title)
        assert daemon.finish() == 0
    assert [result["seq"] for result in daemon.lines()] == list(range(280))
    assert "280 captured, 280 delivered, dropped: none" in daemon.log


@pytest.mark.parametrize("victims", [["recorder"], ["recorder", "sink"]])
def test_what_happened_last_is_stored_if_those_who_store_it_die_at_the_end(tmp_path: Path, victims: list[str]) -> None:
    """The recorder stands still, so that the sink waits for it when all others have stopped."""
    sources = {path.stem: str(path) for path in chaos.clips(tmp_path, 120)}
    with running(tmp_path, chaos.config(sources), *chaos.EVENTS) as daemon:
        eventually(daemon.lines, START_S, what="results")
        daemon.processes()["recorder"].suspend()
        eventually(lambda: daemon.log.count(": ended") == len(sources), START_S, what="the end of both clips")
        eventually(lambda: not any(title.startswith("worker") for title in daemon.processes()), START_S)
        processes = daemon.processes()
        for victim in victims:
            processes[victim].kill()
        assert daemon.finish() == 0
    assert chaos.different(chaos.to_store(daemon), chaos.stored(daemon)) == ([], [])


@pytest.mark.long
def test_nor_when_those_die_together_who_remember_for_each_other(tmp_path: Path) -> None:
    config = f"""
cameras: {{clip: {{source: {clip(tmp_path / "clip.mp4", 500)}}}}}
models: {{m: {{path: {slow_model(tmp_path / "m.onnx", 8)}, workers: 2}}}}
"""
    with running(tmp_path, config) as daemon:
        for _ in range(3):
            seen = len(daemon.lines())
            eventually(lambda seen=seen: len(daemon.lines()) > seen + 10, START_S, what="more results")  # type: ignore[misc]
            victims = {title: daemon.processes()[title] for title in ("sink", "dispatcher")}
            for victim in victims.values():
                victim.kill()
            for title, victim in victims.items():
                eventually(
                    lambda title=title, victim=victim: (  # type: ignore[misc]
                        (new := daemon.processes().get(title)) and new.pid != victim.pid
                    ),
                    START_S,
                )
        assert daemon.finish() == 0
    assert [result["seq"] for result in daemon.lines()] == list(range(500))
    assert "500 captured, 500 delivered, dropped: none" in daemon.log


def test_a_live_run_goes_on_whoever_is_killed_and_ends_cleanly(tmp_path: Path) -> None:
    config = f"""
cameras:
  a: {{source: "scene:?fps=20&size=320x180"}}
  b: {{source: "scene:?fps=20&size=320x180&seed=2"}}
models: {{m: {{path: {slow_model(tmp_path / "m.onnx", 10)}, workers: 2}}}}
"""
    with running(tmp_path, config) as daemon, Listener(daemon.address, "status/") as listener:
        killed = ("capture a", "dispatcher", "worker m-1", "sink")
        for title in killed:
            eventually(lambda: {r["camera"] for r in daemon.lines()} == {"a", "b"}, START_S, what="results of both")
            daemon.kill(title)
            count = len(daemon.lines())
            eventually(
                lambda count=count: {r["camera"] for r in daemon.lines()[count:]} == {"a", "b"},  # type: ignore[misc]
                START_S,
                what=f"results of both cameras after {title} was killed",
            )
        restarts = {"sink": 1, "dispatcher": 1, "m-0": 0, "m-1": 1, "a": 1, "b": 0}
        listener.until(lambda status: restarts == {p["name"]: p["restarts"] for p in status["processes"]})
        assert daemon.stop() == 0
    accounts(daemon.lines())


def test_processes_that_are_killed_leave_nothing_that_piles_up(tmp_path: Path) -> None:
    config = f"""
cameras: {{a: {{source: "scene:?fps=20&size=320x180"}}}}
models: {{m: {{path: {slow_model(tmp_path / "m.onnx", 1)}}}}}
"""
    with running(tmp_path, config) as daemon:
        eventually(daemon.lines, START_S, what="results")
        (folder,) = tmp_path.glob("edge-daemon-*")
        before = len(list(folder.iterdir()))
        for title in ("worker m-0", "worker m-0", "sink", "capture a", "dispatcher"):
            daemon.kill(title)
            count = len(daemon.lines())
            eventually(lambda count=count: len(daemon.lines()) > count + 5, START_S, what="results again")  # type: ignore[misc]
        assert len(list(folder.iterdir())) == before
        assert daemon.stop() == 0


def test_a_fork_server_that_was_killed_is_replaced_when_it_is_needed(tmp_path: Path) -> None:
    config = f"""
cameras: {{a: {{source: "scene:?fps=20&size=320x180"}}}}
models: {{m: {{path: {slow_model(tmp_path / "m.onnx", 1)}}}}}
"""
    with running(tmp_path, config) as daemon:
        eventually(daemon.lines, START_S, what="results")
        daemon.processes()["forkserver"].kill()
        daemon.kill("worker m-0")
        count = len(daemon.lines())
        eventually(lambda: len(daemon.lines()) > count + 5, START_S, what="results again")
        assert "the fork server" in daemon.log
        assert daemon.stop() == 0


def scene(model: Path) -> str:
    return f"""
cameras: {{door: {{source: "scene:?size=320x180"}}}}
models: {{m: {{path: {model}}}}}
"""


def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    config = scene(slow_model(tmp_path / "m.onnx", 5))
    with running(tmp_path, config) as daemon:
        eventually(daemon.lines, START_S, what="results")
        children = list(daemon.processes().values())
        assert len(children) == 5  # the fork server too
        os.kill(daemon.process.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(children, timeout=START_S)
        assert not alive
        (left,) = tmp_path.glob("edge-daemon-*")
        daemon.process.wait()
    (tmp_path / "log").unlink()
    with running(tmp_path, config) as daemon:
        eventually(lambda: not left.exists(), START_S, what="the next run removing what a killed one left")
        eventually(lambda: "all 4 processes are up" in daemon.log, START_S, what="the start")
        assert daemon.stop() == 0


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with running(tmp_path, scene(colour_model(tmp_path / "m.onnx"))) as daemon:
        eventually(lambda: "all 4 processes are up" in daemon.log, START_S, what="the start")
        daemon.processes()["worker m-0"].send_signal(signal.SIGSTOP)  # a stop in order would wait for it for 5 s
        daemon.process.send_signal(signal.SIGTERM)
        eventually(lambda: "stopping (SIGTERM)" in daemon.log, START_S, what="the first signal heard")
        heard = time.monotonic()
        eventually(lambda: time.monotonic() > heard + SAME_S, START_S)
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.finish(3.0) == 0
    assert "starts again" not in daemon.log
