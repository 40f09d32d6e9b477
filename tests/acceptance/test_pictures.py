"""The plain pictures that people see: which frames, in which sizes, of whom, and of a camera that is away."""

import io
import json
import re
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from edge_daemon.tokens import digest, new_token
from tests.acceptance.harness import START_S, Daemon, free_port, listens, running
from tests.http_camera import HttpCamera, jpeg, serving
from tests.onnx_models import colour_model
from tests.waiting import eventually

GREYS = [jpeg(value, 640, 360) for value in (60, 120, 180)]


class Site:
    def __init__(self, daemon: Daemon, port: int) -> None:
        self.daemon, self.port, self.url = daemon, port, f"http://127.0.0.1:{port}"

    def get(self, path: str, **query: Any) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", params=query, timeout=START_S)

    def camera(self, name: str = "c") -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/api/cameras/{name}").json()
        return found

    @contextmanager
    def look(self, link: socket.socket | None = None, **wish: int | None) -> Iterator[ClientConnection]:
        with connect(f"ws://127.0.0.1:{self.port}/api/pictures", max_queue=1, sock=link) as viewer:
            viewer.send(json.dumps({"cameras": wish}))
            yield viewer

    def refuses(self, path: str = "/api/pictures", **headers: str) -> bool:
        address = f"ws://127.0.0.1:{self.port}{path}"
        with pytest.raises(InvalidStatus, match="403"), connect(address, additional_headers=headers):
            pass
        return True


@contextmanager
def site(folder: Path, cameras: str, web: str = "", model: str = "") -> Iterator[Site]:
    port = free_port()
    config = f"cameras: {{{cameras}}}\nmodels: {{m: {{path: {model or colour_model(folder / 'm.onnx')}}}}}\n"
    with running(folder, config + f"web: {{listen: '127.0.0.1:{port}'{web}}}\n") as daemon:
        eventually(lambda: "processes are up" in daemon.log and listens(port), 2 * START_S, what="the web")
        yield Site(daemon, port)
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.log


def received(viewer: ClientConnection) -> tuple[dict[str, Any], Image.Image]:
    """The next picture."""
    message = viewer.recv(timeout=START_S)
    assert isinstance(message, bytes)
    (length,) = struct.unpack(">I", message[:4])
    picture = Image.open(io.BytesIO(message[4 + length :]))
    header = json.loads(message[4 : 4 + length])
    assert picture.size == (header["width"], header["height"])
    return header, picture


def until_silent(viewer: ClientConnection, timeout_s: float) -> None:
    while True:
        viewer.recv(timeout=timeout_s)


def test_pictures_are_those_that_results_are_about_and_nothing_is_drawn_into_them(tmp_path: Path) -> None:
    with serving(HttpCamera(GREYS, pause_s=0.05)) as camera, site(tmp_path, f"c: {{source: '{camera.url()}'}}") as box:
        eventually(box.daemon.lines, START_S, what="results")
        with box.look(c=300) as viewer:
            seen = [received(viewer) for _ in range(12)]
        looked_at = {(head["epoch"], head["seq"]) for head, _ in seen if head["looked_at"]}
        assert len(looked_at) >= 10
        assert eventually(
            lambda: looked_at <= {(result["epoch"], result["seq"]) for result in box.daemon.lines()}, START_S
        )
        for head, picture in seen:
            assert list(head) == ["camera", "epoch", "seq", "width", "height", "captured_at", "time_s", "looked_at"]
            assert picture.size == (320, 180)
            assert np.asarray(picture).astype(int).std() < 1, "one grey, without a box"
        annotated = Image.open(io.BytesIO(box.get("/api/cameras/c/frame.jpg").content))
        assert np.asarray(annotated).astype(int).std() > 1, "with a box"
        seqs = [head["seq"] for head, _ in seen]
        assert seqs == sorted(set(seqs))


def test_the_size_is_the_nearest_and_never_larger_than_the_cameras_own(tmp_path: Path) -> None:
    with site(tmp_path, "c: {source: 'scene:?fps=10&size=640x360'}") as box:
        eventually(lambda: box.get("/api/cameras/c/picture.jpg").status_code == 200, START_S, what="a picture")
        for asked, width in ((1, 160), (200, 160), (300, 320), (640, 640), (5000, 640), (None, 640)):
            answer = box.get("/api/cameras/c/picture.jpg", **({"width": asked} if asked else {}))
            assert Image.open(io.BytesIO(answer.content)).size == (width, width * 9 // 16)
            assert re.fullmatch(r"\d{10}", answer.headers["edge-epoch"])
            assert re.fullmatch(r"\d{4}-.*Z", answer.headers["edge-captured-at"])
            assert float(answer.headers["edge-time"]) > 0
            assert answer.headers["edge-seq"].isdecimal()
        with box.look(c=320) as viewer:
            assert received(viewer)[1].width == 320
            viewer.send('{"cameras": {"c": null}}')
            eventually(lambda: received(viewer)[1].width == 640, START_S)
            viewer.send("{}")
            with pytest.raises(TimeoutError):
                until_silent(viewer, 2)


def test_a_camera_at_which_no_model_looks_is_seen_all_the_same(tmp_path: Path) -> None:
    with site(tmp_path, "c: {source: 'scene:?fps=10&size=320x180', fps: 0.05}") as box:
        eventually(box.daemon.lines, START_S, what="the one result")
        with box.look(c=None) as viewer:
            seen = [received(viewer)[0] for _ in range(5)]
        assert not any(head["looked_at"] for head in seen[1:])
        gaps = np.diff([head["time_s"] for head in seen[1:]])
        assert 0.2 < gaps.mean() < 1.5, gaps


def test_of_a_camera_that_is_down_there_is_the_last_picture_and_what_to_do(tmp_path: Path) -> None:
    with serving(HttpCamera(GREYS)) as camera, site(tmp_path, f"c: {{source: '{camera.url()}'}}") as box:
        eventually(box.daemon.lines, START_S, what="results")
        assert eventually(lambda: "reason" not in box.camera() and box.camera()["state"] == "up", START_S)
        camera.status = 404
        camera.gone.set()
        down = eventually(lambda: (now := box.camera())["state"].startswith("down (not found)") and now, START_S)
        assert down["reason"] == "not found"
        assert down["hint"] == ("The camera answers, but has no stream at this path. Look the path up in its manual.")
        since = down["since"]
        assert eventually(lambda: box.camera()["tries"] >= 2, START_S)
        assert 0 < float(eventually(lambda: box.camera().get("next_try_s"), START_S) or 0) <= 40
        assert box.camera()["since"] == since, "it is down since then, however often it is tried"
        last = box.get("/api/cameras/c/picture.jpg", width=320)
        assert last.status_code == 200
        assert last.headers["edge-captured-at"] < since
        with box.look(c=640) as viewer:
            head, picture = received(viewer)
        assert (str(head["seq"]), picture.width) == (last.headers["edge-seq"], 640)
        box.daemon.kill("capture c")
        again = box.get("/api/cameras/c/picture.jpg", width=320)
        assert again.headers["edge-seq"] == last.headers["edge-seq"], "its process is gone, and the web still has it"


@pytest.mark.long
def test_who_reads_slowly_gets_the_newest_and_nobody_waits(tmp_path: Path) -> None:
    with site(tmp_path, "c: {source: 'scene:?fps=20&size=1280x720'}") as box:
        eventually(box.daemon.lines, START_S, what="results")
        link = socket.create_connection(("127.0.0.1", box.port))
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        with box.look(link, c=None) as slow, box.look(c=None) as quick:
            first, _ = received(slow)
            until, seen = time.monotonic() + 6, 0
            while time.monotonic() < until:
                newest = received(quick)[0]["seq"]
                seen += 1
            assert seen > 30
            last, some = first["seq"], 0
            while last < newest:  # what is under way, and then the newest
                last, some = received(slow)[0]["seq"], some + 1
            assert some < seen - 10, (some, seen)
            assert box.get("/healthz").json() == {"healthy": True, "troubles": []}


def test_wrong_names_and_messages_are_answered(tmp_path: Path) -> None:
    with site(tmp_path, "walk: {source: 'scene:?fps=10&size=160x120'}") as box:
        with box.look(wlak=320, walk=320) as viewer:
            found = json.loads(viewer.recv(timeout=START_S))
            assert found == {"error": "there is no camera wlak; did you mean walk? There is walk"}
            assert received(viewer)[0]["camera"] == "walk", "the others are shown"
            viewer.send('{"cameras": ["walk"]}')
            with pytest.raises(ConnectionClosedError, match="1008"):
                until_silent(viewer, START_S)
        with box.look() as viewer:
            viewer.send(b"\0")
            with pytest.raises(ConnectionClosedError, match="1003"):
                viewer.recv(timeout=START_S)
        assert box.get("/api/cameras/wlak/picture.jpg").status_code == 404
        assert box.get("/api/cameras/walk/picture.jpg", wdith=3).json() == {
            "detail": "there is no parameter wdith; did you mean width? There is width"
        }
        assert box.get("/api/pictures").status_code == 426
        assert box.refuses("/api/status")
        assert box.refuses("/nothing")


def test_a_token_is_asked_for_and_pages_elsewhere_get_nothing(tmp_path: Path) -> None:
    token = new_token()
    tokens = f", tokens: {{office: '{digest(token)}'}}"
    with site(tmp_path, "c: {source: 'scene:?fps=10&size=160x120'}", tokens) as box:
        bearer = {"Authorization": f"Bearer {token}"}
        eventually(lambda: httpx.get(f"{box.url}/api/me", headers=bearer).status_code == 200, START_S)
        session = httpx.post(f"{box.url}/api/login", json={"token": token}).headers["set-cookie"].partition(";")[0]
        good = [bearer, {"Cookie": session, "Origin": box.url}]
        bad: list[dict[str, str]] = [
            {},
            {"Authorization": "Bearer x"},
            {"Cookie": session, "Origin": "http://evil.example"},
        ]
        for headers in good:
            with connect(f"ws://127.0.0.1:{box.port}/api/pictures", additional_headers=headers) as viewer:
                viewer.send('{"cameras": {"c": 160}}')
                assert received(viewer)[0]["camera"] == "c"
        for headers in bad:
            assert box.refuses(**headers)
