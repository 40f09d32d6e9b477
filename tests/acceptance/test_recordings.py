"""A daemon that records all the time, whose recorder and capture are killed meanwhile."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest

from edge_daemon.tokens import digest, new_token
from tests import burnt
from tests.acceptance.harness import START_S, Daemon, free_port, listens, running
from tests.evidence import FPS, KINDS, street, write
from tests.waiting import eventually

CONFIG = """
cameras: {{street: {{source: '{source}', loop: true, fps: 2, record: {{continuous: true, audio: true}}}}}}
models: {{person: {{path: builtin:person}}}}
storage: {{media: '{media}'}}
web: {{listen: '127.0.0.1:{port}', tokens: {{boss: {{token: '{token}', role: operator}}}}}}
"""
SECONDS, WAIT_S = 60, 60.0
TOKEN = new_token()
BOSS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Daemon, httpx.Client]]:
    (kind,) = [one for one in KINDS if one.sound]
    source, port = write(kind, tmp_path, street(2.0), SECONDS * FPS), free_port()
    config = CONFIG.format(source=source, media=tmp_path / "media", port=port, token=digest(TOKEN))
    with (
        running(tmp_path, config) as daemon,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_S, headers=BOSS) as http,
    ):
        eventually(lambda: "processes are up" in daemon.log and listens(port), 2 * START_S, what="the web")
        yield daemon, http


def recorded(http: httpx.Client, segments: int) -> dict[str, Any]:
    """Wait for that many segments."""

    def found() -> dict[str, Any]:
        answer: dict[str, Any] = http.get("/api/recordings/street").json()
        return answer if len(answer["segments"]) >= segments else {}

    return eventually(found, WAIT_S, what="segments")


def numbers(file: bytes, folder: Path) -> list[int | None]:
    (folder / "part.mp4").write_bytes(file)
    with av.open(str(folder / "part.mp4")) as part:
        assert part.streams.audio[0].codec_context.name == "aac"
        shown = list(part.decode(video=0))
        assert [one.time for one in shown] == pytest.approx([number / FPS for number in range(len(shown))], abs=0.1)
        return [burnt.read(np.asarray(one.to_ndarray(format="bgr24"))) for one in shown]


@pytest.mark.long
def test_deaths_lose_nothing_and_players_find_all(site: tuple[Daemon, httpx.Client], tmp_path: Path) -> None:
    daemon, http = site
    eventually(lambda: list(tmp_path.rglob("*.part")), START_S, what="a segment")
    daemon.kill("recorder")
    found = recorded(http, 2)
    shown: list[int | None] = []
    for one in found["segments"]:
        answer = http.get(f"/api/recordings/street/{one['name']}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
        shown += numbers(answer.content, tmp_path)
    jumps = sum((later or 0) != (number or 0) + 1 for number, later in pairwise(shown))
    assert jumps <= len(found["gaps"]), "frames are missing or there twice, and it does not say so"
    assert len(shown) >= 10 * FPS
    answer = http.get("/api/recordings/street/playlist.m3u8")
    assert answer.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert answer.text.count("#EXTINF") >= len(found["segments"])
    address = f"{http.base_url}/api/recordings/street/playlist.m3u8"
    options = {"allowed_extensions": "ALL", "headers": f"Authorization: {BOSS['Authorization']}\r\n"}
    with av.open(address, options=options) as played:
        assert len([one for one in played.demux(video=0) if one.size]) >= len(shown)
    times = {"from": found["segments"][0]["from"], "to": found["segments"][-1]["to"]}
    buckets = http.get("/api/timeline/street", params={**times, "step": "5s"}).json()
    assert sum(one["recorded_s"] for one in buckets) == pytest.approx(len(shown) / FPS, abs=0.5)
    (whole,) = http.get("/api/recordings").json()
    assert whole["camera"] == "street"
    assert whole["from"] == found["segments"][0]["from"]
    assert http.get("/api/recordings/street/gaps").json() == found["gaps"]
    exported = http.get("/api/recordings/street/export.mp4", params=times)
    assert exported.headers["content-disposition"].startswith("attachment; filename*=UTF-8''street-2")
    assert numbers(exported.content, tmp_path) == shown
    assert http.get("/api/recordings/street/export.mp4", params={"to": "2020-01-01T00:00:00Z"}).status_code == 404
    assert http.get("/api/recordings/street/nothing.mp4").status_code == 404
    assert http.get("/api/recordings/nobody").status_code == 404
    daemon.kill("capture street")
    runs = {one["run"] for one in found["segments"]}
    eventually(lambda: {one["run"] for one in recorded(http, 1)["segments"]} > runs, WAIT_S, what="another run")
    assert daemon.stop() == 0
    assert list(tmp_path.rglob("*.part")) == []
