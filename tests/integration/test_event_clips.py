"""Clips and stills of events, from a capture's packets to the files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import msgspec
import numpy as np
import pytest

from edge_daemon.capture.recording import Recording, Zero
from edge_daemon.capture.video import Video
from edge_daemon.media.packets import Packet
from edge_daemon.messages.codec import Decoder, Message, pack
from edge_daemon.messages.events import Event, EventTrack
from edge_daemon.messages.recording import Coded, Follow, FromCapture, Parameters, Placed
from edge_daemon.recorder.clips import Clips
from edge_daemon.settings import RecordSettings
from edge_daemon.store.media import path_of
from edge_daemon.transport.hub import Hub
from tests.integration.test_continuous import sent
from tests.video_files import B_FRAMES, HEVC, OPEN_GOP, level_of, write_video
from tests.waiting import eventually

FPS, EPOCH, WAIT_S = 25, 1_700_000_000, 10.0
NAME = "0193715e-8f5a-7c3e-9d2b-6c1f0a7b2e{:02d}"
KINDS = {
    "h264 with B-frames": ("v.mp4", "libx264", B_FRAMES),
    "h264 with open GOPs": ("v.ts", "libx264", OPEN_GOP),
    "h265": ("v.mp4", "libx265", HEVC),
    "mjpeg": ("v.avi", "mjpeg", None),
}


class Camera:
    """A capture that has read a video, beside the hub of a recorder."""

    def __init__(self, folder: Path, kind: str, seconds: int = 6) -> None:
        name, codec, options = KINDS[kind]
        self.folder, self.record = folder, RecordSettings(recorder=f"ipc://{folder}/r", before_s=1.0, after_s=0.6)
        self.hub = Hub(self.record.recorder)
        self.path = write_video(folder / name, seconds * FPS, codec=codec, options=options)
        self.video = Video(self.path)
        self.recording = Recording("yard", RecordSettings(recorder=self.record.recorder, before_s=99.0), self.zero)
        self.video.observe(self.recording.observe)
        self.seq = -1
        self.recording.start()
        self._decode: Decoder[list[FromCapture]] = Decoder(list[FromCapture])

    @staticmethod
    def zero() -> Zero:
        return Zero(EPOCH, 0.0)

    def read(self, frames: int) -> None:
        """Read so many frames, as the reader does."""
        for _ in range(frames):
            if picture := self.video.read():
                self.seq += 1
                assert isinstance(picture.packet, Packet)
                picture.packet.epoch, picture.packet.seq, picture.packet.time_s = EPOCH, self.seq, picture.time_s

    def clips(self) -> Clips:
        clips = Clips(self.folder / "spool", self.folder / "media", {"yard": self.record}, self.send)
        self.hub.on_connect = lambda name: clips.follow("yard")
        return clips

    def send(self, camera: str, messages: Sequence[Message]) -> None:
        self.hub.send(f"camera/{camera}", pack(messages))

    def step(self, clips: Clips) -> list[Event]:
        """What the recorder does each time that it wakes up."""
        self.hub.wait(20)
        for _, data in self.hub.receive(16):
            clips.receive("yard", self._decode(data))
        return clips.step()

    def updates(self, clips: Clips, number: int) -> list[Event]:
        """Wait for that many updates."""
        found: list[Event] = []

        def enough() -> bool:
            found.extend(self.step(clips))
            return len(found) >= number

        eventually(enough, WAIT_S, what="updates")
        return found

    def close(self) -> None:
        self.recording.stop()
        self.recording.join()
        self.hub.close()


@pytest.fixture(params=KINDS)
def camera(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Camera]:
    camera = Camera(tmp_path, request.param)
    yield camera
    camera.close()


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Camera]:
    camera = Camera(tmp_path, "h264 with B-frames")
    yield camera
    camera.close()


def event(seq: int, phase: str = "start", number: int = 0, size: float = 10.0) -> Event:
    """A message about an event at frame `seq`, with a track of that size."""
    track = EventTrack(tracker_id=1, class_name="person", confidence=0.9, xyxy=(5, 5, 5 + size, 5 + size))
    return Event(
        phase=phase,  # type: ignore[arg-type]
        id=NAME.format(number),
        rule="visitor",
        camera="yard",
        model="m",
        incident="i",
        alert=True,
        at="2026-11-28T22:14:03Z",
        time_s=seq / FPS,
        epoch=EPOCH,
        seq=seq,
        tracks=[track],
        facts=[],
        because=[],
    )


def levels(path: Path) -> list[float]:
    """Grey level of each frame of a clip, which must be decodable from its first frame."""
    with av.open(str(path)) as file:
        return [float(frame.to_ndarray(format="rgb24")[40:, 40:].mean()) for frame in file.decode(video=0)]


def file(camera: Camera, medium: str, number: int = 0) -> Path:
    return path_of(camera.folder / "media", "yard", NAME.format(number), medium)  # type: ignore[arg-type]


def holds(camera: Camera, number: int, first: int, last: int) -> None:
    """Check that a clip holds the frames from `first` to `last`, each once and in order."""
    found, source = levels(file(camera, "clip", number)), levels(camera.path)
    places = range(len(source) - len(found) + 1)
    (start,) = [at for at in places if np.allclose(source[at : at + len(found)], found, rtol=0, atol=0.6)]
    assert first - 2 * FPS < start <= first
    assert last <= start + len(found) - 1 <= last + 5


def test_a_clip_holds_the_time_around_its_event_and_the_still_shows_its_frame(camera: Camera) -> None:
    clips = camera.clips()
    camera.read(75)
    clips.note(event(60))
    (still,) = camera.updates(clips, 1)
    assert (still.phase, still.still, still.clip) == ("update", f"/api/events/{NAME.format(0)}/still.jpg", None)
    shown = cv2.imread(str(file(camera, "still")))
    assert shown is not None
    assert shown[40:, 40:].mean() == pytest.approx(level_of(60), abs=2)
    camera.read(40)
    clips.note(event(80, "end"))
    (clip,) = camera.updates(clips, 1)
    assert (clip.phase, clip.clip, clip.reason) == ("update", f"/api/events/{NAME.format(0)}/clip.mp4", None)
    holds(camera, 0, 60 - FPS, 80 + 15)
    clips.note(event(74, number=1))  # of an open GOP it is shown before a key frame that was sent first
    eventually(lambda: any(one.still for one in camera.step(clips)), WAIT_S, what="a still")
    last = cv2.imread(str(file(camera, "still", 1)))
    assert last is not None
    assert last[40:, 40:].mean() == pytest.approx(level_of(74), abs=2)
    clips.note(event(74, "end", number=1))
    data = file(camera, "clip").read_bytes()
    assert data.find(b"moov") < data.find(b"mdat")
    eventually(lambda: (camera.step(clips), clips.is_busy)[1] is False, WAIT_S)
    assert list((camera.folder / "spool").rglob("*.spool")) == []
    clips.close()


def test_another_recorder_goes_on_where_the_last_one_died(plain: Camera) -> None:
    clips = plain.clips()
    plain.read(75)
    clips.note(event(60))
    plain.updates(clips, 1)
    del clips  # it dies: its spool is torn
    (spool,) = (plain.folder / "spool").rglob("*.spool")
    spool.write_bytes(spool.read_bytes()[:-7])
    again = plain.clips()
    again.resume([(event(60), event(70, "update"), "/still")])
    plain.read(50)
    again.note(event(90, "end"))
    (clip,) = plain.updates(again, 1)
    assert clip.still == "/still"
    holds(plain, 0, 60 - FPS, 90 + 15)
    again.close()


def test_events_that_overlap_have_a_clip_each_and_share_the_packets(plain: Camera) -> None:
    clips = plain.clips()
    plain.read(80)
    clips.note(event(50, number=1))
    plain.step(clips)
    clips.note(event(70, number=2))
    clips.note(event(76, "end", number=1))
    plain.read(60)
    clips.note(event(100, "end", number=2))
    plain.updates(clips, 4)
    holds(plain, 1, 50 - FPS, 76 + 15)
    holds(plain, 2, 70 - FPS, 100 + 15)
    clips.close()


def test_a_better_view_replaces_the_still(plain: Camera) -> None:
    clips = plain.clips()
    plain.read(75)
    clips.note(event(50))
    plain.updates(clips, 1)
    clips.note(event(66, "update", size=40.0))
    plain.read(40)
    clips.note(event(70, "end"))
    plain.updates(clips, 1)
    shown, marked = (cv2.imread(str(file(plain, medium))) for medium in ("still", "annotated"))
    assert shown is not None
    assert marked is not None
    assert shown[60:, 60:].mean() == pytest.approx(level_of(66), abs=2)
    assert np.abs(shown[5:45, 5:45].astype(int) - marked[5:45, 5:45]).max() > 50
    clips.close()


def test_of_a_main_stream_the_still_is_the_nearest_frame_with_boxes_where_they_belong(plain: Camera) -> None:
    """Models look at a picture of 640x480 that shows the right half of the recorded one."""
    clips = plain.clips()

    def observe(packet: Packet) -> None:
        packet.main = True
        plain.recording.observe(packet)

    plain.video.observe(observe)
    plain.read(75)
    clips.note(msgspec.structs.replace(event(60, size=400.0), seq=7, time_s=60 / FPS + 0.015))
    clips.receive("yard", [Placed(size=(640, 480), part=(0.5, 0.0, 1.0, 1.0))])
    (update,) = plain.updates(clips, 1)
    assert update.still_off_s == pytest.approx(0.015, abs=0.001)
    shown, marked = (cv2.imread(str(file(plain, medium))) for medium in ("still", "annotated"))
    assert shown is not None
    assert marked is not None
    assert shown[40:, 40:].mean() == pytest.approx(level_of(60), abs=2)
    changed = np.abs(shown.astype(int) - marked).max(axis=2) > 50
    assert changed[60:80, 64:].any()
    assert not changed[60:80, :60].any()
    clips.close()


def test_a_main_stream_that_is_opened_for_events_takes_over_at_its_first_key_frame(plain: Camera) -> None:
    """The still of the first moment is of the stream that is looked at, the clip of the main one."""
    clips, main = plain.clips(), list[Packet]()
    large = Video(write_video(plain.folder / "main.mp4", 6 * FPS, options=B_FRAMES, size=(256, 192)))
    large.observe(main.append)
    while large.read():
        pass
    plain.read(75)
    clips.note(event(60))
    plain.updates(clips, 1)
    shown = cv2.imread(str(file(plain, "still")))
    assert shown is not None
    assert shown.shape == (96, 128, 3)
    plain.read(40)
    for packet in main[60:]:
        packet.main = True
        plain.recording.observe_instead(packet)
    plain.read(20)
    clips.note(event(100, "end"))
    plain.updates(clips, 1)
    with av.open(str(file(plain, "clip"))) as clip:
        sizes = [(frame.width, frame.height) for frame in clip.decode(video=0)]
    assert set(sizes) == {(256, 192)}
    assert len(sizes) == pytest.approx(116 - 75, abs=5)
    clips.close()


def test_a_clip_goes_on_after_the_death_of_a_capture_and_the_log_says_what_is_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record = RecordSettings(recorder="ipc:///nowhere", before_s=1.0, after_s=0.6)
    clips = Clips(tmp_path / "spool", tmp_path / "media", {"yard": record}, lambda *_: None)
    path = write_video(tmp_path / "v.mp4", 75, options=B_FRAMES)
    clips.note(event(40))
    clips.receive("yard", sent(path, captured_s=100.0, epoch=EPOCH))
    clips.receive("yard", sent(path, captured_s=106.0, epoch=EPOCH + 9, source="b"))
    clips.note(msgspec.structs.replace(event(30, "end"), epoch=EPOCH + 9))
    eventually(lambda: any(one.clip for one in clips.step()), WAIT_S)
    with av.open(str(path_of(tmp_path / "media", "yard", NAME.format(0), "clip"))) as clip:
        times = [frame.time for frame in clip.decode(video=0)]
    assert len(times) == pytest.approx(75 + 30 + 16, abs=5)
    assert times[-1] == pytest.approx(6 + 1.2 + 0.64, abs=0.2)
    assert "lacks 3.0 s after 3.0 s" in caplog.text
    clips.close()


def test_a_codec_that_no_mp4_holds_costs_the_clip_and_not_the_still(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record = RecordSettings(recorder="ipc:///nowhere", before_s=1.0, after_s=0.4)
    clips = Clips(tmp_path / "spool", tmp_path / "media", {"yard": record}, lambda *_: None)
    clips.note(event(40))
    packets = sent(write_video(tmp_path / "v.mkv", 75, codec="libvpx"), captured_s=100.0)
    clips.receive("yard", packets)
    clips.note(event(50, "end"))
    (still,) = eventually(clips.step, WAIT_S)
    assert still.still
    eventually(lambda: (clips.step(), "an MP4 cannot hold vp8 video" in caplog.text)[1], WAIT_S)
    clips.close()


def test_a_camera_that_sends_nothing_holds_nothing_up(tmp_path: Path) -> None:
    now = [0.0]
    record = RecordSettings(recorder="ipc:///nowhere", before_s=1.0, after_s=1.0)
    clips = Clips(tmp_path, tmp_path / "media", {"yard": record}, lambda *_: None, lambda: now[0])
    clips.note(event(60))
    clips.note(event(70, "end"))
    clips.note(msgspec.structs.replace(event(60, number=1), camera="other"))
    assert clips.step() == []
    before = clips.is_busy
    now[0] = 100.0
    assert clips.step() == []
    assert (before, clips.is_busy) == (True, False)
    clips.close()


def test_packets_are_sent_only_while_they_are_wanted(plain: Camera) -> None:
    clips = plain.clips()
    plain.read(75)
    plain.step(clips)
    assert not _follows(plain)
    clips.note(event(60))
    plain.updates(clips, 1)
    assert _follows(plain)
    clips.note(event(61, "end"))
    plain.read(50)
    plain.updates(clips, 1)
    eventually(lambda: (plain.step(clips), _follows(plain))[1] is False, WAIT_S)
    plain.read(20)
    assert len(plain.recording._waiting) == 0
    clips.close()


def test_parameters_are_sent_again_only_where_they_have_changed(plain: Camera) -> None:
    """A stream that is opened again has others, which are mostly the same."""
    sent = list[FromCapture]()
    plain.hub.on_connect = lambda name: plain.send("yard", [Follow(epoch=EPOCH, since_s=-1.0)])
    for path in (plain.path, plain.path, write_video(plain.folder / "other.mp4", 10, size=(256, 192))):
        video, packets = Video(path), list[Packet]()
        video.observe(packets.append)
        while video.read():
            pass
        for packet in packets[:10]:
            packet.epoch, packet.seq = EPOCH, 0
            plain.recording.observe(packet)

    def count() -> int:
        plain.hub.wait(20)
        for _, data in plain.hub.receive(16):
            sent.extend(plain._decode(data))
        return sum(isinstance(one, Coded) for one in sent)

    eventually(lambda: count() == 30, WAIT_S)
    assert [place for place, one in enumerate(sent) if isinstance(one, Parameters)] == [0, 21]


def _follows(camera: Camera) -> bool:
    return camera.recording._following
