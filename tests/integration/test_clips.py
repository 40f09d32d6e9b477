"""Clips of real video: cut without encoding again, decodable from the first frame, and dated right."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_daemon.capture.video import Video
from edge_daemon.errors import SourceError
from edge_daemon.media.clip import Clip, write_clip
from edge_daemon.media.packets import Packet, PacketRing
from edge_daemon.media.transcoding import transcode
from tests.video_files import B_FRAMES, HEVC, OPEN_GOP, write_changing, write_video

FPS = 25
Grey = NDArray[np.uint8]


def packets_of(path: Path, threads: int = 1) -> tuple[list[Packet], list[Grey]]:
    """All packets of a file, with what was decoded from it; the file is closed by then."""
    ring, video, pictures = PacketRing(1e6, 1 << 30), Video(path, threads), []
    video.observe(ring.add)
    while picture := video.read():
        pictures.append(np.asarray(picture.bgr))
    video.close()
    return ring.since(-1.0), pictures


def decoded(path: Path, *, recovers: bool = False) -> tuple[list[float], list[Grey]]:
    """Time and pixels of each frame of a clip; it must hold no packet out of order, and none that cannot be decoded.

    One that begins at a recovery point of H.264 lacks frames that are listed as references, though none is used.
    """
    times, pictures = [], []
    with av.open(str(path)) as file:
        stream, last = file.streams.video[0], -(1 << 40)
        tick_s = float(stream.time_base or 0)
        stream.codec_context.options = {} if recovers else {"err_detect": "explode"}
        for packet in file.demux(stream):
            if packet.size:
                assert packet.dts is not None
                assert packet.pts is not None
                assert last < packet.dts <= packet.pts
                last = packet.dts
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame)
                assert not frame.is_corrupt
                assert frame.pts is not None
                times.append(frame.pts * tick_s)
                pictures.append(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
        assert stream.duration
        assert stream.duration * tick_s == pytest.approx(times[-1] + 1 / FPS, abs=0.001)
    return times, pictures


def is_playable_while_loading(path: Path) -> bool:
    data = path.read_bytes()
    return data.find(b"moov") < data.find(b"mdat")


WRITERS: dict[str, Callable[[Path], Path]] = {
    "h264 in mp4": lambda folder: write_video(folder / "v.mp4", options=B_FRAMES),
    "h264 in ts, open GOPs": lambda folder: write_video(folder / "v.ts", options=OPEN_GOP),
    "h264 in mkv": lambda folder: write_video(folder / "v.mkv", options=B_FRAMES),
    "hevc in mp4": lambda folder: write_video(folder / "v.mp4", codec="libx265", options=HEVC),
    "hevc in ts": lambda folder: write_video(folder / "v.ts", codec="libx265", options=HEVC),
    "mpeg4 in avi": lambda folder: write_video(folder / "v.avi", codec="mpeg4"),
    "mjpeg in avi": lambda folder: write_video(folder / "v.avi", codec="mjpeg"),
}


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("kind", WRITERS)
def test_a_clip_shows_the_same_frames(tmp_path: Path, kind: str, threads: int) -> None:
    packets, pictures = packets_of(WRITERS[kind](tmp_path), threads)
    clip = write_clip(packets, 2.0, tmp_path / "clip.mp4")
    times, shown = decoded(tmp_path / "clip.mp4")
    assert clip == Clip(pytest.approx(len(shown) / FPS, abs=0.001), len(shown))  # type: ignore[arg-type]
    assert len(shown) == 2 * FPS, "not the later frames that the last of them refer to"
    assert times == pytest.approx([index / FPS for index in range(len(shown))], abs=0.001)
    for one, other in zip(shown, pictures, strict=False):
        assert np.abs(one.astype(int) - other).max() <= 1
    assert is_playable_while_loading(tmp_path / "clip.mp4")


@pytest.mark.parametrize("kind", [kind for kind in WRITERS if "26" in kind or "hevc" in kind])
def test_a_clip_from_the_middle_needs_nothing_before_it(tmp_path: Path, kind: str) -> None:
    """Of an open GOP the pictures before its key frame in presentation refer to the one before, and are left out."""
    packets, pictures = packets_of(WRITERS[kind](tmp_path))
    keys = [index for index, packet in enumerate(packets) if packet.key]
    first = packets[keys[1]]
    clip = write_clip(packets[keys[1] :], 1.0, tmp_path / "clip.mp4")
    times, shown = decoded(tmp_path / "clip.mp4", recovers=kind == "h264 in ts, open GOPs")
    assert clip.frames == len(shown) == FPS
    assert times[0] == 0.0
    place = round(first.time_s * FPS)
    for one, other in zip(shown, pictures[place:], strict=False):
        assert np.abs(one.astype(int) - other).max() <= 1


def test_h265_is_named_as_players_know_it(tmp_path: Path) -> None:
    packets, _ = packets_of(WRITERS["hevc in ts"](tmp_path))
    write_clip(packets, 1.0, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as file:
        context = file.streams.video[0].codec_context
        assert context.codec_tag == "hvc1"
        assert context.extradata
        assert context.extradata[0] == 1, "its parameter sets lie in the header"


def test_a_clip_ends_where_the_video_changes_its_parameters(tmp_path: Path) -> None:
    packets, _ = packets_of(write_changing(tmp_path / "v.ts", [(128, 96), (192, 128)]))
    clip = write_clip(packets, 3.0, tmp_path / "clip.mp4")
    _, shown = decoded(tmp_path / "clip.mp4")
    assert clip.note
    assert "changed" in clip.note
    assert clip.seconds == pytest.approx(2.0)
    assert {picture.shape for picture in shown} == {(96, 128, 3)}
    after = write_clip(packets[50:], 1.0, tmp_path / "after.mp4")
    assert after == Clip(1.0, 25), "one from there on has the new parameters"
    assert {picture.shape for picture in decoded(tmp_path / "after.mp4")[1]} == {(128, 192, 3)}
    with av.open(str(tmp_path / "after.mp4")) as file:
        assert file.streams.video[0].codec_context.width == 192, "which the header says, too"


def test_a_clip_ends_where_a_connection_ends(tmp_path: Path) -> None:
    one, _ = packets_of(write_video(tmp_path / "a.mp4", 50, options=B_FRAMES))
    other, _ = packets_of(write_video(tmp_path / "b.mp4", 50, options=B_FRAMES))
    clip = write_clip([*one, *other], 9.0, tmp_path / "clip.mp4")
    assert (clip.frames, clip.note is not None) == (50, True)


def test_a_rotated_video_stays_rotated(tmp_path: Path) -> None:
    packets, _ = packets_of(write_video(tmp_path / "v.mp4", 30, codec="mpeg4", rotation=90.0))
    write_clip(packets, 1.0, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as file:
        assert next(file.decode(video=0)).rotation == 90


@pytest.mark.parametrize("kind", ["mjpeg in avi", "h264 in mp4"])
def test_what_few_players_play_is_encoded_again(tmp_path: Path, kind: str) -> None:
    packets, pictures = packets_of(WRITERS[kind](tmp_path))
    write_clip(packets, 2.0, tmp_path / "clip.mp4")
    assert transcode(tmp_path / "clip.mp4") is (kind == "mjpeg in avi")
    with av.open(str(tmp_path / "clip.mp4")) as file:
        assert file.streams.video[0].codec_context.name == "h264"
    times, shown = decoded(tmp_path / "clip.mp4")
    assert times == pytest.approx([index / FPS for index in range(2 * FPS)], abs=0.001)
    for one, other in zip(shown, pictures, strict=False):
        assert np.abs(one.astype(int) - other).mean() < 3
    assert list(tmp_path.glob(".*")) == []


def test_what_an_mp4_cannot_hold_is_named(tmp_path: Path) -> None:
    packets, _ = packets_of(write_video(tmp_path / "v.webm", 10, codec="libvpx"))
    with pytest.raises(SourceError, match="an MP4 cannot hold vp8 video, and a clip is not encoded again"):
        write_clip(packets, 1.0, tmp_path / "clip.mp4")
    assert not (tmp_path / "clip.mp4").exists()


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    packets, _ = packets_of(write_video(tmp_path / "v.mp4", 10))
    with pytest.raises(SourceError, match=r"cannot write .*nowhere.clip\.mp4: No such file"):
        write_clip(packets, 1.0, tmp_path / "nowhere" / "clip.mp4")


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("kind", WRITERS)
def test_every_frame_is_tied_to_its_packet(tmp_path: Path, kind: str, threads: int) -> None:
    video = Video(WRITERS[kind](tmp_path), threads)
    tied = []
    while picture := video.read():
        assert picture.packet
        assert picture.packet.stamp_s == pytest.approx(picture.time_s)
        tied.append(id(picture.packet.data))
    assert len(tied) == 100


def test_damage_unties_nothing_else(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.ts", options=B_FRAMES)
    data = bytearray(path.read_bytes())
    for at in (len(data) // 3, len(data) // 2):
        data[at : at + 400] = bytes(400)
    path.write_bytes(data)
    video, count = Video(path), 0
    while picture := video.read():
        count += 1
        if picture.packet:
            assert picture.packet.stamp_s == pytest.approx(picture.time_s, abs=0.001)
    assert 80 <= count <= 100
