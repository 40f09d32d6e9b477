"""Cameras that come and go, on real RTSP servers."""

import re
import shutil
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.acceptance.harness import Daemon, Listener, accounts, clip, free_port, running
from tests.http_camera import jpeg
from tests.http_files import Files, serving
from tests.network import RIGHTS, Network
from tests.onnx_models import colour_model
from tests.rtsp import RtspServer
from tests.waiting import eventually

Start = Callable[[RtspServer], RtspServer]
PATIENT_S = 40.0
RESTARTS = 10
BACK_S = 3.0
"""How soon a camera that is back is seen again."""


def config(folder: Path, **cameras: str) -> str:
    lines = "".join(f"  {name}: {settings}\n" for name, settings in cameras.items())
    return f"cameras:\n{lines}models: {{m: {{path: {colour_model(folder / 'm.onnx')}}}}}\n"


def state(status: dict[str, Any], camera: str = "door") -> str:
    return str(status["cameras"][camera]["state"])


def delivered(status: dict[str, Any], camera: str = "door") -> int:
    return int(status["cameras"][camera]["models"]["m"]["delivered"])


def footprint(daemon: Daemon, title: str) -> tuple[int, int]:
    """Open files and threads of a process."""
    process = daemon.processes()[title]
    return process.num_fds(), process.num_threads()


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_both_transports(tmp_path: Path, start_rtsp: Start, transport: str) -> None:
    server = start_rtsp(RtspServer())
    told = config(tmp_path, door=f'{{source: "{server.url}", transport: {transport}}}')
    with running(tmp_path, told) as daemon, Listener(daemon.address, "status/") as listener:
        status = listener.until(lambda s: delivered(s) > 10 and state(s) == "up", PATIENT_S)[-1]
        assert status["cameras"]["door"]["width"] == 640
        assert "h264" in status["cameras"]["door"]["about"].lower()
        assert daemon.stop() == 0


def test_a_wrong_password_is_said_plainly_and_no_password_is_told_to_anybody(tmp_path: Path, start_rtsp: Start) -> None:
    server = start_rtsp(RtspServer(user="viewer", password="s3cret"))
    told = config(
        tmp_path,
        right=f'{{source: "{server.url}"}}',
        wrong=f'{{source: "{server.url.replace("s3cret", "gu3ss")}"}}',
        gone=f'{{source: "rtsp://viewer:gu3ss@127.0.0.1:{free_port()}/x"}}',
    )
    wanted = {"right": "up", "wrong": "down (unauthorised)", "gone": "down (refused)"}
    with running(tmp_path, told) as daemon, Listener(daemon.address, "") as listener:
        heard = listener.until(
            lambda s: s["type"] == "status" and all(state(s, camera) == named for camera, named in wanted.items()),
            PATIENT_S,
        )
        daemon.kill("capture right")
        heard += listener.until(lambda s: s["type"] == "status" and state(s, "right") == "up", PATIENT_S)
        lines = [" ".join(process.cmdline()) for process in daemon.processes().values()]
        lines += [str(process.environ()) for process in daemon.processes().values()]
        refused = daemon.reload(told.replace("right:", "right: {}\n  right:"))
        assert refused.returncode == 2
        assert daemon.stop() == 0
    told_to_all = [daemon.log, str(heard), refused.stderr, daemon.results.read_text(), *lines]
    assert not [text for text in told_to_all if re.search("s3cret|gu3ss", text)]
    assert len(re.findall(r"wrong: down \(unauthorised\)", daemon.log)) == 1


def test_a_camera_that_restarts_again_and_again_is_soon_back(tmp_path: Path, start_rtsp: Start) -> None:
    server = start_rtsp(RtspServer())
    with (
        running(tmp_path, config(tmp_path, door=f'{{source: "{server.url}"}}')) as daemon,
        Listener(daemon.address, "result/") as listener,
    ):
        listener.until(lambda result: result["seq"] > 5, PATIENT_S)
        pid = daemon.processes()["capture door"].pid
        marks = []
        for _ in range(RESTARTS):
            server.kill()
            server.start()
            began = time.monotonic()
            stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            listener.until(lambda result, stamp=stamp: result["captured_at"] > stamp, PATIENT_S)  # type: ignore[misc]
            assert time.monotonic() - began < BACK_S
            marks.append(footprint(daemon, "capture door"))
        assert daemon.processes()["capture door"].pid == pid
        assert daemon.stop() == 0
    files, threads = zip(*marks, strict=True)
    assert max(files) - min(files) < RESTARTS / 2, f"open files of the capture: {files}"
    assert max(threads) - min(threads) < RESTARTS / 2, f"threads of the capture: {threads}"
    accounts(daemon.lines())


def test_a_camera_that_hangs_is_stalled_then_down_then_back(tmp_path: Path, start_rtsp: Start) -> None:
    server = start_rtsp(RtspServer())
    told = config(tmp_path, door=f'{{source: "{server.url}", read_timeout: 4s, open_timeout: 4s}}')
    with running(tmp_path, told) as daemon, Listener(daemon.address, "status/") as listener:
        listener.until(lambda s: delivered(s) > 5, PATIENT_S)
        server.pause()
        listener.until(lambda s: state(s) == "stalled", PATIENT_S)
        before = delivered(listener.until(lambda s: state(s) == "down (timeout)", PATIENT_S)[-1])
        server.resume()
        listener.until(lambda s: state(s) == "up" and delivered(s) > before + 5, PATIENT_S)
        assert daemon.stop() == 0
    accounts(daemon.lines())


@pytest.mark.skipif(not RIGHTS, reason="needs root, and leave to make a network")
def test_a_cable_that_is_pulled_and_plugged_in_again(tmp_path: Path, start_rtsp: Start) -> None:
    network = Network()
    try:
        server = start_rtsp(RtspServer(inside=network.inside))
        told = config(tmp_path, door=f'{{source: "{server.url}", read_timeout: 3s, open_timeout: 3s}}')
        told += f"publish: {{bind: ['ipc://{tmp_path}/published']}}\n"
        with (
            running(tmp_path, told, publish=False, inside=network.inside) as daemon,
            Listener(f"ipc://{tmp_path}/published", "status/") as listener,
        ):
            listener.until(lambda s: delivered(s) > 5, PATIENT_S)
            network.cut()
            before = delivered(listener.until(lambda s: state(s).startswith("down"), PATIENT_S)[-1])
            network.mend()
            listener.until(lambda s: state(s) == "up" and delivered(s) > before + 5, PATIENT_S)
            assert daemon.stop() == 0
        server.kill()
    finally:
        network.close()
    accounts(daemon.lines())


def test_the_size_may_change_between_two_starts(tmp_path: Path, start_rtsp: Start) -> None:
    first = start_rtsp(RtspServer())
    with (
        running(tmp_path, config(tmp_path, door=f'{{source: "{first.url}"}}')) as daemon,
        Listener(daemon.address, "result/") as listener,
    ):
        listener.until(lambda result: (result["width"], result["height"]) == (640, 360), PATIENT_S)
        first.kill()
        other = RtspServer("--size", "320x240")
        other.port = first.port
        start_rtsp(other)
        listener.until(lambda result: (result["width"], result["height"]) == (320, 240), PATIENT_S)
        assert daemon.stop() == 0
    assert "pictures are 320x240 now" in daemon.log


def test_a_capture_that_crashes_costs_its_own_camera_only(tmp_path: Path, start_rtsp: Start) -> None:
    server = start_rtsp(RtspServer())
    told = config(tmp_path, door=f'{{source: "{server.url}"}}', yard=f'{{source: "{server.url}"}}')
    with running(tmp_path, told) as daemon, Listener(daemon.address, "status/") as listener:
        listener.until(lambda s: min(delivered(s), delivered(s, "yard")) > 5, PATIENT_S)
        others = {title: process.pid for title, process in daemon.processes().items() if title != "capture door"}
        for _ in range(4):  # then it is down for two seconds, and that is told every second
            victim = eventually(lambda: [p for t, p in daemon.processes().items() if t == "capture door"], PATIENT_S)[0]
            victim.send_signal(signal.SIGABRT)
            psutil.wait_procs([victim], PATIENT_S)
        status = listener.until(lambda s: state(s) == "down (ended by SIGABRT)", PATIENT_S)[-1]
        assert state(status, "yard") == "up"
        yard = delivered(status, "yard")
        listener.until(lambda s: state(s) == "up" and delivered(s, "yard") > yard, PATIENT_S)
        assert {title: p.pid for title, p in daemon.processes().items() if title != "capture door"} == others
        assert daemon.stop() == 0


def test_dead_cameras_are_named(tmp_path: Path, start_rtsp: Start) -> None:
    server = start_rtsp(RtspServer())
    told = config(
        tmp_path,
        door=f'{{source: "{server.url}"}}',
        nobody=f'{{source: "rtsp://127.0.0.1:{free_port()}/x"}}',
        elsewhere=f'{{source: "{server.url}x"}}',
        webcam="{source: /dev/video99}",
    )
    wanted = {"nobody": "down (refused)", "elsewhere": "down (not found)", "webcam": "down (not found)", "door": "up"}
    with running(tmp_path, told) as daemon, Listener(daemon.address, "status/") as listener:
        listener.until(lambda s: all(state(s, camera) == named for camera, named in wanted.items()), PATIENT_S)
        assert daemon.stop() == 0


def test_a_folder_that_grows_is_a_camera(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    told = config(tmp_path, door=f'{{source: "{folder}/", delivery: live}}')
    with (
        running(tmp_path, told) as daemon,
        Listener(daemon.address, "status/") as statuses,
        Listener(daemon.address, "result/") as results,
    ):
        statuses.until(lambda s: state(s) == "down (not found)", PATIENT_S)
        folder.mkdir()
        statuses.until(lambda s: state(s) == "up", PATIENT_S)
        (folder / "0.jpg").write_bytes(jpeg(100, 160))
        results.until(lambda r: r["width"] == 160, PATIENT_S)
        shutil.rmtree(folder)
        statuses.until(lambda s: state(s) == "down (not found)", PATIENT_S)
        folder.mkdir()
        (folder / "1.jpg").write_bytes(jpeg(100, 176))
        results.until(lambda r: r["width"] == 176, PATIENT_S)
        assert daemon.stop() == 0
    accounts(daemon.lines())
    assert len(daemon.lines()) == 2


def test_hls_is_shown_at_its_own_speed_though_it_comes_in_pieces(tmp_path: Path) -> None:
    pieces = [clip(tmp_path / f"{number}.ts", 50) for number in range(2)]
    files = Files({f"/{piece.name}": piece.read_bytes() for piece in pieces})
    listed = "".join(f"#EXTINF:2.0,\n{piece.name}\n" for piece in pieces)
    files.contents["/live.m3u8"] = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n{listed}#EXT-X-ENDLIST\n".encode()
    with serving(files):
        told = config(tmp_path, door=f'{{source: "{files.url("/live.m3u8")}"}}')
        with running(tmp_path, told) as daemon, Listener(daemon.address, "status/") as listener:
            status = listener.until(lambda s: state(s) == "down (ended)", PATIENT_S)[-1]
            assert "320x240" in status["cameras"]["door"]["about"]
            assert daemon.stop() == 0
    first = [line for line in daemon.lines() if line["seq"] < 100]
    took = datetime.fromisoformat(first[-1]["captured_at"]) - datetime.fromisoformat(first[0]["captured_at"])
    assert 3.5 < took.total_seconds() < 6, "four seconds of frames"
    assert len(first) > 60, "and not only the last of each piece"
