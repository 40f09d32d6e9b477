"""`models`, `models pull`, `check` and the files of a run, with a catalogue whose files are served on this machine."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_daemon import log
from edge_daemon.cli.app import app
from edge_daemon.cli.models import pull, show
from edge_daemon.config.load import loads
from edge_daemon.errors import ConfigError, ModelError
from edge_daemon.supervisor.model_files import with_local_models
from edge_daemon.zoo import catalogue
from edge_daemon.zoo.catalogue import Catalogue
from tests.http_files import Files, serving

CONTENTS = {"/a.onnx": b"a model", "/b.onnx": b"another one"}


def entry(name: str, address: str, content: bytes) -> str:
    return f"""
[[model]]
name = "{name}"
title = "A tiny one"
licence = "MIT"
address = "{address}"
sha256 = "{hashlib.sha256(content).hexdigest()}"
size = {len(content)}
input = [8, 8]
task = "detection"
classes = "face"
labels = ["face"]
decoder = "yolox"
notes = ""
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    """A server, and a catalogue of its files: `yolox`, `other` and `gone`, which is not there."""
    with serving(Files(contents=dict(CONTENTS))) as files:
        (tmp_path / "catalogue.toml").write_text(
            entry("yolox", files.url("/a.onnx"), CONTENTS["/a.onnx"])
            + entry("gone", files.url("/gone.onnx"), b"gone")
            + entry("other", files.url("/b.onnx"), CONTENTS["/b.onnx"])
        )
        monkeypatch.setattr(catalogue, "FILE", tmp_path / "catalogue.toml")
        monkeypatch.setattr(log, "set_up", lambda _: None)  # the test's own log stays
        yield files


def fetched(cache: Path) -> set[str]:
    return {file.name.partition("-")[0] for file in cache.iterdir()}


def test_pull(files: Files, tmp_path: Path) -> None:
    pull(["yolox", "yolox"], tmp_path / "cache", everything=False)
    assert fetched(tmp_path / "cache") == {"yolox"}
    assert len(files.requests) == 1


def test_pull_all_says_what_failed_and_keeps_the_rest(files: Files, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^gone: http://127.0.0.1:\d+/gone.onnx: there is no such file") as caught:
        pull([], tmp_path / "cache", everything=True)
    assert len(str(caught.value).splitlines()) == 1
    assert {name for name in fetched(tmp_path / "cache") if "part" not in name} >= {"yolox", "other"}


def test_pull_what_is_not_there(files: Files, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"did you mean yolox\?"):
        pull(["yolo"], tmp_path, everything=False)
    with pytest.raises(ConfigError, match="name the models"):
        pull([], tmp_path, everything=False)
    assert files.requests == []


def test_the_list(files: Files, tmp_path: Path) -> None:
    pull(["other"], tmp_path / "cache", everything=False)
    found = CliRunner().invoke(app, ["models", "--json", "--cache", str(tmp_path / "cache")])
    assert found.exit_code == 0
    facts = {model["name"]: model for model in json.loads(found.output)}
    assert facts["yolox"]["file"] is None
    assert Path(facts["other"]["file"]).read_bytes() == CONTENTS["/b.onnx"]
    plain = CliRunner().invoke(app, ["models", "--cache", str(tmp_path / "cache")])
    rows = [line.split("\t") for line in plain.output.splitlines()]
    assert [(row[0], row[1]) for row in rows] == [("yolox", "-"), ("gone", "-"), ("other", "here")]


def test_check_tells_what_is_to_be_downloaded(files: Files, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text('cameras: {a: {source: "scene:"}}\nmodels:\n  m: {path: zoo:yolox}\n')
    arguments = ["check", str(config), "--quick", "--cache", str(tmp_path / "cache")]
    before = CliRunner().invoke(app, arguments)
    assert before.exit_code == 0
    note, good = before.output.splitlines()
    assert note == (
        f"{config}:3: models.m.path: is not in {tmp_path / 'cache'} yet; "
        "`edge-daemon models pull yolox` or `run` downloads it"
    )
    assert good.endswith("good (1 camera, 1 model)")
    pull(["yolox"], tmp_path / "cache", everything=False)
    assert CliRunner().invoke(app, arguments).output.splitlines() == [good]
    assert len(files.requests) == 1


def test_a_run_has_files_only(files: Files, tmp_path: Path) -> None:
    sha256 = hashlib.sha256(CONTENTS["/b.onnx"]).hexdigest()
    (tmp_path / "own.onnx").write_bytes(CONTENTS["/a.onnx"])
    config = loads(
        f"""
        cameras: {{c: {{source: "scene:", models: [named, addressed, labelled, own, builtin]}}}}
        models:
          named: {{path: zoo:yolox}}
          labelled: {{path: zoo:yolox, labels: [visage]}}
          addressed: {{path: "{files.url("/b.onnx")}", sha256: {sha256}}}
          own: {{path: {tmp_path}/own.onnx, sha256: {hashlib.sha256(CONTENTS["/a.onnx"]).hexdigest()}}}
          builtin: {{path: builtin:person}}
          unused: {{path: zoo:gone}}
        """
    )
    models = with_local_models(config, tmp_path / "cache").models
    named = Catalogue.load().entry("yolox")
    assert models["named"].path == str(tmp_path / "cache" / f"yolox-{named.sha256[:12]}.onnx")
    assert (models["named"].labels, models["labelled"].labels, models["addressed"].labels) == (
        ["face"],
        ["visage"],
        None,
    )
    assert Path(models["addressed"].file).read_bytes() == CONTENTS["/b.onnx"]
    assert (models["own"].path, models["own"].sha256) == (f"{tmp_path}/own.onnx", None)
    assert (models["builtin"].path, models["unused"].path) == ("builtin:person", "zoo:gone")
    assert len(files.requests) == 2
    files.contents.clear()
    assert with_local_models(config, tmp_path / "cache").models == models


def test_a_run_says_which_model_is_missing(files: Files, tmp_path: Path) -> None:
    config = loads('cameras: {c: {source: "scene:"}}\nmodels: {faces: {path: zoo:gone}}')
    with pytest.raises(ModelError, match=r"^model faces: http://127.0.0.1:\d+/gone.onnx: there is no such file"):
        with_local_models(config, tmp_path / "cache")


def test_at_a_terminal(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    pull(["yolox"], tmp_path / "cache", everything=False)
    show(tmp_path / "cache", as_json=False)
    written = capsys.readouterr()
    assert "yolox" in written.err
    assert "name" in written.out
    assert "other" in written.out


def test_what_downloads_is_imported_where_something_is_to_be_downloaded() -> None:
    code = """
import subprocess
import sys
from edge_daemon.cli import run
from edge_daemon.config.load import loads
run.with_local_models(loads(run.DEMO))
print([name for name in sys.modules if name in ("edge_daemon.zoo.transfer", "urllib.request")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "[]\n"
