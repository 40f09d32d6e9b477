"""Video files as FFmpeg decodes them: colours, turns, damage."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from edge_daemon.capture.source import open_source
from edge_daemon.capture.video import Video
from edge_daemon.errors import SourceError
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.yuv import Yuv

WIDTH, HEIGHT = 64, 48
RED = (0, 0, 255)
BT709 = 1


def write(
    path: Path,
    frames: int = 5,
    *,
    codec: str = "ffv1",
    pix_fmt: str = "yuv420p",
    size: tuple[int, int] = (WIDTH, HEIGHT),
    colorspace: int | None = None,
    turned: float = 0.0,
) -> Path:
    """Red frames, the left upper quarter of which is blue."""
    bgr = np.full((size[1], size[0], 3), RED, np.uint8)
    bgr[: size[1] // 2, : size[0] // 2] = (255, 0, 0)
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        if colorspace is not None:
            stream.codec_context.colorspace = colorspace
        if turned:
            stream.set_display_rotation(turned)
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(bgr, "bgr24").reformat(format=pix_fmt, dst_colorspace=colorspace)
            frame.pts = index
            if colorspace is not None:
                frame.colorspace = colorspace
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def read(path: Path, threads: int = 1) -> list[Pixels | Yuv]:
    video, pictures = Video(path, threads), []
    while picture := video.read():
        pictures.append(picture.pixels)
    video.close()
    return pictures


def is_red_and_blue(bgr: Pixels) -> bool:
    height, width = bgr.shape[:2]
    corner, rest = bgr[2 : height // 2 - 2, 2 : width // 2 - 2], bgr[height // 2 + 2 :, 2:]
    return bool(np.abs(corner.astype(int) - (255, 0, 0)).max() <= 8 and np.abs(rest.astype(int) - RED).max() <= 8)


@pytest.mark.parametrize(
    ("pix_fmt", "planes"),
    [("yuv420p", True), ("yuv420p10le", True), ("yuv444p", False), ("yuv422p", False), ("bgr0", False)],
)
def test_whatever_the_pixels_are_the_colours_are_right(tmp_path: Path, pix_fmt: str, planes: bool) -> None:
    pictures = read(write(tmp_path / "clip.mkv", pix_fmt=pix_fmt))
    assert len(pictures) == 5
    for picture in pictures:
        assert isinstance(picture, Yuv) == planes
        assert is_red_and_blue(picture.bgr() if isinstance(picture, Yuv) else picture)


def test_jpeg_s_range_is_known(tmp_path: Path) -> None:
    (picture, *_) = read(write(tmp_path / "clip.avi", codec="mjpeg", pix_fmt="yuvj420p"))
    assert isinstance(picture, Yuv)
    assert picture.format.full
    assert is_red_and_blue(picture.bgr())


@pytest.mark.parametrize("colorspace", [None, BT709])
def test_the_matrix_that_a_file_names_is_used(tmp_path: Path, colorspace: int | None) -> None:
    (picture, *_) = read(write(tmp_path / "clip.mkv", colorspace=colorspace))
    assert isinstance(picture, Yuv)
    assert picture.format.matrix == ("bt709" if colorspace else "bt601")
    assert is_red_and_blue(picture.bgr())
    assert is_red_and_blue(picture.scaled_bgr(32, 24))


@pytest.mark.parametrize("size", [(64, 48), (480, 270), (66, 34), (63, 47)])
def test_pixels_are_those_of_opencv(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write(tmp_path / "clip.mp4", codec="mpeg4", size=size)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    for picture in read(path):
        ok, bgr = capture.read()
        assert ok
        assert isinstance(picture, Yuv)
        if size[0] % 2:  # at hard edges colours are smoother
            assert np.abs(picture.bgr().astype(int) - bgr).mean() <= 3
        else:
            assert np.array_equal(picture.bgr(), bgr)
    capture.release()


@pytest.mark.parametrize("degrees", [90, 180, 270, -90])
def test_a_picture_is_turned_as_the_file_says(tmp_path: Path, degrees: float) -> None:
    path = write(tmp_path / "clip.mp4", codec="mpeg4", turned=degrees)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    ok, bgr = capture.read()
    capture.release()
    assert ok
    (picture, *_) = read(path)
    assert isinstance(picture, Yuv)
    assert picture.size == ((HEIGHT, WIDTH) if degrees % 180 else (WIDTH, HEIGHT))
    assert np.array_equal(picture.bgr(), bgr)


@pytest.mark.parametrize("threads", [1, 2])
def test_every_frame_comes_once_and_in_order(tmp_path: Path, threads: int) -> None:
    path = tmp_path / "levels.mp4"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 20.0, (WIDTH, HEIGHT))
    for level in range(0, 200, 4):
        writer.write(np.full((HEIGHT, WIDTH, 3), level, np.uint8))
    writer.release()
    levels = [picture.y.mean() for picture in read(path, threads) if isinstance(picture, Yuv)]
    assert len(levels) == 50
    assert levels == sorted(levels)


@pytest.mark.parametrize("threads", [1, 2])
def test_of_a_file_that_was_cut_off_the_rest_is_given(tmp_path: Path, threads: int) -> None:
    path = write(tmp_path / "clip.mkv", 40, codec="mpeg4")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    assert 10 <= len(read(path, threads)) < 40


def test_damage_in_the_middle_costs_what_is_damaged(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.avi", 40, codec="mjpeg", pix_fmt="yuvj420p")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    path.write_bytes(data)
    assert 35 <= len(read(path)) <= 40


def test_a_file_without_pictures(tmp_path: Path) -> None:
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        file.mux(stream.encode(frame))
    with pytest.raises(SourceError, match="is not a video that FFmpeg can open"):
        open_source(str(path))


@pytest.mark.parametrize(
    "matrix",
    [(a, b, c, d) for a, d in ((1, 1), (1, -1), (-1, 1), (-1, -1)) for b, c in ((0, 0),)]
    + [(0, b, c, 0) for b in (1, -1) for c in (1, -1)],
)
def test_video_is_shown_as_its_matrix_asks_mirrored_too(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    a, b, c, d = matrix
    path = write(tmp_path / "clip.mp4", codec="libx264")
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44  # ISO 14496-12, 8.3.2: the matrix is a b u c d v x y w
    data[at : at + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    for picture in read(path):
        bgr = picture.bgr() if isinstance(picture, Yuv) else picture
        assert bgr.shape[:2] == ((HEIGHT, WIDTH) if a else (WIDTH, HEIGHT))
        blue_left, blue_top = (a or c) > 0, (d or b) > 0  # in the stream it is on the left, and at the top
        upright = bgr[:: 1 if blue_top else -1, :: 1 if blue_left else -1]
        assert is_red_and_blue(upright)


def test_frames_that_damage_has_lost_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "clip.mp4", 30, codec="libx264")
    with av.open(str(path)) as file:
        sizes = [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for position, size in sizes[10:13]:
        assert position is not None
        data[position + 4 : position + size] = bytes([0xFF]) * (size - 4)
    path.write_bytes(data)
    for threads in (1, 4):
        video = Video(path, threads)
        given = len(list(iter(video.read, None)))
        assert (given, video.lost) == (27, 3)
        video.close()
    assert "3 of its frames cannot be decoded" in caplog.text


def test_video_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    jpeg = bytes(cv2.imencode(".jpg", np.zeros((9000, 9000), np.uint8))[1])
    with av.open(str(tmp_path / "a.avi"), "w") as file:
        stream = file.add_stream("mjpeg", rate=5)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 9000, 9000, "yuvj420p"
        packet = av.Packet(jpeg)
        packet.pts = packet.dts = 0
        packet.time_base, packet.stream = Fraction(1, 5), stream
        file.mux(packet)
    with pytest.raises(SourceError, match="9000x9000 is too large"):
        Video(tmp_path / "a.avi")


def test_a_decoder_takes_no_frame_above_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the frames are larger than the file announces."""
    monkeypatch.setattr("edge_daemon.capture.stream.LIMITS", {"max_pixels": str(WIDTH * HEIGHT // 2)})
    assert read(write(tmp_path / "clip.mkv", codec="mjpeg", pix_fmt="yuvj420p")) == []
