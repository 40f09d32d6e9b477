"""When frames were captured, as results say it: by the camera's clock, and by the position in a file."""

import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tests.acceptance.harness import START_S, Listener, accounts, running
from tests.onnx_models import colour_model, slow_model
from tests.rtsp import RtspServer
from tests.video_files import B_FRAMES, write_video
from tests.waiting import eventually

Start = Callable[[RtspServer], RtspServer]
PATIENT_S = 40.0
FPS = 25


def wall(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.long
def test_a_file_s_times_are_positions_whoever_is_killed(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", 300, options=B_FRAMES)
    config = f"""
cameras: {{clip: {{source: {video}}}}}
models: {{m: {{path: {slow_model(tmp_path / "m.onnx", 10)}, workers: 2}}}}
"""
    with running(tmp_path, config) as daemon:
        for _ in range(2):
            seen = len(daemon.lines())
            eventually(lambda seen=seen: len(daemon.lines()) > seen + 20, START_S, what="more results")  # type: ignore[misc]
            daemon.kill("capture clip")
        assert daemon.finish() == 0
    results = daemon.lines()
    assert [result["seq"] for result in results] == list(range(300))
    assert [result["time_s"] for result in results] == pytest.approx([index / FPS for index in range(300)], abs=1e-6)
    (epoch,) = {result["epoch"] for result in results}
    assert all(wall(result["captured_at"]) == pytest.approx(epoch + result["time_s"], abs=1e-5) for result in results)
    assert all(0 < result["timing_ms"]["total"] < 1e3 * START_S for result in results), "since it was read"


@pytest.mark.parametrize(("bframes", "lag_s"), [(0, 0.0), (3, 0.2)])
def test_a_camera_s_times_are_those_of_its_own_clock(
    tmp_path: Path, start_rtsp: Start, bframes: int, lag_s: float
) -> None:
    """However its frames are reordered and however loaded this machine is, they are as far apart as the camera took
    them; what reordering costs is latency.
    """
    server = start_rtsp(RtspServer("--fps", str(FPS), "--bframes", str(bframes)))
    config = f"""
cameras: {{door: {{source: "{server.url}", max_age: 10s}}}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}}}}}
"""
    with running(tmp_path, config) as daemon, Listener(daemon.address, "frame/") as watching:
        header = watching.until(lambda frame: frame["time_s"] > 6, PATIENT_S)[-1]
        now_s = datetime.now(UTC).timestamp()
        assert daemon.stop() == 0
    results = daemon.lines()
    accounts(results)
    assert {result["time_s"] for result in results} >= {header["time_s"]}
    assert now_s - PATIENT_S < wall(header["captured_at"]) < now_s - lag_s
    assert not any("stale" in result["dropped"] for result in results if result["time_s"] > 1)
    steady = [result for result in results if result["time_s"] > 3]
    for earlier, later in pairwise(steady):
        frames = later["seq"] - earlier["seq"]
        assert later["time_s"] - earlier["time_s"] == pytest.approx(frames / FPS, abs=0.005)
        captured_s = wall(later["captured_at"]) - wall(earlier["captured_at"])
        assert captured_s == pytest.approx(later["time_s"] - earlier["time_s"], abs=0.002)
    assert statistics.median(result["timing_ms"]["total"] for result in steady) > 1e3 * lag_s


def test_a_slow_camera_that_reorders_is_late_and_not_stale(tmp_path: Path, start_rtsp: Start) -> None:
    """Five frames a second, three of four decoded after the next: each comes 600 ms after it was captured at best."""
    server = start_rtsp(RtspServer("--fps", "5", "--bframes", "3"))
    config = f"""
cameras: {{door: {{source: "{server.url}", max_age: 300ms}}}}
models: {{m: {{path: {colour_model(tmp_path / "m.onnx")}}}}}
"""
    with running(tmp_path, config) as daemon, Listener(daemon.address, "result/") as listener:
        results = listener.until(lambda result: result["time_s"] > 8, PATIENT_S)
        assert daemon.stop() == 0
    later = [result for result in results if result["time_s"] > 3]
    assert len(later) >= 20
    assert not any(result["dropped"] for result in later)
    assert statistics.median(result["timing_ms"]["total"] for result in later) > 500
