"""The supervisor goes on whatever happens around it: kills while it starts, helpers that hang, drives that are gone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_daemon.supervisor.kinds.worker import Worker
from tests.acceptance.harness import START_S, clip, free_port, running
from tests.hung_mount import hung_mount
from tests.onnx_models import slow_model
from tests.waiting import eventually

FRAMES = 40
HUNG_S = 40.0
"""A fork server that hangs has been replaced by then, and what it was to start is there."""


def scene(folder: Path, more: str = "") -> str:
    model = folder / "m.onnx"
    return f"""
cameras: {{a: {{source: "scene:?fps=20&size=320x180"}}{more}}}
models: {{m: {{path: {model if model.exists() else slow_model(model, 1)}}}}}
"""


def test_whatever_is_killed_while_the_daemon_starts_is_started_again(tmp_path: Path) -> None:
    config = scene(tmp_path).replace("scene:?fps=20&size=320x180", str(clip(tmp_path / "film.mp4", FRAMES)))
    model, there = tmp_path / "m.onnx", (tmp_path / "m.onnx").rename(tmp_path / "there.onnx")
    os.mkfifo(model)  # its worker waits, and the start with it
    with running(tmp_path, config) as daemon:
        for title in ("worker m-0", "sink", "dispatcher", "capture a"):
            eventually(lambda title=title: title in daemon.processes(), START_S, what=title)  # type: ignore[misc]
            daemon.kill(title)
        for _ in range(3):
            eventually(lambda: "forkserver" in daemon.processes(), START_S, what="a fork server")
            daemon.processes()["forkserver"].kill()
            daemon.kill("worker m-0")
        assert "are up" not in daemon.log
        there.replace(model)
        daemon.kill("worker m-0")
        assert daemon.finish() == 0
        assert [line["seq"] for line in daemon.lines()] == list(range(FRAMES))


def test_a_stop_does_not_wait_for_a_model_that_is_being_loaded(tmp_path: Path) -> None:
    config = scene(tmp_path)
    (tmp_path / "m.onnx").unlink()
    os.mkfifo(tmp_path / "m.onnx")
    with running(tmp_path, config) as daemon:
        eventually(lambda: "worker m-0" in daemon.processes(), START_S, what="a worker that loads")
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < Worker.grace_s


def test_a_fork_server_that_hangs_is_replaced_and_nobody_waits_for_it(tmp_path: Path) -> None:
    with running(tmp_path, scene(tmp_path, ', b: {source: "scene:?fps=20&size=320x180"}')) as daemon:
        eventually(lambda: {line["camera"] for line in daemon.lines()} == {"a", "b"}, START_S)
        forkserver = daemon.processes()["forkserver"]
        forkserver.send_signal(signal.SIGSTOP)
        daemon.processes()["capture b"].kill()
        daemon.processes()["worker m-0"].kill()
        began = time.monotonic()
        assert daemon.reload(scene(tmp_path)).returncode == 0, "it is not held up"
        assert time.monotonic() - began < HUNG_S
        eventually(lambda: "worker m-0" in daemon.processes(), HUNG_S, what="another fork server, and a worker of it")
        count = len(daemon.lines())
        eventually(lambda: len(daemon.lines()) > count + 5, START_S, what="results again")
        assert not forkserver.is_running()
        assert "the fork server has started no process for" in daemon.log
        assert daemon.stop() == 0


@pytest.mark.long
def test_a_fork_server_that_dies_while_it_starts_a_process_leaves_only_one(tmp_path: Path) -> None:
    with running(tmp_path, scene(tmp_path)) as daemon:
        eventually(daemon.lines, START_S, what="results")
        for _ in range(3):
            eventually(lambda: {"forkserver", "capture a"} <= {*daemon.processes()}, START_S)
            processes = daemon.processes()
            processes["capture a"].kill()
            helper = processes["forkserver"]
            eventually(lambda: helper.children() or "capture a" in daemon.processes(), START_S, every_s=0)  # noqa: B023
            helper.kill()
            daemon.kill("worker m-0")  # wants another fork server
        assert daemon.reload(scene(tmp_path).replace("fps=20", "fps=10")).returncode == 0
        count = len(daemon.lines())
        eventually(lambda: len(daemon.lines()) > count + 5, START_S, what="results")
        assert daemon.stop() == 0


LONG = pytest.mark.long


@pytest.mark.parametrize("name", ["film.mp4", pytest.param("folder/", marks=LONG), pytest.param("folder", marks=LONG)])
def test_a_drive_that_does_not_answer_holds_up_nothing(tmp_path: Path, name: str) -> None:
    with hung_mount(tmp_path / "drive") as drive:
        config = scene(tmp_path, f", gone: {{source: {drive}/{name}, delivery: live, stall_timeout: 2s}}")
        with running(tmp_path, config) as daemon:
            eventually(daemon.lines, START_S, what="results of the other camera")
            eventually(lambda: "processes are up" in daemon.log, START_S, what="the start")
            faster = daemon.reload(config.replace("fps=20", "fps=10"))
            assert faster.returncode == 0, faster.stderr
            assert daemon.reload(scene(tmp_path)).returncode == 0
            assert daemon.stop() == 0


@pytest.mark.parametrize("what", ["results", "save", "state"])
def test_a_drive_to_write_to_that_does_not_answer_is_reported_at_the_start(tmp_path: Path, what: str) -> None:
    (tmp_path / "c.yaml").write_text(scene(tmp_path))
    with hung_mount(tmp_path / "drive") as drive:
        arguments = [] if what == "state" else [f"--{what}", str(drive / "out.mp4")]
        environment = os.environ | ({"STATE_DIRECTORY": str(drive)} if what == "state" else {})
        command = [sys.executable, "-m", "edge_daemon", "run", "c.yaml", *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=START_S, check=False
        )
    assert done.returncode == 3, done.stderr
    assert "does not answer within 3 s; is its network drive there?" in done.stderr


def test_paths_that_are_not_utf8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    good = scene(tmp_path).replace("fps=20", "frames=5")
    file = folder / os.fsdecode(b"\xff.yaml")
    file.write_text(good + f'web: {{enabled: false}}\npublish: {{bind: ["tcp://127.0.0.1:{free_port()}"]}}\n')
    (folder / "m.onnx").write_bytes((tmp_path / "m.onnx").read_bytes())
    env = os.environ | {"XDG_STATE_HOME": str(tmp_path / "state"), "TMPDIR": str(tmp_path)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edge_daemon", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=False)

    done = run("run", str(file))
    assert done.returncode == 0, done.stderr
    file.write_text(file.read_text().replace(str(tmp_path / "m.onnx"), "m.onnx"))
    refused = run("run", str(file))
    assert refused.returncode == 3
    assert "is not UTF-8" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_system_that_is_read_only_and_has_no_temporary_folder(tmp_path: Path) -> None:
    script = """
set -e
mount --bind / / && mount -o remount,ro,bind /
for folder in /tmp /var/tmp /usr/tmp "$ALSO"; do
    [ ! -d "$folder" ] || { mount --bind "$folder" "$folder" && mount -o remount,ro,bind "$folder"; }
done
cd /
echo ready
exec "$PYTHON" -m edge_daemon run --source 'scene:?frames=5&size=320x180' --publish "$ADDRESS" --results -
"""
    env = os.environ | {"PYTHON": sys.executable, "ADDRESS": f"tcp://127.0.0.1:{free_port()}"}
    env |= {"ALSO": str(Path.cwd()), "XDG_STATE_HOME": "/nonexistent"}
    env.pop("TMPDIR", None)
    command = ["unshare", "--mount", "bash", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=False)
    if not done.stdout.startswith("ready"):
        pytest.skip(f"no mounts of our own here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"type":"result"') > 0
    assert "5 captured" in done.stderr
