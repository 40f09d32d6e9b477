"""Live cameras: newest first, accounted for, back after an outage."""

import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.harness import START_S, Listener, accounts, balanced, free_port, running
from tests.http_camera import HttpCamera, jpeg, serving
from tests.onnx_models import colour_model, slow_model
from tests.rtsp import RtspServer
from tests.waiting import eventually

SERVICE_MS = 40


def test_a_camera_that_is_too_fast_is_accounted_for_and_stays_live(tmp_path: Path) -> None:
    config = f"""
cameras: {{street: {{source: "scene:?fps=75&size=320x180"}}}}
models: {{m: {{path: {slow_model(tmp_path / "m.onnx", SERVICE_MS)}}}}}
"""
    with running(tmp_path, config) as daemon, Listener(daemon.address, "") as listener:
        headers = listener.until(lambda h: h["type"] == "status" and h["cameras"]["street"]["models"]["m"]["fps"] > 1)
        for _ in range(3):
            headers += listener.until(lambda h: h["type"] == "status")
        assert daemon.stop() == 0
        headers += listener.until(
            lambda h: h["type"] == "status" and not h["cameras"]["street"]["models"]["m"]["in_flight"]
        )
    statuses = [header for header in headers if header["type"] == "status"]
    assert max(balanced(status) for status in statuses) <= 8
    results = [header for header in headers if header["type"] == "result"]
    accounts(results)
    assert sum(sum(result["dropped"].values()) for result in results) > len(results), "more were replaced than served"
    served = [sum(r["timing_ms"][stage] for stage in ("decode", "preprocess", "infer", "postprocess")) for r in results]
    assert statistics.median(r["timing_ms"]["total"] for r in results) < 2 * statistics.median(served)
    last = statuses[-1]["cameras"]["street"]["models"]["m"]
    assert last["captured"] == last["delivered"] + sum(last["dropped"].values())


@pytest.mark.long
def test_weights_share_a_worker_that_is_too_slow(tmp_path: Path) -> None:
    config = f"""
cameras:
  heavy: {{source: "scene:?fps=60&size=160x96", weight: 3}}
  light: {{source: "scene:?fps=90&size=320x180"}}
models: {{m: {{path: {slow_model(tmp_path / "m.onnx", 25)}}}}}
"""
    with running(tmp_path, config) as daemon:
        eventually(lambda: len(daemon.lines()) >= 160, 60, what="160 results")
        assert daemon.stop() == 0
    cameras = [result["camera"] for result in daemon.lines()][20:160]
    assert cameras.count("heavy") / len(cameras) == pytest.approx(0.75, abs=0.05)


def test_a_subscriber_that_does_not_read_slows_nobody(tmp_path: Path) -> None:
    config = f"""
cameras: {{street: {{source: "scene:?fps=30&size=640x360"}}}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}}}}}
"""
    with (
        running(tmp_path, config) as daemon,
        Listener(daemon.address, "frame/"),
        Listener(daemon.address, "") as reader,
    ):
        reader.until(lambda header: header["type"] == "frame")
        headers = reader.until(lambda header: header["type"] == "result" and header["seq"] > 150)
        results = [header for header in headers if header["type"] == "result"]
        accounts(results)
        assert statistics.median(result["timing_ms"]["total"] for result in results) < 100
        assert daemon.stop() == 0


def test_an_rtsp_camera_that_goes_away_and_comes_back(
    tmp_path: Path, start_rtsp: Callable[[RtspServer], RtspServer]
) -> None:
    server = start_rtsp(RtspServer(user="viewer", password="s3cret"))
    config = f"""
cameras:
  door: {{source: "{server.url}"}}
  nobody: {{source: "rtsp://127.0.0.1:{free_port()}/x"}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}}}}}
"""
    with running(tmp_path, config) as daemon, Listener(daemon.address, "status/") as listener:
        listener.until(lambda s: s["cameras"]["door"]["models"]["m"]["delivered"] > 5)
        server.kill()
        status = listener.until(lambda s: s["cameras"]["door"]["state"].startswith("down"), 40)[-1]
        assert status["cameras"]["nobody"]["state"].startswith("down")
        delivered = status["cameras"]["door"]["models"]["m"]["delivered"]
        server.start()
        listener.until(lambda s: s["cameras"]["door"]["models"]["m"]["delivered"] > delivered + 5, 40)
        assert daemon.stop() == 0
    assert "s3cret" not in daemon.log
    accounts(daemon.lines())


def test_an_mjpeg_camera(tmp_path: Path) -> None:
    """Its own JPEGs reach the worker; every frame's pixels are decoded there, and only there."""
    with serving(HttpCamera([jpeg(90), jpeg(91)])) as camera:
        model = colour_model(tmp_path / "m.onnx")
        with running(tmp_path, None, "--source", camera.url(), "--model", str(model)) as daemon:
            eventually(lambda: len(daemon.lines()) > 5, START_S, what="results")
            assert daemon.stop() == 0
        assert {(result["width"], result["height"]) for result in daemon.lines()} == {(160, 120)}
        assert all(result["timing_ms"]["decode"] > 0 for result in daemon.lines())
