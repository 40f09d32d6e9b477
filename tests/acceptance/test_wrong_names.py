"""A name that does not exist is answered at once with those that do, in every command."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.harness import START_S, Daemon, running
from tests.onnx_models import colour_model
from tests.waiting import eventually

PATIENT_S = 60.0
QUICK_S = 10.0
"""Less than the waits for frames and statuses."""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("names")
    config = f"""
cameras: {{hall: {{source: "scene:?fps=5&size=320x180"}}, yard: {{source: "scene:?fps=5&size=320x180"}}}}
models: {{person: {{path: {colour_model(folder / "person.onnx")}}}, car: {{path: person.onnx}}}}
"""
    with running(folder, config) as daemon:
        eventually(lambda: len(daemon.lines()) > 3, START_S, what="results")
        yield daemon
        assert daemon.stop() == 0


def asked(folder: Path, *arguments: str, timeout_s: float = PATIENT_S) -> tuple[int, str]:
    """Exit code of a command, and what it prints."""
    command = [sys.executable, "-m", "edge_daemon", *arguments]
    env = os.environ | {"TMPDIR": str(folder), "COLUMNS": "200"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return done.returncode, done.stdout.strip()


@pytest.mark.parametrize(
    "command",
    [
        ["tail", "--camera", "hal"],
        ["tail", "--verify", "--camera", "hal"],
        ["tail", "--topic", "frame", "--camera", "hal"],
        ["snapshot", "x.jpg", "--camera", "hal"],
    ],
)
def test_a_camera(daemon: Daemon, command: list[str]) -> None:
    code, said = asked(daemon.folder, *command, "--connect", daemon.address, timeout_s=QUICK_S)
    assert (code, said) == (1, "edge-daemon: there is no camera hal; did you mean hall? There are hall, yard")


def test_a_topic_and_a_configuration(daemon: Daemon) -> None:
    code, said = asked(daemon.folder, "tail", "--topic", "resut", "--connect", daemon.address)
    assert (code, "no topic resut; did you mean result? There are result, frame, status" in said) == (1, True)
    code, said = asked(daemon.folder, "reload", "confg.yaml")
    assert code == 3
    assert f"no daemon that reads confg.yaml found; there is {daemon.folder / 'config.yaml'} (process " in said


@pytest.mark.parametrize(
    ("code", "command", "says"),
    [
        (2, ["run", "confg.yaml"], "did you mean config.yaml?"),
        (2, ["check", "confg.yaml"], "did you mean config.yaml?"),
        (
            2,
            ["bench", "--write", "config.yaml", "persom"],
            "no model persom; did you mean person? There are person, car",
        ),
        (2, ["models", "pull", "yolox-nan"], "did you mean yolox-nano?"),
        (3, ["inspect", "persn.onnx"], "persn.onnx: cannot read the file: No such file or directory; did you mean"),
        (2, ["inspect", "person.onnx", "--decoder", "yolo8"], "did you mean yolov8?"),
        (3, ["inspect", "person.onnx", "--labels", "cocoo"], "did you mean coco?"),
        (
            3,
            ["run", "--source", "scene:", "--model", "builtin:persn", "--publish", "ipc://p"],
            "there is builtin:person",
        ),
        (2, ["run", "--source", "scene:", "--model", "zoo:yolox-nan"], "did you mean zoo:yolox-nano?"),
        (
            3,
            ["run", "--source", "scene:?sede=1", "--model", "person.onnx", "--publish", "ipc://p"],
            "did you mean seed?",
        ),
        (3, ["run", "--source", "tap.mp4", "--model", "person.onnx"], "did you mean tape.mp4?"),
        (2, ["probe", "rstp://127.0.0.1/x"], "did you mean rtsp://?"),
        (2, ["probe", "scene:", "--transport", "tpc"], "did you mean tcp?"),
        (1, ["replay", "nothing.jpg"], "nothing.jpg is no frame that was set aside: there is no such file"),
        (1, ["replay", "tape.mp4"], "tape.mp4 is no frame that was set aside: its JSON file is not beside it"),
        (0, ["report", "a.tar.gz", "--config", "confg.yaml"], "did you mean config.yaml?; the report has no"),
        (2, ["token", "--role", "admin"], "'administrator'"),
        (2, ["tial"], "Did you mean 'tail'?"),
        (2, ["tail", "--camra", "hall"], "--camera"),
    ],
)
def test_a_file_a_model_a_value_or_a_command(tmp_path: Path, code: int, command: list[str], says: str) -> None:
    colour_model(tmp_path / "person.onnx")
    (tmp_path / "tape.mp4").write_bytes(b"no video")
    models = "{person: {path: person.onnx}, car: {path: person.onnx}}"
    (tmp_path / "config.yaml").write_text(f"cameras: {{hall: {{source: 'scene:'}}}}\nmodels: {models}\n")
    found, said = asked(tmp_path, *command)
    assert (found, says in said) == (code, True), said
