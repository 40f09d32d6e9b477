"""Workers that hang, grow, or cannot come back: their frames are accounted for, and the others go on."""

import signal
from pathlib import Path
from typing import Any

import psutil

from edge_daemon.transport.shared_memory import NAME
from tests.acceptance.harness import START_S, Daemon, Listener, accounts, clip, free_port, running
from tests.onnx_models import slow_model
from tests.waiting import eventually

PATIENT_S = 30.0
TIMEOUT_S, SHORT_S = 3.0, 1.0
REORDER_S = 0.3
SLACK_S = 0.5
"""For a test machine that does other things too."""


def process(status: dict[str, Any], name: str) -> dict[str, Any]:
    return next(process for process in status["processes"] if process["name"] == name)


def test_a_worker_that_hangs_holds_nothing_up_for_long_and_is_replaced(tmp_path: Path) -> None:
    slow_model(tmp_path / "m.onnx", 60)
    config = f"""
cameras: {{door: {{source: "scene:?fps=20&size=320x180", reorder_wait: {REORDER_S}s}}}}
models: {{m: {{path: m.onnx, workers: 2, worker_timeout: {TIMEOUT_S}s}}}}
"""
    with (
        running(tmp_path, config) as daemon,
        Listener(daemon.address, "result/") as listener,
        Listener(daemon.address, "status/") as statuses,
    ):
        results = listener.until(lambda result: result["seq"] > 20, PATIENT_S)
        daemon.processes()["worker m-0"].send_signal(signal.SIGSTOP)
        status = statuses.until(lambda status: process(status, "m-0")["restarts"] == 1, PATIENT_S)[-1]
        seq = max(result["seq"] for result in results)
        results += listener.until(lambda result: result["worker"] == "m-0" and result["seq"] > seq, PATIENT_S)
        assert process(status, "m-1")["restarts"] == 0
        assert daemon.stop() == 0
    accounts(results)
    waited = [(result["timing_ms"]["total"] - result["timing_ms"]["infer"]) / 1e3 for result in results]
    assert max(waited) < REORDER_S + SLACK_S, "results waited for the one that hangs"
    assert sum(result["dropped"].get("late", 0) + result["dropped"].get("worker-lost", 0) for result in results) <= 2
    assert "no heartbeat from worker m-0 for 3 s; killing it" in daemon.log


def test_who_has_nothing_to_do_is_not_taken_for_hanging(tmp_path: Path) -> None:
    slow_model(tmp_path / "m.onnx", 1)
    config = f"""
cameras: {{door: {{source: "rtsp://127.0.0.1:{free_port()}/nobody", stall_timeout: {SHORT_S}s}}}}
models: {{m: {{path: m.onnx, worker_timeout: {SHORT_S}s}}}}
"""
    with running(tmp_path, config) as daemon, Listener(daemon.address, "status/") as statuses:
        for _ in range(4):  # one a second
            assert all(one["restarts"] == 0 for one in statuses.receive()[0]["processes"])
        assert daemon.stop() == 0
    assert "no heartbeat" not in daemon.log


def test_frames_lie_in_memory_that_is_shared_whoever_came_back(tmp_path: Path) -> None:
    slow_model(tmp_path / "m.onnx", 5)
    config = """
cameras: {door: {source: "scene:?fps=20&size=320x180"}}
models: {m: {path: m.onnx}}
"""
    with running(tmp_path, config) as daemon, Listener(daemon.address, "frame/door/") as listener:
        for killed in (None, "worker m-0", "capture door"):
            if killed:
                daemon.kill(killed)
            eventually(lambda: shares(daemon, "capture door", "worker m-0"), PATIENT_S, what=f"a pool after {killed}")
            listener.receive()
        assert daemon.stop() == 0
    assert "cannot map the shared memory" not in daemon.log


def shares(daemon: Daemon, capture: str, worker: str) -> bool:
    """Whether the worker sees a pool of the capture."""
    processes = daemon.processes()
    if not {capture, worker} <= set(processes):
        return False
    return bool(pools(processes[capture]) & pools(processes[worker]))


def pools(process: psutil.Process) -> set[str]:
    """The pools that a process sees, by their inodes."""
    lines = Path(f"/proc/{process.pid}/maps").read_text().splitlines()
    return {line.split()[4] for line in lines if NAME in line}


def test_a_worker_that_takes_too_much_memory_is_replaced_between_two_frames(tmp_path: Path) -> None:
    slow_model(tmp_path / "m.onnx", 15)
    config = f"""
cameras: {{clip: {{source: {clip(tmp_path / "clip.mp4", 120)}}}}}
models: {{m: {{path: m.onnx, max_memory: 1MB}}}}
"""
    with running(tmp_path, config) as daemon:
        assert daemon.finish() == 0
    assert [result["seq"] for result in daemon.lines()] == list(range(120))
    assert "which is too much; replacing it" in daemon.log
    assert "starts again in" not in daemon.log, "that is no failure"


def test_a_model_that_cannot_be_loaded_again_leaves_the_others_running(tmp_path: Path) -> None:
    for name in ("m", "n"):
        slow_model(tmp_path / f"{name}.onnx", 2)
    config = """
cameras: {door: {source: "scene:?fps=20&size=320x180"}}
models: {m: {path: m.onnx}, n: {path: n.onnx}}
"""
    with running(tmp_path, config) as daemon, Listener(daemon.address, "status/") as statuses:

        def delivered(status: dict[str, Any], model: str) -> int:
            return int(status["cameras"]["door"]["models"][model]["delivered"])

        statuses.until(lambda status: min(delivered(status, "m"), delivered(status, "n")) > 10, PATIENT_S)
        (tmp_path / "n.onnx").write_bytes(b"no model any more")
        daemon.processes()["worker n-0"].kill()
        status = statuses.until(lambda status: "n.onnx" in process(status, "n-0")["state"], PATIENT_S)[-1]
        assert process(status, "n-0")["state"].startswith("down (model n")
        before = delivered(status, "m")
        statuses.until(lambda status: delivered(status, "m") > before + 20, PATIENT_S)
        slow_model(tmp_path / "new.onnx", 2)
        (tmp_path / "new.onnx").rename(tmp_path / "n.onnx")
        n = delivered(status, "n")
        statuses.until(lambda status: delivered(status, "n") > n + 5, PATIENT_S)
        eventually(lambda: daemon.processes().get("worker n-0"), START_S, what="the other model's worker")
        assert daemon.stop() == 0
    accounts(daemon.lines())
