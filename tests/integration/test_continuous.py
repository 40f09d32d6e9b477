"""Recording all the time: segments of a camera's packets, through deaths, gaps, other parameters and other clocks."""

import os
import resource
import shutil
import time
from pathlib import Path

import av
import msgspec
import pytest

from edge_daemon.capture.video import Video
from edge_daemon.media.packets import Packet
from edge_daemon.messages.recording import Coded, FromCapture, Parameters, SoundParameters
from edge_daemon.recorder.continuous import AGAIN, AWAY, SILENT, Continuous
from edge_daemon.settings import RecordSettings
from edge_daemon.store import segments
from tests.video_files import B_FRAMES, HEVC, OPEN_GOP, level_of, write_changing, write_video

FPS, EPOCH = 25, 1_700_000_000
RECORD = {"yard": RecordSettings(recorder="ipc:///nowhere", continuous=True)}
DAY = 86_400.0


def sent(path: Path, *, captured_s: float | None = None, epoch: int = EPOCH, source: str = "a") -> list[FromCapture]:
    """The packets of a file as a capture sends them."""
    packets: list[Packet] = []
    video = Video(path)
    video.observe(packets.append, sound=True)
    while video.read():
        pass
    video.close()
    begin_s = time.monotonic() - 60 if captured_s is None else captured_s
    found, known = list[FromCapture](), dict[bool, object]()
    for number, one in enumerate(packets, 1):
        data = bytes(one.data)
        if known.get(one.sound) is not one.parameters and one.parameters:
            known[one.sound] = one.parameters
            kind = SoundParameters if one.sound else Parameters
            found.append(kind(data=one.parameters.pack(data)))
        found.append(
            Coded(
                source=source,
                number=number,
                epoch=epoch,
                seq=None if one.sound else round(one.time_s * FPS),
                time_s=one.time_s,
                captured_s=begin_s + one.time_s,
                key=one.key,
                stamp_s=one.stamp_s,
                duration_s=one.duration_s,
                sound=one.sound,
                data=data,
            )
        )
    return found


def later(messages: list[FromCapture], seconds: float) -> list[FromCapture]:
    """The same packets some time later."""
    return [
        msgspec.structs.replace(one, time_s=one.time_s + seconds, captured_s=one.captured_s + seconds)
        if isinstance(one, Coded)
        else one
        for one in messages
    ]


def number_at(level: float) -> int:
    return round((level - level_of(0)) / (level_of(1) - level_of(0)))


def frames(path: Path, *, recovers: bool = False) -> list[int]:
    """The numbers of the frames of a segment, by their grey, all of which can be decoded; of one that begins at a
    recovery point, even if frames are listed as references that are not used.
    """
    with av.open(str(path)) as file:
        file.streams.video[0].codec_context.options = {} if recovers else {"err_detect": "explode"}
        return [
            number_at(float(one.to_ndarray(format="rgb24")[40:, 40:].mean()))
            for one in file.decode(video=0)
            if isinstance(one, av.VideoFrame)
        ]


def all_frames(media: Path) -> list[list[int]]:
    return [frames(one.path) for one in listed(media)]


def listed(media: Path) -> list[segments.Segment]:
    return sorted(segments.listed(media, "yard", 0.0, time.time() + 9 * DAY), key=lambda one: (one.run, one.start_s))


def near(found: list[int], wanted: range) -> None:
    """Check frames by their greys, which coding changes a little."""
    assert len(found) == len(wanted)
    assert all(abs(a - b) <= 1 for a, b in zip(found, wanted, strict=True)), found


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_daemon.recorder.continuous.SEGMENT_S", 2.0)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [("v.mp4", "libx264", B_FRAMES), ("v.mp4", "libx265", {"x265-params": HEVC["x265-params"] + ":open-gop=0"})],
)
def test_segments_hold_every_frame_once(tmp_path: Path, name: str, codec: str, options: dict[str, str]) -> None:
    recorder = Continuous(tmp_path / "media", RECORD)
    recorder.receive("yard", sent(write_video(tmp_path / name, 96, codec=codec, options=options)))
    recorder.close()
    found = listed(tmp_path / "media")
    assert [one.run for one in found] == [1, 1]
    assert [one.seconds for one in found] == pytest.approx([2.0, 96 / FPS - 2.0])
    assert found[1].start_s == pytest.approx(found[0].end_s, abs=0.01)
    near([number for each in all_frames(tmp_path / "media") for number in each], range(96))
    assert segments.gaps(tmp_path / "media", "yard", 0.0, time.time()) == []


def test_open_gops_lose_only_what_refers_back_over_a_seam(tmp_path: Path) -> None:
    recorder = Continuous(tmp_path / "media", RECORD)
    recorder.receive("yard", sent(write_video(tmp_path / "v.ts", 96, options=OPEN_GOP)))
    recorder.close()
    assert 90 <= sum(len(frames(one.path, recovers=True)) for one in listed(tmp_path / "media")) <= 96


def test_another_recorder_goes_on_where_one_was_killed(tmp_path: Path) -> None:
    """It finishes the segment that was written, without the fragment that is torn, and takes the rest from the ring."""
    media, packets = tmp_path / "left", sent(write_video(tmp_path / "v.mp4", 96, options=B_FRAMES))
    killed = Continuous(tmp_path / "media", RECORD)
    killed.receive("yard", packets[:85])
    shutil.copytree(tmp_path / "media", media)
    (part,) = media.rglob("*.part")
    with part.open("ab") as file:
        file.write(b"\0\0\4\0moofrubbish")
    again = Continuous(media, RECORD)
    newest = again.since("yard")
    assert newest == pytest.approx((EPOCH, 2.0), abs=0.01)
    again.receive("yard", packets)  # the ring holds all of it
    again.close()
    near([number for each in all_frames(media) for number in each], range(96))
    assert segments.gaps(media, "yard", 0.0, time.time()) == []


def test_gaps_are_listed_with_their_reason(tmp_path: Path) -> None:
    media, path = tmp_path / "media", write_video(tmp_path / "v.mp4", 50, options=B_FRAMES)
    now_s = time.monotonic()
    recorder = Continuous(media, RECORD)
    recorder.receive("yard", sent(path, captured_s=now_s - 50))
    recorder.receive("yard", sent(path, captured_s=now_s - 40, epoch=EPOCH + 1, source="b"))
    recorder.close()
    again = Continuous(media, RECORD)
    again.receive("yard", sent(path, captured_s=now_s - 30, epoch=EPOCH + 1, source="c")[:1])
    again.receive("yard", later(sent(path, captured_s=now_s - 30, epoch=EPOCH + 1, source="c"), 20.0))
    again.close()
    found = segments.gaps(media, "yard", 0.0, time.time())
    assert [one.reason for one in found] == [AGAIN, AWAY]
    assert [one.end_s - one.start_s for one in found] == pytest.approx([8.0, 28.0], abs=0.1)
    assert {one.run for one in listed(media)} == {1, 2, 3}
    assert SILENT


def test_a_step_of_the_clock_begins_a_run_and_loses_nothing(tmp_path: Path) -> None:
    """A machine that booted in 1970 is set right: what was recorded before is found at the right time."""
    media, packets = tmp_path / "media", sent(write_video(tmp_path / "v.mp4", 96, options=B_FRAMES))
    step_s = [-50 * 365 * DAY]
    recorder = Continuous(media, RECORD, lambda: time.time() + step_s[0])
    recorder.receive("yard", packets[:60])
    recorder.tick()
    step_s[0] = 0.0
    recorder.tick()
    recorder.receive("yard", packets[60:])
    recorder.close()
    found = listed(media)
    assert {one.run for one in found} == {1, 2}
    assert all(abs(one.start_s - (time.time() - 60)) < 30 for one in found)
    near([number for each in all_frames(media) for number in each], range(96))


def test_another_size_on_the_way_begins_a_run(tmp_path: Path) -> None:
    recorder = Continuous(tmp_path / "media", RECORD)
    recorder.receive("yard", sent(write_changing(tmp_path / "v.ts", [(128, 96), (192, 128), (128, 96)])))
    recorder.close()
    found = listed(tmp_path / "media")
    assert [one.run for one in found] == [1, 2, 3]
    assert [len(each) for each in all_frames(tmp_path / "media")] == [50, 50, 50]


def test_another_size_begins_a_run(tmp_path: Path) -> None:
    first = sent(write_video(tmp_path / "a.mp4", 50, options=B_FRAMES))
    other = sent(write_video(tmp_path / "b.mp4", 50, options=B_FRAMES, size=(192, 128)), source="b")
    recorder = Continuous(tmp_path / "media", RECORD)
    recorder.receive("yard", [*first, *later(other, 2.0)])
    recorder.close()
    assert [one.run for one in listed(tmp_path / "media")] == [1, 2]
    assert [len(each) for each in all_frames(tmp_path / "media")] == [50, 50]


def test_pictures_that_come_seldom_are_one_run(tmp_path: Path) -> None:
    recorder = Continuous(tmp_path / "media", RECORD)
    found = sent(write_video(tmp_path / "v.avi", 12, codec="mjpeg", fps=1), captured_s=time.monotonic() - 60)
    slow = [
        msgspec.structs.replace(one, time_s=3 * one.time_s, captured_s=one.captured_s + 2 * one.time_s, stamp_s=None)
        if isinstance(one, Coded)
        else one
        for one in found
    ]
    recorder.receive("yard", slow)
    recorder.close()
    assert {one.run for one in listed(tmp_path / "media")} <= {1, 2}
    assert sum(map(len, all_frames(tmp_path / "media"))) == 12


def test_sound_is_in_the_segments(tmp_path: Path) -> None:
    recorder = Continuous(tmp_path / "media", RECORD)
    recorder.receive("yard", sent(write_video(tmp_path / "v.mp4", 96, options=B_FRAMES, sound="aac")))
    recorder.close()
    for one in listed(tmp_path / "media"):
        with av.open(str(one.path)) as file:
            heard = sum(frame.samples for frame in file.decode(audio=0)) / file.streams.audio[0].rate
        assert heard == pytest.approx(one.seconds, abs=0.1)


def test_a_disk_that_cannot_be_written_is_reported_and_costs_a_gap(tmp_path: Path) -> None:
    media, path = tmp_path / "media", write_video(tmp_path / "v.mp4", 96, options=B_FRAMES)
    media.touch()  # no folder can be made there
    recorder = Continuous(media, RECORD)
    packets = sent(path)
    recorder.receive("yard", packets[:60])
    assert recorder.trouble
    media.unlink()
    recorder.receive("yard", packets[60:])
    recorder.close()
    assert recorder.trouble == ""
    assert 20 <= sum(map(len, all_frames(media))) <= 50


def test_a_segment_that_could_not_be_written_to_its_end_is_mended_once_there_is_room(tmp_path: Path) -> None:
    media, packets = tmp_path / "media", sent(write_video(tmp_path / "v.mp4", 192, options=B_FRAMES))
    recorder = Continuous(media, RECORD)
    recorder.receive("yard", packets[:60])
    (part,) = media.rglob("*.part")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (part.stat().st_size, hard))
    try:
        recorder.receive("yard", packets[60:110])
        assert recorder.trouble
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    files = set(os.listdir("/proc/self/fd"))  # noqa: PTH208
    recorder.receive("yard", packets[110:])
    recorder.close()
    assert recorder.trouble == ""
    assert set(os.listdir("/proc/self/fd")) <= files  # noqa: PTH208
    assert list(media.rglob("*.part")) == []
    first, *others = all_frames(media)
    near(first[:20], range(20))
    assert sum(map(len, others)) >= 48, "the groups after it"


def test_the_oldest_segments_go_first(tmp_path: Path) -> None:
    for camera in ("yard", "gate"):
        for number in range(3):
            path = segments.path_of(tmp_path, camera, 1_800_000_000 + 100 * number, 1, 10.0)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * 10)
    assert segments.remove_oldest(tmp_path, 1_800_000_115, 50) == 40
    assert segments.remove_oldest(tmp_path, float("inf"), 1) == 10
    assert [len(segments.listed(tmp_path, camera, 0, 2e9)) for camera in segments.cameras(tmp_path)] == [0, 1]
