"""Shows that clips and stills of events hold what they promise, with real RTSP cameras.

    python -m tests.evidence [--events 25] [--only h264,h265] [--no-browser]

Each camera plays the generated street with the number of each frame burnt into it. A model reads that number, and finds
a thing in some frames, which makes an event: so it is known which frames the clip has to hold, and which one the still
has to show. Clips are decoded by FFmpeg, without error from the first frame on, and played by Chromium.
"""

import argparse
import io
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import av
import cv2
import httpx
import numpy as np
from av.video.codeccontext import VideoCodecContext

from edge_daemon.demo.scene.scene import Scene
from tests import burnt
from tests.acceptance.harness import START_S, Daemon, free_port, running
from tests.rtsp import RtspServer, serve_file
from tests.waiting import eventually

FPS, KEY_FRAMES = 15, 30
SIZE, SMALLER, LARGE = (640, 360), (320, 180), (1280, 720)
BEFORE_S, AFTER_S = 2.0, 2.0
LEAD, MARKED = burnt.BLOCK, range(20, 40)
"""Frames before the first event, and the marked ones of each block."""
MORE = 2
"""Events that may be missed while a daemon starts."""
AFTER_LATE_S = 0.2
TIMING_S = 0.05
"""Frames may be this far from their time in a clip: stamps are kept to the millisecond, and rounded by containers."""
X264 = f"keyint={KEY_FRAMES}:min-keyint={KEY_FRAMES}:scenecut=0:threads=1:sliced-threads=0"
FAST = {"preset": "ultrafast", "x264-params": f"{X264}:bframes=0"}
X265 = f"keyint={KEY_FRAMES}:min-keyint={KEY_FRAMES}:scenecut=0:bframes=2:open-gop=0:pools=1:log-level=none"


class Kind(NamedTuple):
    """How a camera codes its video and its sound."""

    name: str
    file: str
    codec: str
    options: dict[str, str]
    served: str = "h264"
    sound: str = ""
    changing: bool = False
    main: bool = False

    def servers(self, folder: Path, scene: Sequence[burnt.Picture], count: int) -> list[RtspServer]:
        """The camera, not started yet: the stream that is looked at, and the main one if there is."""
        servers = [serve_file(write(self, folder, scene, count), codec=self.served, sound=self.sound)]
        if self.main:
            (main,) = [kind for kind in KINDS if kind.name == "h264 with B-frames"]
            servers.append(serve_file(write(main._replace(file=f"main-{main.file}"), folder, scene, count, LARGE)))
        return servers

    def record(self, urls: Sequence[str]) -> str:
        """The camera's section `record`."""
        keys = ["audio: true"] * bool(self.sound) + [f"source: '{url}'" for url in urls[1:]]
        return "{" + ", ".join(keys) + "}"

    @property
    def off(self) -> int:
        """Frames by which clips and stills may differ from what models saw: two streams arrive apart."""
        return 1 if self.main else 0


KINDS = (
    Kind("h264", "a.mp4", "libx264", FAST),
    Kind("h264 with B-frames", "b.mp4", "libx264", {"preset": "veryfast", "x264-params": f"{X264}:bframes=3"}),
    Kind("h264 with open GOPs", "c.ts", "libx264", {"x264-params": f"{X264}:bframes=2:b-adapt=0:open-gop=1"}),
    Kind("h265", "d.mp4", "libx265", {"preset": "ultrafast", "x265-params": X265}, served="h265"),
    Kind("mjpeg", "e.avi", "mjpeg", {"qscale": "3"}, served="jpeg"),
    Kind("changing size", "f.ts", "libx264", FAST, changing=True),
    Kind("h264, G.711", "g.mov", "libx264", FAST, sound="pcma"),
    Kind("main stream", "h.mp4", "libx264", FAST, main=True),
)


def street(seconds: float = 8.0) -> list[burnt.Picture]:
    """A few seconds of the generated street (BGR, uint8, height x width x 3)."""
    scene = Scene(seed=3, width=SIZE[0], height=SIZE[1])
    return [scene.frame(index, FPS)[0] for index in range(round(seconds * FPS))]


def frames(scene: Sequence[burnt.Picture], count: int) -> Iterator[burnt.Picture]:
    """So many frames of the street, there and back again, with their numbers and marks."""
    for number in range(count):
        place = number % (2 * len(scene))
        picture = scene[min(place, 2 * len(scene) - 1 - place)].copy()
        burnt.burn(picture, number, marked=number >= LEAD and number % burnt.BLOCK in MARKED)
        yield picture


def write(kind: Kind, folder: Path, scene: Sequence[burnt.Picture], count: int, usual: tuple[int, int] = SIZE) -> Path:
    """Write the video of a camera; of one whose size changes, every other four blocks are smaller."""
    path = folder / kind.file
    with av.open(str(path), "w") as file:
        stream: Any = file.add_mux_stream("h264", rate=FPS, width=usual[0], height=usual[1]) if kind.changing else None
        encoder: Any = _encoder(kind, usual) if stream else None
        size = usual
        if stream is None:
            stream = file.add_stream(kind.codec, rate=FPS, options=kind.options)
            stream.width, stream.height = usual
            stream.pix_fmt = "yuvj420p" if kind.codec == "mjpeg" else "yuv420p"
        heard = file.add_stream("pcm_alaw", rate=8000, layout="mono") if kind.sound else None
        for number, picture in enumerate(frames(scene, count)):
            wanted = SMALLER if kind.changing and number // (4 * burnt.BLOCK) % 2 else usual
            if encoder and wanted != size:
                _mux(file, stream, encoder.encode(None))
                encoder, size = _encoder(kind, wanted), wanted
            frame = av.VideoFrame.from_ndarray(np.asarray(cv2.resize(picture, size), np.uint8), "bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            _mux(file, stream, (encoder or stream).encode(frame))
            if heard:
                file.mux(heard.encode(_sound(number)))
        _mux(file, stream, (encoder or stream).encode(None))
    return path


def _encoder(kind: Kind, size: tuple[int, int]) -> VideoCodecContext:
    encoder = av.CodecContext.create(kind.codec, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = *size, "yuv420p"
    encoder.framerate, encoder.time_base, encoder.options = Fraction(FPS), Fraction(1, FPS), kind.options
    return encoder


def _mux(file: Any, stream: Any, packets: Sequence[Any]) -> None:
    for packet in packets:
        packet.stream = stream
        file.mux(packet)


def _sound(number: int) -> av.AudioFrame:
    """The sound of a frame: its number's tone, from 200 Hz on."""
    first, last = (round(at * 8000 / FPS) for at in (number, number + 1))
    samples = (8000 * np.sin(2 * np.pi * (200 + number % 50 * 20) * np.arange(last - first) / 8000)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
    frame.sample_rate, frame.pts, frame.time_base = 8000, first, Fraction(1, 8000)
    return frame


class Shown(NamedTuple):
    """A frame of a clip: its time there, and the number burnt into it."""

    time_s: float
    number: int | None


def shown_in(clip: bytes) -> tuple[list[Shown], int]:
    """The frames of a clip, each of which must be decodable, and the number of packets of sound.

    Raises:
        av.FFmpegError: one is not.
    """
    found, sounds = list[Shown](), 0
    with av.open(io.BytesIO(clip), "r") as file:
        stream = file.streams.video[0]
        stream.codec_context.options = {"err_detect": "explode"}
        tick_s = float(stream.time_base or 0)
        for packet in file.demux():
            if packet.stream is not stream:
                sounds += bool(packet.size)
                continue
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame)
                if frame.is_corrupt:
                    raise av.InvalidDataError(0, "a frame is damaged")
                found.append(Shown((frame.pts or 0) * tick_s, burnt.read(np.asarray(frame.to_ndarray(format="bgr24")))))
    return found, sounds


@dataclass
class Event:
    """An event as it was published, and the numbers of the frames of its start and its end."""

    id: str
    camera: str
    first: int
    last: int


@dataclass
class Verdict:
    """The events of a camera, and what was found wrong in their clips and stills, in words."""

    events: int = 0
    faults: list[str] = field(default_factory=list)
    early_s: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    timing_s: list[float] = field(default_factory=list)
    still_off: list[int] = field(default_factory=list)
    played: Counter[str] = field(default_factory=Counter)
    short: int = 0

    @property
    def line(self) -> str:
        """A row of the table."""
        numbers = [f"{max(values, default=0):.2f}" for values in (self.early_s, self.late_s)]
        played = ", ".join(f"{count} {what}" for what, count in sorted(self.played.items())) or "-"
        timing_ms = 1e3 * max(self.timing_s, default=0)
        still = max(self.still_off, default=0)
        cells = [self.events, len(self.faults), *numbers, f"{timing_ms:.0f} ms", still, self.short, played]
        return " | ".join(map(str, cells))


def judge(event: Event, clip: bytes, still: bytes, verdict: Verdict, kind: Kind) -> list[Shown]:
    """Compare a clip and a still with what they have to show; return the frames of the clip."""
    verdict.events += 1
    faults: list[str] = []
    try:
        found, sounds = shown_in(clip)
    except (av.FFmpegError, IndexError) as error:
        verdict.faults.append(f"{event.id}: the clip cannot be decoded: {error}")
        return []
    if bool(sounds) != bool(kind.sound):
        faults.append(f"{sounds} packets of sound")
    faults += _cut(event, found, verdict, kind)
    number = _number_in(still)
    better = number is not None and kind.changing and event.first < number <= event.last  # it was larger then
    if number is None or (abs(number - event.first) > kind.off and not better):
        faults.append(f"the still shows frame {number}, not {event.first}")
    elif not better:
        verdict.still_off.append(abs(number - event.first))
    verdict.faults += [f"{event.id}: {fault}" for fault in faults]
    return found


def _number_in(still: bytes) -> int | None:
    picture = cv2.imdecode(np.frombuffer(still, np.uint8), cv2.IMREAD_COLOR) if still else None
    return None if picture is None else burnt.read(np.asarray(picture, np.uint8))


def shifted(events: Sequence[Event], stills: Sequence[bytes]) -> list[Event]:
    """Events with their numbers in the main stream, which began at another moment: by as much as most stills show."""
    by = median((number or 0) - event.first for event, number in zip(events, map(_number_in, stills), strict=True))
    return [replace(event, first=event.first + round(by), last=event.last + round(by)) for event in events]


def _cut(event: Event, found: Sequence[Shown], verdict: Verdict, kind: Kind) -> Iterator[str]:
    """What is wrong with the frames of a clip."""
    numbers = [one.number for one in found]
    first, last = numbers[0] or 0, numbers[-1] or 0
    early, late = event.first - BEFORE_S * FPS, event.last + AFTER_S * FPS
    verdict.early_s.append((early - first) / FPS)
    if numbers != list(range(first, first + len(numbers))):
        yield f"frames are missing or out of order: {numbers}"
    if not early - KEY_FRAMES - kind.off <= first <= early + kind.off:
        yield f"begins at frame {first}, not in the {KEY_FRAMES} before {early:g}"
    if kind.changing and first // (4 * burnt.BLOCK) != (last + 1) // (4 * burnt.BLOCK) and last < late:
        verdict.short += 1  # the size changes there
    else:
        verdict.late_s.append((last + 1 - late) / FPS)
        if not late - kind.off <= last + 1 <= late + (AFTER_LATE_S + 0.01) * FPS + kind.off:
            yield f"ends with frame {last}, not within {AFTER_LATE_S} s after {late:g}"
    off_s = max(abs(one.time_s - (number - first) / FPS) for number, one in enumerate(found, first))
    verdict.timing_s.append(off_s)
    if off_s > TIMING_S:
        yield f"frames are up to {off_s:.3f} s from their time"


CONFIG = """
cameras:
{cameras}
models: {{reading: {model}}}
record: {{before: {before}s, after: {after}s}}
rules: {{thing: {{enters: all, classes: [thing], per: track, cooldown: 10ms, linger: 300ms}}}}
counts: {{every: 1h}}
web: {{listen: '127.0.0.1:{port}'}}
"""
ZONE = "{points: [[0, 0], [1, 0], [1, 1], [0, 1]]}"


class Site:
    """A daemon that watches cameras which read their numbers."""

    def __init__(self, daemon: Daemon, http: httpx.Client) -> None:
        self.daemon, self.http = daemon, http

    def numbers(self) -> dict[tuple[str, int, int], int]:
        """The number burnt into each frame that was looked at, by camera, epoch and seq."""
        found = {}
        for one in self.daemon.lines():
            for box in one["detections"]:
                if box["class_name"] == "number":
                    number = burnt.number_at(box["xyxy"], (one["width"], one["height"]))
                    found[one["camera"], one["epoch"], one["seq"]] = number
        return found

    def events(self) -> list[Event]:
        """The events that have ended."""
        messages = [one for one in self.daemon.events() if one["type"] == "event"]
        numbers, starts, found = self.numbers(), dict[str, int](), []
        for one in messages:
            number = numbers.get((one["camera"], one["epoch"], one["seq"]))
            if number is None:
                break  # its result is not written yet
            if one["phase"] == "start":
                starts[one["id"]] = number
            elif one["phase"] == "end":
                found.append(Event(one["id"], one["camera"], starts[one["id"]], number))
        return found

    def stored(self, id: str) -> dict[str, Any]:
        """An event as it is stored."""
        answer: dict[str, Any] = self.http.get(f"/api/events/{id}").json()
        return answer

    def fetch(self, id: str, name: str) -> bytes:
        """A file of an event; empty if there is none."""
        answer = self.http.get(f"/api/events/{id}/{name}")
        return answer.content if answer.status_code == 200 else b""


@contextmanager
def site(folder: Path, sources: Mapping[str, str], records: Mapping[str, str]) -> Iterator[Site]:
    """A daemon with these cameras, and their sections `record`."""
    model, port = burnt.reading_model(folder / "reading.onnx"), free_port()
    cameras = "\n".join(
        f"  {name}: {{source: '{source}', fps: 10, zones: {{all: {ZONE}}}, record: {records.get(name, '{}')}}}"
        for name, source in sources.items()
    )
    config = CONFIG.format(cameras=cameras, model=burnt.READING % model, before=BEFORE_S, after=AFTER_S, port=port)
    with (
        running(folder, config, "--events", "events.jsonl") as daemon,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_S) as http,
    ):

        def answers() -> bool:
            assert daemon.process.poll() is None, "it did not start"
            try:
                return http.get("/api/events").status_code == 200
            except httpx.TransportError:
                return False

        eventually(answers, 2 * START_S, what="the store")
        yield Site(daemon, http)


PLAY = """async (address) => {
  const video = document.createElement('video');
  video.muted = true;
  video.src = address;
  document.body.append(video);
  const until = (name) => new Promise((done, failed) => {
    video.addEventListener(name, done, {once: true});
    video.addEventListener('error', () => failed(new Error(video.error.message)), {once: true});
    setTimeout(() => failed(new Error(`no ${name}`)), 90000);
  });
  await until('loadeddata');
  const middle = video.duration / 2, sought = until('seeked');
  const painted = new Promise((done) => { video.requestVideoFrameCallback(done); setTimeout(done, 5000); });
  video.currentTime = middle;
  await sought;
  await painted;
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0);
  const side = Math.floor(canvas.width / 40), half = Math.floor(side / 2);
  const level = (place) => context.getImageData(place * side + half, half, 1, 1).data[1];
  let number = 0;
  for (let place = 0; place < 12; place++) number += level(1 + place) > 127 ? 1 << place : 0;
  const back = until('seeked');
  video.currentTime = 0;
  await back;
  const ended = until('ended');
  video.playbackRate = 4;
  await video.play();
  await ended;
  const at = video.currentTime, length = video.duration;
  video.remove();
  return {number, middle, at, length};
}"""


class Browser:
    """Chromium, which plays clips from a daemon's page."""

    def __init__(self, stack: ExitStack, url: str) -> None:
        from playwright.sync_api import sync_playwright

        from tests.acceptance.test_page import ALONE

        chromium = stack.enter_context(sync_playwright()).chromium
        browser = chromium.launch(executable_path="/usr/bin/chromium", args=ALONE.split())
        stack.callback(browser.close)
        self.page = browser.new_page()
        self.page.goto(url)

    def play(self, event: Event, shown: Sequence[Shown], verdict: Verdict) -> None:
        """Play a clip to its end, and compare the frame in its middle with what FFmpeg shows there."""
        from playwright.sync_api import Error

        try:
            found = self.page.evaluate(PLAY, f"/api/events/{event.id}/clip.mp4")
        except Error as error:
            if "DEMUXER_ERROR_NO_SUPPORTED_STREAMS" not in str(error):
                verdict.faults.append(f"{event.id}: Chromium: {error}")
            verdict.played["not played" if "SUPPORTED" in str(error) else "failed"] += 1
            return
        (wanted,) = [one.number for one in shown if one.time_s <= found["middle"] + 1e-6][-1:]
        if wanted is None or abs(found["number"] - wanted) > 1:
            verdict.faults.append(f"{event.id}: Chromium shows {found['number']} in the middle, not {wanted}")
        if found["at"] < found["length"] - 0.01:
            verdict.faults.append(f"{event.id}: Chromium ends at {found['at']:.3f} of {found['length']:.3f} s")
        verdict.played["played"] += 1


def prove(folder: Path, kinds: Sequence[Kind], events: int, *, browser: bool) -> dict[str, Verdict]:
    """Run cameras of these kinds until each has had this number of events; judge their clips and stills."""
    count = LEAD + (events + MORE) * burnt.BLOCK + 8 * FPS
    scene, verdicts = street(), {f"c{number}": Verdict() for number in range(len(kinds))}
    named = dict(zip(verdicts, kinds, strict=True))
    with ExitStack() as stack:
        urls: dict[str, list[str]] = {}
        for name, kind in named.items():
            for server in kind.servers(folder, scene, count):
                server.start()
                stack.callback(server.stop)
                urls.setdefault(name, []).append(server.url)
        records = {name: kind.record(urls[name]) for name, kind in named.items()}
        place = stack.enter_context(site(folder, {name: of[0] for name, of in urls.items()}, records))
        chromium = Browser(stack, str(place.http.base_url)) if browser else None

        def begun() -> dict[str, list[Event]]:
            """The first events of each camera, if there are enough."""
            found = place.events()
            chosen = {name: [event for event in found if event.camera == name][:events] for name in named}
            return chosen if all(len(of) == events for of in chosen.values()) else {}

        chosen = eventually(begun, count / FPS + 60, what="events of all cameras", every_s=1.0)
        with suppress(AssertionError):  # those that are missing are faults
            eventually(lambda: all(place.stored(one.id)["clip"] for of in chosen.values() for one in of), 20, every_s=1)
        for name, of in chosen.items():
            stills = [place.fetch(event.id, "still.jpg") for event in of]
            for event, still in zip(shifted(of, stills) if named[name].main else of, stills, strict=True):
                shown = judge(event, place.fetch(event.id, "clip.mp4"), still, verdicts[name], named[name])
                if chromium and shown:
                    chromium.play(event, shown, verdicts[name])
        place.daemon.stop()
    return {named[name].name: verdict for name, verdict in verdicts.items()}


def main() -> int:
    """Prove it, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=25, help="of each camera")
    parser.add_argument("--only", help="names of cameras, separated by commas")
    parser.add_argument("--no-browser", action="store_true")
    options = parser.parse_args()
    kinds = [kind for kind in KINDS if not options.only or kind.name in options.only.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        verdicts = prove(Path(folder), kinds, options.events, browser=not options.no_browser)
    print("| camera | events | faults | begins early, s | ends late, s | frames off | stills off | cut | browser |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, verdict in verdicts.items():
        print(f"| {name} | {verdict.line} |")
    for name, verdict in verdicts.items():
        for fault in verdict.faults:
            print(f"{name}: {fault}")
    return 1 if any(verdict.faults for verdict in verdicts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
