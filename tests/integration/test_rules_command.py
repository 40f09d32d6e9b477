"""`edge-daemon rules test`, and drawing into a clip, over results of this daemon and of other programs."""

import json
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import av
import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from edge_daemon.cli.app import app
from edge_daemon.cli.film import Film, Scene
from edge_daemon.cli.results import Look
from edge_daemon.errors import EdgeError, StartError
from edge_daemon.imaging.overlay import draw_sentences, draw_zones
from edge_daemon.messages.findings import Detection
from edge_daemon.messages.published import utc
from edge_daemon.messages.tracks import Track
from edge_daemon.settings import CameraZonesSettings, IgnoreSettings, LineSettings, ZoneSettings
from edge_daemon.store.store import Store

CONFIG = """\
location: {time_zone: Europe/Berlin}
modes: [home, away]
cameras:
  yard:
    source: 0
    zones: {drive: {points: [[0, 0.5], [1, 0.5], [1, 1], [0, 1]]}}
    lines: {gate: {points: [[0, 0.5], [1, 0.5]]}}
models: {objects: {path: 'builtin:person'}}
rules:
  visitor: {classes: [person], enters: drive, during: "22:00-06:00"}
  away: {enters: drive, modes: [away]}
"""


def found(y: float, x: float = 300.0, name: str = "person") -> dict[str, Any]:
    return {"xyxy": [x, y - 100, x + 50, y], "confidence": 0.9, "class_id": 0, "class_name": name}


def walk(x: float, *ys: float, name: str = "person") -> list[list[dict[str, Any]]]:
    return [[found(y, x, name)] for y in ys]


def results(folder: Path, looks: list[list[dict[str, Any]]], **other: Any) -> Path:
    file = folder / "results.jsonl"
    messages = [
        {"seq": k, "time_s": k / 5, "captured_at": f"2026-11-28T21:14:{k // 5:02d}.{k % 5 * 2}Z", "width": 640,
         "height": 480, "detections": one} | other
        for k, one in enumerate(looks)
    ]  # fmt: skip
    file.write_text("".join(json.dumps(message) + "\n" for message in messages))
    return file


def tried(folder: Path, file: Path, *options: str) -> Result:
    (folder / "c.yaml").write_text(CONFIG)
    return CliRunner().invoke(app, ["rules", "test", str(file), "--config", str(folder / "c.yaml"), *options])


IN = [150 + 10 * k for k in range(25)]
TWO = [[*one, *other] for one, other in zip(walk(300, *IN), walk(500, *[200] * 25), strict=True)]


def test_events_and_the_reasons_of_the_tracks_without_one(tmp_path: Path) -> None:
    done = tried(tmp_path, results(tmp_path, TWO))
    assert done.exit_code == 0, done.exception
    assert done.output.splitlines() == [
        "yard objects: 1 event",
        "  22:14:02.0  visitor: person 1 entered drive at 22:14:01.8 and settled after 0.2 s",
        "              22:14 is within 22:00-06:00",
        "              until 22:14:04.8",
        "visitor: no event of",
        "  person 2, 22:14:00.0 to 22:14:04.8: it came no nearer to drive than 0.08 of the picture's height",
        "away: no event of",
        "  person 1, 22:14:00.0 to 22:14:04.8: the mode is home, not away",
        "  person 2, 22:14:00.0 to 22:14:04.8: it came no nearer to drive than 0.08 of the picture's height",
    ]


def test_another_mode_and_json_for_programs(tmp_path: Path) -> None:
    done = tried(tmp_path, results(tmp_path, TWO, camera="yard", model="objects"), "--mode", "away", "--json")
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert [(one["type"], one["rule"], one.get("phase")) for one in lines] == [
        ("event", "visitor", "start"), ("event", "away", "start"),
        ("event", "visitor", "end"), ("event", "away", "end"),
        ("no-event", "visitor", None), ("no-event", "away", None),
    ]  # fmt: skip
    assert lines[-1]["why"] == "it came no nearer to drive than 0.08 of the picture's height"
    assert (lines[-1]["tracker_id"], lines[-1]["first_at"]) == (2, "2026-11-28T21:14:00.000000Z")


@pytest.mark.parametrize(
    ("other", "options", "message"),
    [
        ({"camera": "pool", "model": "objects"}, [], "no rule is for the cameras and models in"),
        ({}, ["--mode", "gone"], "there is no mode gone; there are home, away"),
        ({}, ["--draw", "clip.mp4"], "--draw needs --output FILE.mp4"),
    ],
)
def test_what_cannot_be_tried(tmp_path: Path, other: dict[str, Any], options: list[str], message: str) -> None:
    done = tried(tmp_path, results(tmp_path, walk(300, *IN), **other), *options)
    assert isinstance(done.exception, EdgeError | StartError)
    assert message in str(done.exception)


def clip(file: Path) -> Path:
    """25 grey frames in 5 seconds."""
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for _ in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((480, 640, 3), 90, np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file


def colourful(file: Path) -> list[int]:
    """Pixels in each frame that are not grey."""
    with av.open(str(file)) as container:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    return [int((np.ptp(rgb, axis=2) > 40).sum()) for rgb in frames]


def test_tracks_zones_and_events_are_drawn_into_a_clip(tmp_path: Path) -> None:
    source, target = clip(tmp_path / "clip.mp4"), tmp_path / "drawn.mp4"
    done = tried(tmp_path, results(tmp_path, TWO), "--draw", str(source), "--output", str(target))
    assert done.exit_code == 0, done.exception
    assert "yard objects: 1 event" in done.output
    counts = colourful(target)
    assert len(counts) == 25
    assert min(counts) > 1000  # zone and line
    assert counts[14] > counts[8] + 1000  # the sentence of the event


def test_tracks_are_drawn_without_a_configuration_too(tmp_path: Path) -> None:
    source, target = clip(tmp_path / "clip.mp4"), tmp_path / "drawn.mp4"
    file = results(tmp_path, walk(300, *IN))
    arguments = ["track", str(file), "--draw", str(source), "--output", str(target)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.exception
    assert min(colourful(target)) > 300


def test_a_film_shows_the_last_result_trails_and_sentences_for_a_while() -> None:
    scenes = [Scene(Look(k, 480, [], 640, time_s=k / 2).result, [f"event {k}"] if k == 2 else []) for k in range(3)]
    for k, scene in enumerate(scenes):
        box = (10.0 * k, 0.0, 10.0 * k + 20, 48.0)
        car = Detection(xyxy=box, confidence=0.5, class_id=3, class_name="car", tracker_id=1)
        scene.result.detections = [car]
    film = Film(scenes)
    shown = film.at(0.0, 1280, 960)
    assert [one.xyxy for one in shown.detections] == [(0.0, 0.0, 40.0, 96.0)]
    assert shown.trails == [(3, [(10 / 640, 0.1)])]
    assert film.at(0.999, 640, 480).trails == [(3, [(10 / 640, 0.1), (20 / 640, 0.1), (30 / 640, 0.1)])]
    assert film.at(2.5, 640, 480) == ([], [], ["event 2"])
    assert film.at(4.1, 640, 480).sentences == []


def test_an_arrow_shows_the_direction_in() -> None:
    rgb = np.zeros((400, 400, 3), np.uint8)
    line = LineSettings(points=((0.1, 0.5), (0.9, 0.5)))
    zone = ZoneSettings(points=((0.1, 0.1), (0.2, 0.1), (0.2, 0.2)))
    ignored = IgnoreSettings(points=((0.7, 0.1), (0.8, 0.1), (0.8, 0.2)))
    draw_zones(rgb, CameraZonesSettings(lines={"": line}, zones={"": zone}, ignore=(ignored,)))
    assert rgb[205:216, 195:206].any()  # from left to right, the right hand is below
    assert not rgb[185:196, 195:206].any()
    assert rgb[38:43, 285:315].any()
    blank = np.zeros((400, 400, 3), np.uint8)
    draw_sentences(blank, ["first", "second"])
    assert blank[380:].any()
    assert not blank[:300].any()


def test_rules_are_tried_on_the_tracks_in_the_store(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(f"{CONFIG}storage: {{path: {tmp_path}/store}}\n")
    at_s = datetime(2026, 11, 28, 22, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    with closing(Store(tmp_path / "store")) as store:
        store.add(
            [
                ended(1, at_s, [(0.0, 0.5, 0.2), (7.0, 0.5, 0.9)]),
                ended(2, at_s + 1, [(8.0, 0.7, 0.1), (12.0, 0.7, 0.4)]),
            ]
        )
    tried = CliRunner().invoke(app, ["rules", "test", "--since", "9999d", "--config", str(tmp_path / "c.yaml")])
    assert tried.exit_code == 0, tried.output
    assert "22:00:03." in tried.output.split("visitor: person 1 entered drive")[0]
    assert "person 2, 22:00:01.0 to 22:00:05.0: it came no nearer to drive than 0.10" in tried.output


def ended(number: int, at_s: float, path: list[tuple[float, float, float]]) -> bytes:
    """The end of the track of a person of 40 x 100 pixels."""
    (first_s, _, _), (last_s, x, bottom) = path[0], path[-1]
    return msgspec.json.encode(
        Track(
            phase="end",
            camera="yard",
            model="objects",
            epoch=1,
            seq=99,
            time_s=last_s,
            tracker_id=number,
            class_id=0,
            class_name="person",
            first_at=utc(round(at_s * 1e9)),
            last_at=utc(round((at_s + last_s - first_s) * 1e9)),
            xyxy=(640 * x - 20, 480 * bottom - 100, 640 * x + 20, 480 * bottom),
            path=path,
            looks=20,
            blind_s=0.0,
            zones=[],
        )
    )
