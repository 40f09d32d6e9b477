"""`report` and `secret`: what they write, and what they do not."""

import stat
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_daemon.cli.app import app
from edge_daemon.cli.secret import unused
from edge_daemon.errors import RequestError, StartError

CONFIG = """
cameras:
  gate: {source: "rtsp://me:hunter2@127.0.0.1:1/x?password=hunter2", fps: 5}
  street: {source: "scene:?size=64x48&fps=5"}
models: {m: {path: builtin:person}}
publish: {bind: ["ipc:///nowhere/publish"], secret_key: hunter2}
web: {tokens: {boss: {token: hunter2, role: operator}}}
"""


def contents(file: Path) -> dict[str, str]:
    with tarfile.open(file) as bundle:
        return {
            entry.name.rpartition("/")[2]: bundle.extractfile(entry).read().decode()  # type: ignore[union-attr]
            for entry in bundle.getmembers()
        }


def report(folder: Path, text: str, *options: str) -> dict[str, str]:
    (folder / "c.yaml").write_text(text)
    file = folder / "r.tar.gz"
    arguments = ["report", str(file), "--config", str(folder / "c.yaml"), "--connect", f"ipc://{folder}/publish"]
    done = CliRunner().invoke(app, [*arguments, *options])
    assert done.exit_code == 0, done.exception
    return contents(file)


def test_a_report_says_what_there_is_without_secrets(tmp_path: Path) -> None:
    found = report(tmp_path, CONFIG)
    assert set(found) == {
        "versions.txt", "machine.txt", "config.yaml", "check.txt", "status.json", "log.txt", "state.txt"
    }  # fmt: skip
    assert "edge-daemon" in found["versions.txt"]
    assert "cores" in found["machine.txt"]
    assert "fps: 5" in found["config.yaml"]
    assert "hunter2" not in found["config.yaml"]
    assert "no status from" in found["status.json"]
    assert "must be" in found["check.txt"]


def test_cameras_are_probed_if_asked_and_pictures_left_out(tmp_path: Path) -> None:
    text = 'cameras: {street: {source: "scene:?size=320x180&fps=5"}}\nmodels: {m: {path: "builtin:person"}}\n'
    found = report(tmp_path, text, "--probe")
    assert '"works": true' in found["probe-street.txt"]
    assert not [name for name in found if name.endswith(".jpg")]


def test_a_report_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "r.tar.gz").write_bytes(b"mine")
    done = CliRunner().invoke(app, ["report", str(tmp_path / "r.tar.gz"), "--config", str(tmp_path / "no.yaml")])
    assert isinstance(done.exception, StartError)
    assert (tmp_path / "r.tar.gz").read_bytes() == b"mine"


def test_a_secret_is_stored_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    done = CliRunner().invoke(app, ["secret", "DOOR", "--folder", str(folder)], input="a b#@\n")
    assert done.exit_code == 0, done.exception
    assert (folder / "DOOR").read_text() == "a b#@"
    assert stat.S_IMODE((folder / "DOOR").stat().st_mode) == 0o600
    assert "a b" not in done.output


@pytest.mark.parametrize(("name", "value"), [("a b", "x"), ("../x", "x"), ("DOOR", ""), ("DOOR", "two\nlines")])
def test_what_is_no_secret_is_not_stored(tmp_path: Path, name: str, value: str) -> None:
    done = CliRunner().invoke(app, ["secret", name, "--folder", str(tmp_path)], input=value)
    assert isinstance(done.exception, RequestError)
    assert not list(tmp_path.iterdir())


def test_a_secret_that_the_configuration_does_not_name_is_doubted(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("a: ${DOOR_PASSWORD}\nb: $${PLAIN}\nc: rtsp://me:${YARD_PASSWORD}@10.0.0.4/\n")
    assert unused("DOOR_PASSWORD", config) == ""
    assert unused("DOR_PASSWORD", config) == (
        f"{config} does not name it yet: there is no secret ${{DOR_PASSWORD}}; did you mean ${{DOOR_PASSWORD}}? "
        "There are ${DOOR_PASSWORD}, ${YARD_PASSWORD}"
    )
    assert "There are" in unused("PLAIN", config) or "there are" in unused("PLAIN", config)
    assert unused("DOOR_PASSWORD", tmp_path / "nothing.yaml") == ""
