"""Events, clips and stills of a daemon that runs, whose recorder and sink are killed meanwhile."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from playwright.sync_api import Browser, expect
from pycocotools.coco import COCO  # type: ignore[import-untyped]

from edge_daemon.demo.scene.scene import Scene
from edge_daemon.store.check import check
from edge_daemon.store.entry import seconds_of
from edge_daemon.store.segments import Gap, note_gap
from edge_daemon.store.store import MEDIA
from edge_daemon.tokens import digest, new_token
from tests.acceptance.harness import START_S, Daemon, free_port, running
from tests.acceptance.test_page import PHONE, Visitor, browser, sticking_out, violations
from tests.waiting import eventually

__all__ = ["browser"]
CONFIG = """
cameras:
  street: {{source: '{source}', loop: true, fps: 10, zones: {{walk: {{points: [[0, 0.4], [1, 0.4], [1, 1], [0, 1]]}}}}}}
models: {{person: {{path: builtin:person}}}}
record: {{before: 1s, after: 1s{record}}}
rules: {{visitor: {{appears: walk, cooldown: 1s, per: track}}}}
counts: {{every: 2s}}
web: {{listen: '127.0.0.1:{port}', tokens: {{boss: {{token: '{token}', role: administrator}}}}}}
"""
COPIES = "deliver: {nas: {folder: nas}, log: {files: log.jsonl, send: [events, counts]}}\n"
SECONDS, FPS, WAIT_S = 20, 25, 60.0
TOKEN = new_token()
BOSS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of the generated street with B-frames and a key frame every two seconds."""
    path, scene = tmp_path_factory.mktemp("street") / "street.mp4", Scene(seed=3, width=320, height=180, people=5)
    options = {"x264-params": "bframes=2:keyint=50:scenecut=0", "preset": "ultrafast"}
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=FPS, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for index in range(SECONDS * FPS):
            frame = av.VideoFrame.from_ndarray(scene.frame(index, FPS)[0], "bgr24")
            frame.pts = index
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


@contextmanager
def site(folder: Path, street: Path, more: str = "", record: str = "") -> Iterator[tuple[Daemon, httpx.Client]]:
    port = free_port()
    config = CONFIG.format(source=street, port=port, token=digest(TOKEN), record=record)
    with (
        running(folder, config + more) as daemon,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_S, headers=BOSS) as http,
    ):

        def answers() -> bool:
            try:
                return http.get("/api/events").status_code == 200
            except httpx.TransportError:
                return False

        eventually(answers, START_S, what="the store")
        yield daemon, http


def with_clips(http: httpx.Client, number: int) -> list[dict[str, Any]]:
    """Wait for that many events with clips; the newest first."""

    def found() -> list[dict[str, Any]]:
        events = [one for one in http.get("/api/events").json()["events"] if one["clip"]]
        return events if len(events) >= number else []

    return eventually(found, WAIT_S, what="events with clips")


def frames(data: bytes, folder: Path) -> int:
    """The number of frames in a clip, all of which can be decoded."""
    (folder / "clip.mp4").write_bytes(data)
    with av.open(str(folder / "clip.mp4")) as file:
        return sum(1 for _ in file.decode(video=0))


def test_events_have_clips_and_stills_that_are_served(
    tmp_path: Path, street: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nas").mkdir()
    with site(tmp_path, street, COPIES) as (daemon, http):
        event = with_clips(http, 2)[-1]
        address = f"/api/events/{event['id']}"
        assert http.get(address).json() == event
        assert (event["still"], event["clip"]) == (f"{address}/still.jpg", f"{address}/clip.mp4")
        clip = http.get(event["clip"])
        assert (clip.status_code, clip.headers["content-type"]) == (200, "video/mp4")
        assert len(clip.content) == int(clip.headers["content-length"])
        seconds = frames(clip.content, tmp_path) / FPS
        assert seconds >= 2.0, "the time before and after"
        part = http.get(event["clip"], headers={"Range": "bytes=100-199"})
        assert (part.status_code, part.content) == (206, clip.content[100:200])
        sizes = {kind: len(http.get(event["still"], params={"kind": kind}).content) for kind in ("plain", "annotated")}
        assert min(sizes.values()) > 2000
        assert http.get(event["still"], params={"kind": "small"}).headers["content-type"] == "image/jpeg"
        assert {track["tracker_id"] for track in http.get(f"{address}/track.json").json()} <= {
            track["tracker_id"] for track in event["tracks"]
        }
        assert event["clip_sha256"] == hashlib.sha256(clip.content).hexdigest()
        assert event["still_sha256"] == hashlib.sha256(http.get(event["still"]).content).hexdigest()
        newest = http.get("/api/events", params={"most": 1}).json()
        older = http.get("/api/events", params={"most": 1, "after": newest["after"]}).json()
        assert older["events"][0]["began_at"] <= newest["events"][0]["began_at"]
        assert http.get("/api/events", params={"class": "person", "zone": "walk"}).json()["events"]
        assert http.get("/api/events", params={"class": "unicorn"}).json()["events"] == []
        assert http.get("/api/events", params={"to": "2020-01-01T00:00:00Z"}).json()["events"] == []
        assert http.get("/api/events", params={"from": "yesterday"}).status_code == 422
        counted = http.get("/api/counts", params={"from": event["began_at"], "step": "1d"}).json()
        assert counted[0]["duration_s"] > 0
        assert http.get(f"{address[:-4]}0000/clip.mp4").status_code == 404
        replayed = []
        with http.stream("GET", "/api/events/stream", headers={"Last-Event-ID": event["id"]}) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    replayed.append(json.loads(line[5:]))
                if any(one["id"] == event["id"] and one["clip"] for one in replayed):
                    break
        copied = eventually(lambda: list(tmp_path.glob(f"nas/street/*/{event['id']}.mp4")), WAIT_S, what="a copy")
        assert copied[0].read_bytes() == clip.content
        assert copied[0].with_suffix(".jpg").read_bytes() == http.get(event["still"], params={"kind": "plain"}).content
        assert json.loads(copied[0].with_suffix(".json").read_bytes())["clip"] == event["clip"]
        lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_bytes().splitlines()]
        assert event["id"] in {one["id"] for one in lines if one["type"] == "event"}
        erased = marked_linked_and_erased(http, with_clips(http, 3)[0])
        event = with_clips(http, 1)[0]  # the other one may have been in the range of time that was erased
        assert "recorder" in daemon.processes()
        (store,) = tmp_path.glob("state/edge-daemon/*/store")
        assert [path for path in store.rglob("*") if path.is_file() and erased.encode() in path.read_bytes()] == []
        assert list(store.rglob(f"{erased}*")) == []
        assert {path.stat().st_mode & 0o077 for path in store.rglob("*")} == {0}, "others could read what is stored"
        assert daemon.stop() == 0
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        command = [sys.executable, "-m", "edge_daemon", "events"]
        config = ["--config", str(tmp_path / "config.yaml")]
        listed = subprocess.run([*command, *config, "--json"], capture_output=True, text=True, check=True).stdout
        assert event["id"] in [json.loads(line)["id"] for line in listed.splitlines()]
        export = [*command, "export", str(tmp_path / "out"), *config, "--id", event["id"]]
        assert "1 event" in subprocess.run(export, capture_output=True, text=True, check=True).stdout
        assert {path.name.partition("-annotated")[0][36:] for path in (tmp_path / "out").iterdir()} >= {".json", ".mp4"}
        subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "out", check=True, capture_output=True)
        assert subprocess.run(export, capture_output=True, check=False).returncode == 3
        exported_as_one_video_signed_and_for_training(command, config, tmp_path, event)


def exported_as_one_video_signed_and_for_training(
    command: list[str], config: list[str], folder: Path, event: dict[str, Any]
) -> None:
    """Export a range of time of the camera, with a signature, and as pictures with boxes."""

    def run(*args: object) -> str:
        words = [str(arg) for arg in args]
        return subprocess.run([*command[:-1], *words], capture_output=True, text=True, check=True).stdout

    run("keygen", "--sign", folder / "box")
    times = ["--from", event["began_at"], "--to", event["ended_at"], "--camera", "street", *config]
    assert "1 video " in run("events", "export", folder / "range", *times, "--sign", folder / "box.pem")
    content = json.loads((folder / "range" / "export.json").read_text())["cameras"]["street"]
    assert content["files"][0]["parts"]
    with av.open(str(folder / "range" / "street.mp4")) as file:
        assert sum(1 for _ in file.decode(video=0)) > FPS
    subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder / "range", check=True, capture_output=True)
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "../box.pub.pem", "-rawin", "-in", "SHA256SUMS"]
    verify += ["-sigfile", "SHA256SUMS.sig"]
    subprocess.run(verify, cwd=folder / "range", check=True, capture_output=True)
    (folder / "range" / "SHA256SUMS").write_text("other")
    assert subprocess.run(verify, cwd=folder / "range", capture_output=True, check=False).returncode
    assert "1 pictures" in run("events", "export", folder / "coco", *config, "--id", event["id"], "--format", "coco")
    found = COCO(str(folder / "coco" / "annotations.json"))
    (image,) = found.loadImgs(found.getImgIds())
    boxes = found.loadAnns(found.getAnnIds())
    assert found.loadCats(found.getCatIds())[0]["name"] == "person"
    assert boxes
    assert all(one["area"] > 0 and one["bbox"][0] + one["bbox"][2] <= image["width"] for one in boxes)


def marked_linked_and_erased(http: httpx.Client, event: dict[str, Any]) -> str:
    """Do all that people can do with an event, and erase it in the end; return its id."""
    address = f"/api/events/{event['id']}"
    assert http.post(f"{address}/marks", json={"keep": True, "wrong": True}).json() == {
        "text": f"event {event['id']} of camera street is kept and is marked as wrong"
    }
    marked = http.get(address).json()
    assert (marked["keep"], marked["wrong"]) == (True, True)
    assert http.post(f"{address}/marks", json={"keep": "perhaps"}).status_code == 422
    times = {"from": event["began_at"], "to": event["ended_at"]}
    assert http.post("/api/cameras/street/keep", json=times).status_code == 200
    assert http.post("/api/cameras/street/keep", json=times | {"to": "never"}).status_code == 422
    link = http.post(f"{address}/link", json={"kind": "annotated", "for": "1h"}).json()["path"]
    assert http.post(f"{address}/link", json={"for": "8d"}).status_code == 422

    def linked(path: str) -> int:
        return httpx.get(f"{http.base_url}{path}").status_code

    assert [linked(one) for one in (link, event["still"], link.replace("annotated", "plain"))] == [200, 401, 403]
    assert linked(link.replace("expires=", "expires=9")) == 403
    assert http.post("/api/links/revoke").status_code == 200
    assert linked(link) == 403
    assert [one["id"] for one in http.get("/api/events", params={"text": "appear nothing"}).json()["events"]] == []
    assert http.get("/api/events", params={"text": "PERS stre walk"}).json()["events"]
    assert http.get("/api/events/timeline").json()[0]["alerts"] > 0
    assert http.delete(address).status_code == 200
    assert http.get(address).status_code == 404
    assert http.delete("/api/events", params=times | {"camera": "street"}).status_code == 200
    done = [(one["action"], one["result"]) for one in http.get("/api/audit").json()]
    assert {(action, "done") for action in ("mark", "keep", "link", "revoke links", "erase")} <= set(done)
    return str(event["id"])


STILLS_AFTER_AN_UPDATE = """async (event) => {
    const { EventList } = await import("/page/eventlist.js");
    const list = new EventList();
    list.put(event);
    list.add({ ...event, phase: "update", still: null, clip: null });
    return list.rows.querySelectorAll("img").length;
}"""


def test_an_event_has_a_view_where_its_clip_plays_and_can_be_marked(
    tmp_path: Path, street: Path, browser: Browser
) -> None:
    with site(tmp_path, street, record=", continuous: true") as (_, http):
        event = with_clips(http, 1)[-1]
        how: dict[str, Any] = {"extra_http_headers": BOSS}
        with Visitor(browser, http.base_url.port or 0, "#events", **how) as visitor:
            page = visitor.page
            page.locator(f'.evc a[href="#events/{event["id"]}"]').click()
            expect(page.locator("h1")).to_have_text("visitor")
            played = (
                "() => { const v = document.querySelector('video'); v.muted = true; v.play(); return v.duration > 1; }"
            )
            eventually(lambda: page.evaluate(played), WAIT_S, what="the clip")
            eventually(lambda: page.evaluate("() => document.querySelector('video').currentTime > 0.5"), WAIT_S)
            eventually(lambda: http.get(f"/api/events/{event['id']}/track.json").json(), WAIT_S, what="its tracks")
            page.reload()
            eventually(lambda: page.evaluate("() => document.querySelector('video')?.duration > 1"), WAIT_S)
            page.evaluate("() => { const v = document.querySelector('video'); v.currentTime = v.duration - 0.1; }")
            trail = page.locator(".seen path.trail[d^=M]")
            expect(trail.first).to_be_attached()
            page.evaluate("() => { document.querySelector('video').currentTime = 0; }")
            expect(trail).to_have_count(0)  # its track has not begun
            expect(page.locator(".because li").first).to_contain_text("walk")
            assert page.evaluate(STILLS_AFTER_AN_UPDATE, event) == 1
            page.get_by_role("button", name="Keep").click()
            expect(page.locator(".badge", has_text="kept")).to_be_visible()
            assert http.get(f"/api/events/{event['id']}").json()["keep"] is True
            visitor.shoot("event-1440")
            assert violations(page) == []
            page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
            assert sticking_out(page) == []
            page.get_by_role("button", name="Erase").click()
            page.get_by_role("button", name="Erase for good?").click()
            expect(page).to_have_url(re.compile("#events$"))
            assert http.get(f"/api/events/{event['id']}").status_code == 404
            visitor.open("#events?text=pers")
            expect(page.locator(".evc").first).to_be_visible()
            visitor.open("#events?day=2020-01-01")
            expect(page.get_by_role("heading", name="No events yet")).to_be_visible()
            visitor.open(f"#events/{event['id']}")
            expect(page.locator(".blankslate")).to_contain_text("does not exist")
            visitor.complaints.clear()  # of what was erased
            recordings_are_played_from_any_instant_and_exported(visitor, http, tmp_path)
            assert visitor.complaints == []


AT = "() => document.querySelector('video')?.currentTime ?? 0"


def recordings_are_played_from_any_instant_and_exported(visitor: Visitor, http: httpx.Client, folder: Path) -> None:
    """Scrub through what is recorded all the time, and export a part of it."""
    page = visitor.page
    found = eventually(lambda: http.get("/api/recordings/street").json()["segments"][1:], WAIT_S, what="segments")
    (store,) = folder.glob("state/edge-daemon/*/store")
    begin_s = seconds_of(found[0]["from"])
    note_gap(store / MEDIA, "street", Gap(begin_s - 60, begin_s - 50, "a test"))
    visitor.open(f"#timeline/street?at={found[0]['from']}&zoom=1h")
    eventually(lambda: page.evaluate(AT), WAIT_S, what="a picture")
    began = page.evaluate(AT)
    expect(page.locator("button.res")).to_contain_text("10 s: a test")
    expect(page.locator(".lane .rec").first).to_be_attached()
    expect(page.locator(".lane .alert").first).to_be_attached()
    page.keyboard.press("i")
    page.keyboard.press(" ")
    eventually(lambda: page.evaluate(AT) > began + 2, WAIT_S, what="that it plays")
    page.keyboard.press(" ")
    page.keyboard.press("o")
    address = page.get_by_role("link", name="Export").get_attribute("href")
    assert frames(http.get(f"/{address}").content, folder) >= 2 * FPS
    visitor.shoot("timeline-360")
    assert violations(page) == []
    assert sticking_out(page) == []
    page.get_by_label("Time shown").press("Home")  # long before the first recording, which is shown then
    eventually(lambda: page.evaluate(AT) < began + 1, WAIT_S, what="the first picture")
    visitor.open("#timeline/stret")
    expect(page.locator(".blankslate")).to_contain_text("Did you mean street?")


@pytest.mark.long
def test_deaths_of_recorder_and_sink_leave_every_event_with_its_clip(tmp_path: Path, street: Path) -> None:
    with site(tmp_path, street) as (daemon, http):
        with_clips(http, 1)
        for title in ("recorder", "sink", "recorder"):
            known = len(http.get("/api/events").json()["events"])
            eventually(lambda known=known: len(http.get("/api/events").json()["events"]) > known, WAIT_S)  # type: ignore[misc]
            daemon.kill(title)
        events = with_clips(http, 4)
        for event in events:
            assert frames(http.get(event["clip"]).content, tmp_path) >= FPS
        assert daemon.stop() == 0
        (store,) = tmp_path.glob("state/edge-daemon/*/store")
        assert check(store).faults == []


def test_a_damaged_index_and_a_folder_that_cannot_be_written_stop_nothing(tmp_path: Path, street: Path) -> None:
    with site(tmp_path, street) as (daemon, http):
        with_clips(http, 1)
        (store,) = tmp_path.glob("state/edge-daemon/*/store")
        daemon.kill("recorder")
        store.rename(store.with_name("away"))
        store.touch()  # no folder can be there

        def trouble() -> bool:
            return "recorder" in http.get("/healthz").text

        daemon.kill("recorder")
        eventually(trouble, WAIT_S, what="the trouble in /healthz")
        before = len(daemon.lines())
        eventually(lambda: len(daemon.lines()) > before + 10, WAIT_S, what="results")
        assert http.get("/api/events").status_code == 503
        for path in store.with_name("away").glob("index.db*"):
            path.write_bytes(b"rubbish" * 10_000)
        store.unlink()
        store.with_name("away").rename(store)
        both = ("/api/events", "/healthz")  # a daemon may be found well before its trouble is known
        eventually(lambda: [http.get(path).status_code for path in both] == [200, 200], WAIT_S, what="the store again")
        with_clips(http, 2)
        assert daemon.stop() == 0
        assert check(store).faults == []
        assert len(list(store.glob("damaged-*"))) == 1


def test_a_reload_begins_to_store_and_to_keep_clips(tmp_path: Path, street: Path) -> None:
    config = CONFIG.format(source=street, port=free_port(), token=digest(TOKEN), record="")
    bare = "\n".join(line for line in config.splitlines() if not line.startswith(("record", "rules", "counts", "web")))
    with running(tmp_path, bare) as daemon:
        eventually(lambda: len(daemon.lines()) > 5, START_S, what="results")
        assert "recorder" not in daemon.processes()
        assert daemon.reload(config).returncode == 0
        assert "recorder" in daemon.processes()
        eventually(lambda: list(tmp_path.glob("state/edge-daemon/*/store/media/**/*.mp4")), WAIT_S, what="a clip")
        assert daemon.reload(bare).returncode == 0
        eventually(lambda: "recorder" not in daemon.processes(), START_S, what="no recorder")
        before = len(daemon.lines())
        eventually(lambda: len(daemon.lines()) > before + 5, START_S, what="results")
        assert daemon.stop() == 0
