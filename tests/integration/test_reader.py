"""The thread that reads a camera, on real clips: numbers, paces, waits, ends and goes on."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import msgspec
import pytest

from edge_daemon.capture.announcements import Announcements
from edge_daemon.capture.reader import Reader
from edge_daemon.capture.window import Window
from edge_daemon.errors import SourceError
from edge_daemon.messages.scheduling import Announce, Skipped
from edge_daemon.settings import CaptureSettings, MotionSettings, OpenSettings
from tests.acceptance.harness import clip, free_port
from tests.http_camera import HttpCamera, jpeg, serving
from tests.video_files import B_FRAMES, write_video
from tests.waiting import eventually

SOON_S = 10.0
EPOCH = 1_700_000_000
Start = Callable[..., tuple["Reading", Window, threading.Event]]


class Recorded(Announcements):
    """Keeps all that was queued."""

    def __init__(self, settings: CaptureSettings) -> None:
        super().__init__(settings)
        self.all: list[Announce | Skipped] = []

    def add(self, message: Announce | Skipped) -> None:
        self.all.append(message)
        super().add(message)


class Reading(Reader):
    """A reader whose announcements a test can see."""

    def __init__(self, settings: CaptureSettings, window: Window, wake: Callable[[bool], None]) -> None:
        announcements = Recorded(settings)
        super().__init__(settings, window, announcements, lambda _: None, wake)
        self.announced = announcements.all


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a reader of a source; gives it, its window, and an event that it sets when it wakes its process."""
    with ExitStack() as readers:

        def made(source: object, *, size: int | None = None, begin: int | None = 0, **more: Any) -> Any:
            delivery = "live" if size is None else "lossless"
            settings = CaptureSettings(
                camera="c",
                source=str(source),
                delivery=delivery,  # type: ignore[arg-type]
                dispatcher="",
                window=size or 8,
                **more,
            )
            woken, window = threading.Event(), Window(settings)
            thread = Reading(settings, window, lambda _: woken.set())
            if begin is not None:
                thread.begin(EPOCH, begin)
            thread.start()
            readers.callback(thread.join, SOON_S)
            readers.callback(thread.stop)
            return thread, window, woken

        yield made


def offered(reader: Reading) -> list[tuple[int, int]]:
    """Number of each frame that was announced, and how many before it were skipped by pace."""
    return [(message.seq, message.paced) for message in reader.announced]


def numbers(window: Window) -> list[int]:
    return [frame.seq for frame in window.frames()]


def test_a_file_is_read_to_its_end_and_every_frame_is_announced(start: Start, tmp_path: Path) -> None:
    reader, window, woken = start(clip(tmp_path / "c.mp4", 6), size=6)
    reader.join(SOON_S)
    assert reader.captured == 6
    assert offered(reader) == [(seq, 0) for seq in range(6)]
    assert numbers(window) == list(range(6))
    assert (reader.state, reader.size, reader.error) == ("ended", (320, 240), None)
    assert woken.is_set()
    times = [frame.moment.captured_ns for frame in window.frames()]
    assert times == sorted(times)


@pytest.mark.parametrize("begin", [0, 7])
def test_frames_and_their_packets_have_the_same_number_and_time(start: Start, tmp_path: Path, begin: int) -> None:
    """Wherever a file is begun, and in whatever order its frames are coded."""
    reader, window, _ = start(write_video(tmp_path / "v.mp4", 20, options=B_FRAMES), size=20, begin=begin)
    reader.join(SOON_S)
    frames = window.frames()
    assert [frame.seq for frame in frames] == list(range(begin, 20))
    for frame in frames:
        packet, moment = frame.picture.packet, frame.moment
        assert packet
        assert (packet.epoch, packet.seq, packet.time_s) == (EPOCH, frame.seq, moment.time_s)
        assert packet.stamp_s == pytest.approx(frame.seq / 25)
        assert moment.time_s == pytest.approx(frame.seq / 25)
        assert moment.captured_at_ns == EPOCH * 10**9 + round(moment.time_s * 1e9)
        assert moment.captured_ns == moment.due_ns <= time.monotonic_ns()


def test_the_reader_waits_for_room(start: Start, tmp_path: Path) -> None:
    reader, window, _ = start(clip(tmp_path / "c.mp4", 6), size=2)
    eventually(lambda: len(reader.announced) == 2 and reader.seq == 2, SOON_S, what="a full window")
    assert reader.captured is None
    window.release(0)
    eventually(lambda: len(reader.announced) == 3, SOON_S)
    window.release(5)
    eventually(lambda: len(window.frames()) == 2, SOON_S)
    window.release(5)
    reader.join(SOON_S)
    assert reader.captured == 6


def test_nothing_is_read_before_it_is_told_where_to_begin(start: Start, tmp_path: Path) -> None:
    reader, _, _ = start(clip(tmp_path / "c.mp4", 4), size=9, begin=None)
    eventually(lambda: reader.state == "opened" and reader.busy_since is None, SOON_S, what="waiting, and not stuck")
    assert reader.seq == -1
    reader.begin(EPOCH, 2)
    reader.join(SOON_S)
    assert [seq for seq, _ in offered(reader)] == [2, 3]
    assert reader.captured == 4, "those before are counted and not offered"


@pytest.mark.parametrize("begin", range(0, 21, 4))
def test_pace_is_the_same_wherever_a_file_is_begun(start: Start, tmp_path: Path, begin: int) -> None:
    reader, _, _ = start(clip(tmp_path / "c.mp4", 20, fps=25), size=99, begin=begin, fps=10)
    reader.join(SOON_S)
    passed = [seq for seq in (0, 3, 5, 8, 10, 13, 15, 18) if seq >= begin]
    assert [seq for seq, _ in offered(reader)] == passed
    last = begin - 1
    for seq, paced in offered(reader):
        assert paced == seq - last - 1
        last = seq
    assert reader.paced == 19 - max(last, begin - 1)
    assert reader.captured == 20


def test_live_a_file_plays_at_its_own_speed(start: Start, tmp_path: Path) -> None:
    began = time.monotonic()
    reader, window, _ = start(clip(tmp_path / "c.mp4", 6, fps=10))
    reader.join(SOON_S)
    assert time.monotonic() - began >= 0.5
    assert reader.captured == 6
    assert numbers(window) == [5], "only the newest is held"


def test_a_file_that_cannot_be_opened_ends_the_reader(start: Start, tmp_path: Path) -> None:
    reader, _, woken = start(tmp_path / "nothing.mp4", size=1)
    assert woken.wait(SOON_S)
    reader.join(SOON_S)
    assert isinstance(reader.error, SourceError)
    assert reader.captured is None


def test_a_camera_that_is_away_is_tried_again(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    camera = HttpCamera([jpeg(90)], credentials="viewer:hunter2", port=free_port())
    reader, _, woken = start(camera.url("viewer:hunter2"))
    eventually(lambda: reader.state == "down (refused)", SOON_S)
    assert woken.is_set()
    assert reader.error is None
    assert reader.captured is None
    with serving(camera):
        eventually(lambda: reader.state == "up", SOON_S)
        reader.stop()
        reader.join(SOON_S)
    assert len([r for r in caplog.records if r.getMessage().startswith("down")]) == 1, "logged once"
    assert "hunter2" not in caplog.text


def test_a_reader_that_waits_is_stopped_at_once(start: Start, tmp_path: Path) -> None:
    waiting, _, _ = start(clip(tmp_path / "c.mp4", 9), size=1)
    not_begun, _, _ = start(tmp_path / "c.mp4", size=1, begin=None)
    away, _, woken = start(f"http://127.0.0.1:{free_port()}/video")
    eventually(lambda: len(waiting.announced) == 1 and waiting.seq == 1, SOON_S)
    eventually(lambda: not_begun.state == "opened", SOON_S)
    assert woken.wait(SOON_S)
    for reader in (waiting, not_begun, away):
        reader.stop()
        reader.join(SOON_S)
        assert not reader.is_alive()
        assert reader.error is None
    assert offered(waiting) == [(0, 0)], "a frame that the window does not hold is not announced"


def test_a_reader_that_is_stopped_has_not_come_to_the_end(start: Start, tmp_path: Path) -> None:
    reader, _, _ = start(clip(tmp_path / "c.mp4", 9), size=1)
    eventually(lambda: reader.seq == 1, SOON_S)
    reader.stop()
    reader.join(SOON_S)
    assert reader.captured is None


@pytest.mark.parametrize("name", ["a.mp4", "a.jpg"])
def test_a_file_without_one_picture_ends_the_reader_before_it_is_up(start: Start, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.mp4":
        write_video(path, 5)
        data = bytearray(path.read_bytes())
        with av.open(str(path)) as file:
            packets = [(packet.pos or 0, packet.size) for packet in file.demux(video=0) if packet.size]
        for position, size in packets:
            data[position + 4 : position + size] = bytes([0xFF]) * (size - 4)
        path.write_bytes(data)
    else:
        path.write_bytes(jpeg(10)[:-200])
    reader, _, _ = start(path)
    eventually(lambda: reader.error, SOON_S)
    assert isinstance(reader.error, SourceError)
    assert "holds no picture that can be decoded" in str(reader.error)
    assert reader.state == "connecting", "so the run ends as if it was not there"


def test_frames_that_a_camera_damaged_are_reported_and_numbered(start: Start) -> None:
    parts = [jpeg(10), b"no picture", jpeg(20), b"no picture"]
    with serving(HttpCamera(parts)) as camera:
        reader, _, _ = start(camera.url(), begin=None)
        reader.begin(EPOCH, 0)
        recorded = reader._announcements
        assert isinstance(recorded, Recorded)
        eventually(lambda: len(recorded.all) >= 5, SOON_S)
        reader.stop()
    shown = [(message.seq, message.undecodable) for message in recorded.all[:5]]
    assert shown == [(0, 0), (2, 1), (4, 1), (6, 1), (8, 1)]


def test_another_pace_and_motion_gate_apply_from_the_next_frame_on(start: Start, tmp_path: Path) -> None:
    reader, _, _ = start(clip(tmp_path / "c.mp4", 5, fps=25), opening=OpenSettings(loop=True), fps=1)
    eventually(lambda: len(reader.announced) > 1, SOON_S)
    settings = reader._settings
    reader.change(msgspec.structs.replace(settings, fps=None))
    before = len(reader.announced)
    eventually(lambda: len(reader.announced) > before + 5, SOON_S)
    assert {message.paced for message in reader.announced[before + 1 :]} == {0}
    reader.change(msgspec.structs.replace(settings, fps=None, motion=MotionSettings(always_every_s=60.0, area=1.0)))
    eventually(lambda: reader.still > 3, SOON_S)
    reader.change(msgspec.structs.replace(settings, fps=None))
    before = len(reader.announced)
    eventually(lambda: len(reader.announced) > before + 5, SOON_S)
    seqs = [message.seq for message in reader.announced]
    gaps = [later - earlier - 1 for earlier, later in pairwise(seqs)]
    assert gaps == [message.paced + message.still for message in reader.announced[1:]], "all are accounted for"


def test_a_camera_that_is_to_be_tried_late_is_tried_at_once_if_asked(start: Start) -> None:
    camera = HttpCamera([jpeg(10)], credentials="me:right")
    with serving(camera):
        reader, _, _ = start(camera.url("me:left"))
        eventually(lambda: reader.state == "down (unauthorised)", SOON_S)
        assert reader.next_try_at is not None
        assert reader.next_try_at > time.monotonic() + SOON_S
        camera.credentials = "me:left"
        reader.retry()
        eventually(lambda: reader.state == "up", SOON_S)


def test_a_reader_that_waits_for_its_next_try_stops_at_once(start: Start) -> None:
    camera = HttpCamera([jpeg(10)], credentials="me:right")
    with serving(camera):
        reader, _, _ = start(camera.url("me:left"))
        eventually(lambda: reader.next_try_at, SOON_S)
        reader.stop()
        reader.join(SOON_S)
        assert not reader.is_alive()
