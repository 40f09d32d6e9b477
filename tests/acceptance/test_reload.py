"""Another configuration for a daemon that runs: what did not change goes on as if nothing had happened."""

import os
import pty
import signal
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.acceptance.harness import Daemon, Listener, accounts, clip, free_port, pageless, running
from tests.onnx_models import colour_model, slow_model
from tests.waiting import eventually

PATIENT_S = 30.0
DOOR = "{source: 'scene:?fps=20&size=320x180'}"
YARD = "{source: 'scene:?fps=10&size=320x180&seed=2'}"
AMID = {"paced", "replaced", "stale"}
"""Why a frame may be dropped while nothing is wrong."""


def config(folder: Path, models: str = "m: {path: m.onnx}", **cameras: str) -> str:
    for name in ("m", "n"):
        if not (folder / f"{name}.onnx").exists():
            colour_model(folder / f"{name}.onnx")
    lines = "".join(f"  {name}: {settings}\n" for name, settings in cameras.items())
    return f"cameras:\n{lines}models: {{{models}}}\n"


def pids(daemon: Daemon) -> dict[str, int]:
    return {title: process.pid for title, process in daemon.processes().items()}


def served(listener: Listener, camera: str, model: str = "m", more: int = 10) -> list[dict[str, Any]]:
    """Results up to the last of so many more of one camera and model."""
    count = 0

    def enough(result: dict[str, Any]) -> bool:
        nonlocal count
        count += (result["camera"], result["model"]) == (camera, model)
        return count == more

    return listener.until(enough, PATIENT_S)


def test_cameras_and_models_come_and_go_and_the_others_lose_nothing(tmp_path: Path) -> None:
    with (
        running(tmp_path, config(tmp_path, door=DOOR)) as daemon,
        Listener(daemon.address, "result/door/") as door,
        Listener(daemon.address, "result/") as listener,
        Listener(daemon.address, "frame/"),  # so that pictures are under way too
    ):
        results = served(door, "door")
        before = pids(daemon)

        done = daemon.reload(config(tmp_path, door=DOOR, yard=YARD))
        assert (done.returncode, done.stdout) == (0, "reloaded: camera yard added\n"), done.stderr
        served(listener, "yard")
        results += served(door, "door")
        assert {title: pid for title, pid in pids(daemon).items() if title != "capture yard"} == before

        done = daemon.reload(config(tmp_path, "m: {path: m.onnx}, n: {path: n.onnx}", door=DOOR))
        assert (done.returncode, done.stdout) == (
            0,
            "reloaded: camera yard removed; model n added\n",
        )
        served(listener, "door", "n")
        results += served(door, "door", "n")
        assert {title: pid for title, pid in pids(daemon).items() if title != "worker n-0"} == before

        done = daemon.reload(config(tmp_path, "m: {path: m.onnx, confidence: 0.3}", door=DOOR))
        assert done.returncode == 0, done.stderr
        results += served(door, "door")
        after = pids(daemon)
        assert {title for title in before if after[title] != before[title]} == {"worker m-0"}
        assert set(after) == set(before)
        assert daemon.stop() == 0
    of_m = [result for result in results if result["model"] == "m"]
    accounts(of_m)
    assert len({result["epoch"] for result in of_m}) == 1, "it was never opened again"
    assert {reason for result in of_m for reason in result["dropped"]} <= AMID
    assert "worker-lost" not in daemon.log


def test_a_changed_camera_is_opened_again_and_the_others_are_not(tmp_path: Path) -> None:
    with (
        running(tmp_path, config(tmp_path, door=DOOR, yard=YARD)) as daemon,
        Listener(daemon.address, "result/") as listener,
    ):
        served(listener, "yard")
        before = pids(daemon)
        (daemon.folder / "config.yaml").write_text(
            pageless(config(tmp_path, door=DOOR, yard=YARD.replace("seed=2", "seed=3")))
        )
        daemon.process.send_signal(signal.SIGHUP)
        eventually(
            lambda: "reloaded: camera yard: source scene:?fps=10&size=320x180&seed=2 → " in daemon.log,
            PATIENT_S,
            what="the reload",
        )
        results = served(listener, "yard")
        after = pids(daemon)
        assert {title for title in before if after[title] != before[title]} == {"capture yard"}
        assert daemon.stop() == 0
    accounts(results)
    assert len({result["epoch"] for result in results if result["camera"] == "yard"}) <= 2


def test_what_a_camera_is_not_opened_with_changes_while_it_runs(tmp_path: Path) -> None:
    two = "m: {path: m.onnx}, n: {path: n.onnx}"
    with (
        running(tmp_path, config(tmp_path, two, door=DOOR.replace("}", ", models: [m]}"))) as daemon,
        Listener(daemon.address, "result/door/") as door,
    ):
        results = served(door, "door")
        before = pids(daemon)
        more = "fps: 4, max_age: 200ms, reorder_wait: 500ms, weight: 2, models: [m, n], stall_timeout: 9s"
        done = daemon.reload(config(tmp_path, two, door=DOOR.replace("}", f", {more}}}")))
        assert (done.returncode, done.stdout) == (
            0,
            "reloaded: camera door: models [m] → [m, n], max_age 500ms → 200ms, reorder_wait 1s → 500ms, weight 1 → 2, "
            "stall_timeout 20s → 9s, fps set to 4; model n added\n",
        ), done.stderr
        results += served(door, "door", "n", more=12)
        assert {title: pid for title, pid in pids(daemon).items() if title != "worker n-0"} == before
        done = daemon.reload(
            config(tmp_path, two, door=DOOR.replace("}", ", models: [m], motion: {always_every: 1m}}"))
        )
        assert done.returncode == 0, done.stderr
        assert "motion added" in done.stdout
        results += served(door, "door")
        assert daemon.stop() == 0
    of_m = [result for result in results if result["model"] == "m"]
    accounts(of_m)
    assert len({result["epoch"] for result in of_m}) == 1, "it was never opened again"
    paced = [result["time_s"] for result in results if result["model"] == "n"][2:]
    assert all(later - earlier > 0.2 for earlier, later in pairwise(paced)), "four a second"
    assert {reason for result in of_m for reason in result["dropped"]} <= AMID | {"still"}


WRONG = [
    ("cameras: {door: {sauce: 'scene:'}}\nmodels: {m: {path: m.onnx}}\n", 2, "did you mean source"),
    ("cameras: {door: {source: gone.mp4}}\nmodels: {m: {path: m.onnx}}\n", 3, "gone.mp4"),
    ("cameras: {door: {source: 'scene:'}}\nmodels: {m: {path: broken.onnx}}\n", 3, "broken.onnx"),
    ("cameras: [\n", 2, "config.yaml:"),
]
"""Files, and the exit code and a part of the sentence with which each is refused."""


def test_a_wrong_file_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no model at all")
    with (
        running(tmp_path, config(tmp_path, door=DOOR)) as daemon,
        Listener(daemon.address, "result/door/") as door,
    ):
        results = served(door, "door")
        before = pids(daemon)
        for wrong, code, said in WRONG:
            logged = len(daemon.log)
            done = daemon.reload(wrong)
            assert done.returncode == code, wrong
            assert said in done.stderr
            assert said in daemon.log[logged:]
            results += served(door, "door")
            assert pids(daemon) == before, wrong
            assert daemon.reload(config(tmp_path, door=DOOR)).stdout == "reloaded: nothing has changed\n"
        assert daemon.stop() == 0
    accounts(results)


def test_a_model_file_that_was_replaced_is_loaded_again(tmp_path: Path) -> None:
    told = config(tmp_path, door=DOOR)
    with running(tmp_path, told) as daemon, Listener(daemon.address, "result/") as listener:
        served(listener, "door")
        before = pids(daemon)
        slow_model(tmp_path / "other.onnx", 1.0)
        (tmp_path / "other.onnx").rename(tmp_path / "m.onnx")
        assert daemon.reload(told).stdout == "reloaded: model m: file changed (new workers)\n"
        served(listener, "door")
        assert pids(daemon)["worker m-0"] != before["worker m-0"]
        assert daemon.stop() == 0


def test_a_file_that_is_being_read_is_read_to_its_end_once(tmp_path: Path) -> None:
    clip(tmp_path / "clip.mp4", 250)
    slow_model(tmp_path / "m.onnx", 8)
    file = "{source: clip.mp4}"
    with (
        running(tmp_path, config(tmp_path, "m: {path: m.onnx, workers: 2}", file=file)) as daemon,
        Listener(daemon.address, "result/file/") as listener,
    ):
        results = served(listener, "file", more=30)
        assert daemon.reload(config(tmp_path, "m: {path: m.onnx, workers: 2}", file=file, yard=YARD)).returncode == 0
        results += served(listener, "file", more=30)
        assert daemon.reload(config(tmp_path, "m: {path: m.onnx, iou: 0.5}", file=file)).returncode == 0
        assert daemon.finish() == 0
    written = [line["seq"] for line in daemon.lines() if line["camera"] == "file" and line["type"] == "result"]
    assert written == list(range(250))


def test_subscribers_can_be_served_elsewhere_unless_somebody_is_there(tmp_path: Path) -> None:
    here, free = f"tcp://127.0.0.1:{free_port()}", f"tcp://127.0.0.1:{free_port()}"

    def told(address: str) -> str:
        return config(tmp_path, door=DOOR) + f"publish: {{bind: ['{address}']}}\n"

    with (
        running(tmp_path, told(here), publish=False) as daemon,
        Listener(here, "result/door/") as door,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        served(door, "door")
        taken = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        done = daemon.reload(told(taken))
        assert (done.returncode, taken in done.stderr) == (3, True), done.stderr
        served(door, "door")
        assert daemon.reload(told(free)).stdout == f"reloaded: publish: bind [{here}] → [{free}]\n"
        with Listener(free, "result/door/") as elsewhere:
            served(elsewhere, "door")
        assert daemon.stop() == 0


def test_who_is_to_reload_has_to_be_clear(tmp_path: Path) -> None:
    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edge_daemon", "reload", *arguments]
        env = os.environ | {"TMPDIR": str(tmp_path)}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENT_S, check=False)

    done = ask(str(tmp_path / "config.yaml"))
    assert done.returncode == 3
    assert "no daemon that reads" in done.stderr
    with running(tmp_path, None, "--source", "scene:") as daemon:
        eventually(lambda: "processes are up" in daemon.log, PATIENT_S, what="a start")
        done = ask("--runtime-dir", str(tmp_path))
        assert done.returncode == 2
        assert "without a file" in done.stderr
        assert daemon.stop() == 0


def test_a_daemon_whose_terminal_is_closed_stops(tmp_path: Path) -> None:
    """There SIGHUP does not mean a reload: nobody would be left to stop it."""
    ours, theirs = pty.openpty()
    (tmp_path / "config.yaml").write_text(pageless(config(tmp_path, door=DOOR)))
    command = [sys.executable, "-m", "edge_daemon", "run", str(tmp_path / "config.yaml"), "--publish", "ipc://p"]
    with (tmp_path / "log").open("wb") as log:
        daemon = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *command], stdin=theirs, stdout=log, stderr=log, cwd=tmp_path
        )
    os.close(theirs)
    try:
        eventually(lambda: "are up" in (tmp_path / "log").read_text(), PATIENT_S, what="a start")
        os.close(ours)
        assert daemon.wait(PATIENT_S) == 0
    finally:
        daemon.kill()
    assert "stopping (SIGHUP)" in (tmp_path / "log").read_text()


def test_a_model_that_runs_cannot_come_after_another_one(tmp_path: Path) -> None:
    two = "m: {path: m.onnx}, n: {path: n.onnx}"
    with (
        running(tmp_path, config(tmp_path, two, door=DOOR)) as daemon,
        Listener(daemon.address, "result/") as listener,
    ):
        served(listener, "door", "n")
        done = daemon.reload(config(tmp_path, two.replace("n: {path", "n: {after: m, path"), door=DOOR))
        assert (done.returncode, "another `after` of model n needs a restart" in done.stderr) == (3, True), done.stderr
        served(listener, "door", "n")
        assert daemon.stop() == 0


def test_a_file_goes_on_when_a_reload_takes_its_slowest_model_away(tmp_path: Path) -> None:
    clip(tmp_path / "clip.mp4", 400)
    slow_model(tmp_path / "slow.onnx", 300)
    both = config(tmp_path, "m: {path: m.onnx}, slow: {path: slow.onnx}", tape="{source: clip.mp4}")
    with running(tmp_path, both) as daemon, Listener(daemon.address, "status/") as statuses:
        eventually(lambda: "processes are up" in daemon.log, PATIENT_S, what="a start")
        # The window is full of frames that the quick model has behind it, and the slow one has not.
        statuses.until(lambda s: s["cameras"]["tape"]["models"]["m"]["delivered"] > 5, 3 * PATIENT_S)
        assert daemon.reload(config(tmp_path, tape="{source: clip.mp4}")).returncode == 0
        assert daemon.finish() == 0
    assert [line["seq"] for line in daemon.lines() if line["model"] == "m"] == list(range(400))
