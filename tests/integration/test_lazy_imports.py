"""Processes import what they need, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from edge_daemon.supervisor.kinds import KINDS
from tests.acceptance.harness import clip

DECODERS = ("cv2", "av", "onnxruntime", "PIL")


def imported(code: str) -> set[str]:
    """Names of the modules that there are once Python has run `code`, and of the packages they are in."""
    code += "\nimport sys; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.splitlines())


def test_what_all_processes_share_has_no_renderer_no_pydantic_and_no_web() -> None:
    modules = imported("\n".join(f"import {kind.module}" for kind in KINDS if kind.preloaded))
    assert set(DECODERS) <= modules
    assert not {"edge_daemon.demo", "pydantic", "yaml", "fastapi", "rich", "typer"} & modules


@pytest.mark.parametrize("shows_the_demo", [True, False])
def test_only_a_camera_that_shows_the_generated_street_imports_it(tmp_path: Path, shows_the_demo: bool) -> None:
    source = "scene:?size=320x180" if shows_the_demo else str(clip(tmp_path / "clip.mp4", 2))
    modules = imported(
        "from edge_daemon.capture import process\n"
        "from edge_daemon.capture.source import open_source\n"
        f"assert open_source({source!r}).read()"
    )
    assert ("edge_daemon.demo.scene.scene" in modules) == shows_the_demo
    assert ("edge_daemon.demo" in modules) == shows_the_demo


def test_a_configuration_with_a_scene_is_checked_without_the_renderer() -> None:
    text = "cameras: {c: {source: 'scene:?size=320x180'}}\nmodels: {m: {path: 'builtin:person'}}\n"
    modules = imported(
        "from edge_daemon.cli.check import faults\n"
        "from edge_daemon.config.load import loads\n"
        f"assert not list(faults(loads({text!r})))"
    )
    assert "edge_daemon.demo.scene.options" in modules
    assert not {"edge_daemon.demo.scene.scene", *DECODERS} & modules


@pytest.mark.parametrize("command", ["edge_daemon.cli.inspect", "edge_daemon.cli.probe", "edge_daemon.bench.team"])
def test_what_may_crash_is_imported_only_by_the_process_of_its_own(command: str) -> None:
    assert not set(DECODERS) & imported(f"import {command}")


def test_only_a_worker_whose_model_is_elsewhere_imports_what_asks_servers() -> None:
    local = imported("import edge_daemon.worker.process, edge_daemon.models.description")
    assert not {"edge_daemon.models.remote", "http.client", "grpc"} & local
    over_http = imported("import edge_daemon.worker.remote")
    assert "edge_daemon.models.remote" in over_http
    assert "grpc" not in over_http
    assert "grpc" not in imported("import edge_daemon.web.process")


@pytest.mark.parametrize(("kind", "library"), [("mqtt", "paho"), ("nats", "nats"), ("kafka", "confluent_kafka")])
def test_only_bridges_to_a_broker_import_its_client(kind: str, library: str) -> None:
    assert library not in imported("import edge_daemon.bridge.process, edge_daemon.bridge.webhook")
    assert library in imported(f"import edge_daemon.bridge.{kind}")
