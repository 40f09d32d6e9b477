"""The processes that a configuration calls for."""

from pathlib import Path

import pytest

from edge_daemon.config.load import loads
from edge_daemon.settings import CaptureSettings, SinkSettings, WorkerSettings
from edge_daemon.supervisor.plan import plan

CONFIG = """
cameras:
  door: {source: "rtsp://10.0.0.4/s", models: [person], fps: 5, weight: 2}
  tape: {source: clip.mp4}
models:
  person: {path: builtin:person, workers: 2}
  face: {path: face.onnx, threads: 3}
  unused: {path: unused.onnx}
publish: {wait_for: 3}
web: {enabled: false}
"""


def test_the_processes_that_a_configuration_calls_for() -> None:
    text = CONFIG.replace("{source: clip.mp4}", "{source: clip.mp4, models: [person, face]}")
    specs = plan(loads(text), Path("/run/x"))
    assert [(spec.role, spec.name, spec.awaited) for spec in specs] == [
        ("sink", "sink", True),
        ("dispatcher", "dispatcher", True),
        ("worker", "person-0", True),
        ("worker", "person-1", True),
        ("worker", "face-0", True),
        ("capture", "door", False),
        ("capture", "tape", True),
    ]
    settings = {spec.name: spec.settings for spec in specs}
    door, tape, sink, face = settings["door"], settings["tape"], settings["sink"], settings["face-0"]
    assert isinstance(door, CaptureSettings)
    assert isinstance(tape, CaptureSettings)
    assert isinstance(sink, SinkSettings)
    assert isinstance(face, WorkerSettings)
    assert (door.delivery, tape.delivery, door.fps) == ("live", "lossless", 5)
    assert face.model.threads == 3
    assert sink.wait_for == 0, "only a run over files waits for subscribers"
    assert sink.cameras["door"].weight == 2
    inboxes = [spec.settings.inbox for spec in specs if isinstance(spec.settings, WorkerSettings)]
    assert len(set(inboxes)) == len(inboxes)


@pytest.mark.parametrize(
    ("source", "web", "served"),
    [
        ("'scene:'", "", True),
        ("'scene:'", "web: {enabled: false}", False),
        ("clip.mp4", "", False),
        ("clip.mp4", "web: {}", True),
        ("clip.mp4, loop: true", "", True),
    ],
)
def test_the_web_is_there_for_cameras_and_for_files_if_it_is_mentioned(source: str, web: str, served: bool) -> None:
    text = f"cameras: {{c: {{source: {source}}}}}\nmodels: {{m: {{path: builtin:person}}}}\n{web}\n"
    assert [spec.name for spec in plan(loads(text), Path("/run/x")) if spec.role == "web"] == ["web"] * served


def test_a_run_over_files_waits_for_its_subscribers() -> None:
    text = "cameras: {t: {source: t.mp4}, s: {source: 'scene:?frames=3'}}\nmodels: {m: {path: m.onnx}}\n"
    (sink, *_) = plan(loads(text + "publish: {wait_for: 3}\n"), Path("/run/x"))
    assert isinstance(sink.settings, SinkSettings)
    assert sink.settings.wait_for == 3


def test_a_file_in_a_loop_is_a_camera_and_not_read_to_its_end() -> None:
    text = "cameras: {t: {source: t.mp4, loop: true}}\nmodels: {m: {path: m.onnx}}\npublish: {wait_for: 3}\n"
    specs = plan(loads(text), Path("/run/x"))
    (capture,) = (spec.settings for spec in specs if isinstance(spec.settings, CaptureSettings))
    assert (capture.delivery, capture.opening.loop) == ("live", True)
    assert isinstance(sink := specs[0].settings, SinkSettings)
    assert (sink.wait_for, sink.replaced) == (0, None)
