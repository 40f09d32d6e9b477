"""`run --save`: annotated frames as a video of the same size and speed, or as pictures of the same names."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from edge_daemon.imaging.header import Header, read_header
from tests.acceptance.harness import running
from tests.onnx_models import slow_model
from tests.video_files import level_of, write_video

FRAMES, FPS = 60, 25


def frames(file: Path) -> list[av.VideoFrame]:
    with av.open(str(file)) as opened:
        return list(opened.decode(video=0))


def config(folder: Path, *sources: str, more: str = "") -> str:
    slow_model(folder / "m.onnx", 2)
    cameras = "".join(f"  {Path(source).stem}: {{source: {source}{more}}}\n" for source in sources)
    return f"cameras:\n{cameras}models: {{m: {{path: m.onnx}}}}\n"


def test_a_clip_becomes_an_annotated_video_of_the_same_frames(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", FRAMES, fps=FPS, size=(128, 96))
    target = tmp_path / "out.mp4"
    with running(tmp_path, config(tmp_path, "a.mp4"), "--save", str(target)) as daemon:
        assert daemon.finish() == 0
        results = daemon.lines()
        assert f"annotated frames: {target}" in daemon.log
    saved = frames(target)
    assert [(frame.width, frame.height) for frame in saved] == [(128, 96)] * FRAMES
    assert [frame.time for frame in saved] == pytest.approx([number / FPS for number in range(FRAMES)], abs=1e-3)
    centre = [float(frame.to_ndarray(format="gray")[40:60, 60:100].mean()) for frame in saved]
    assert centre == pytest.approx([level_of(number) for number in range(FRAMES)], abs=4)
    assert [result["time_s"] for result in results] == pytest.approx([frame.time for frame in saved], abs=1e-3)


def test_two_clips_become_two_videos_and_what_was_there_is_replaced(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, 20, size=(64, 48))
    (tmp_path / "out-a.mp4").write_bytes(b"an older one")
    with running(tmp_path, config(tmp_path, "a.mp4", "b.mp4"), "--save", str(tmp_path / "out.mp4")) as daemon:
        assert daemon.finish() == 0
    assert [len(frames(tmp_path / f"out-{name}.mp4")) for name in "ab"] == [20, 20]


def test_the_pictures_of_a_folder_keep_their_names_in_results_too(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    names = ["b.png", "a.jpg", "c d.webp"]
    for name in names:
        cv2.imwrite(str(tmp_path / "pictures" / name), np.full((60, 80, 3), 90, np.uint8))
    with running(tmp_path, config(tmp_path, "pictures"), "--save", str(tmp_path / "out")) as daemon:
        assert daemon.finish() == 0
        assert [result["file"] for result in daemon.lines()] == sorted(names)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a.jpg", "b.png.jpg", "c d.webp.jpg"]
    assert {read_header(file.read_bytes()) for file in (tmp_path / "out").iterdir()} == {Header("jpeg", 80, 60)}


@pytest.mark.long
def test_no_frame_is_missing_if_the_sink_is_killed(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 200, size=(64, 48))
    text = config(tmp_path, "a.mp4")
    slow_model(tmp_path / "m.onnx", 20)
    with running(tmp_path, text, "--save", str(tmp_path / "out.mp4")) as daemon:
        while len(daemon.lines()) < 50:
            pass
        daemon.kill("sink")
        assert daemon.finish() == 0
        assert [line["seq"] for line in daemon.lines()] == list(range(200))
    parts = [frames(tmp_path / name) for name in ("out.mp4", "out-2.mp4")]
    assert parts[1][-1].time is not None
    assert len(parts[0]) > 10
    assert len(parts[0]) + len(parts[1]) > 150, "only frames that were being encoded are missing"


def sound(file: Path) -> list[tuple[float, bytes]]:
    """Time and bytes of each coded piece of sound, after the beginning of the video."""
    with av.open(str(file)) as opened:
        packets = [packet for packet in opened.demux(opened.streams.audio[0]) if packet.size]
        stamped = [(packet.pts or 0, packet.time_base or 0, bytes(packet)) for packet in packets]
        return [(float(pts * tick), data) for pts, tick, data in stamped if pts > 0]


@pytest.mark.parametrize("fps", ["", ", fps: 5"])
def test_the_sound_of_a_clip_is_kept_as_it_is(tmp_path: Path, fps: str) -> None:
    write_video(tmp_path / "a.mp4", FRAMES, size=(64, 48), sound="aac")
    target = tmp_path / "out.mp4"
    with running(tmp_path, config(tmp_path, "a.mp4", more=fps), "--save", str(target), "--sound") as daemon:
        assert daemon.finish() == 0
    kept, there = sound(target), sound(tmp_path / "a.mp4")
    assert [data for _, data in kept] == [data for _, data in there][: len(kept)]
    assert [at for at, _ in kept] == pytest.approx([at for at, _ in there][: len(kept)], abs=1e-3)
    assert kept[-1][0] > FRAMES / FPS - 0.05


@pytest.mark.parametrize(
    ("codec", "target", "message"),
    [(None, "out.mp4", "it has none"), ("libopus", "out.avi", "avi cannot hold opus; try .mkv")],
)
def test_a_video_without_the_sound_is_saved_with_a_warning(
    tmp_path: Path, codec: str | None, target: str, message: str
) -> None:
    write_video(tmp_path / "a.mkv", 20, size=(64, 48), sound=codec)
    with running(tmp_path, config(tmp_path, "a.mkv"), "--save", str(tmp_path / target), "--sound") as daemon:
        assert daemon.finish() == 0
        assert f"cannot be kept: {message}" in daemon.log
    assert len(frames(tmp_path / target)) == 20


@pytest.mark.parametrize(
    ("options", "more", "message"),
    [
        (["--sound"], "", "--sound needs --save with a video, such as --save out.mp4"),
        (["--sound", "--save", "folder"], "", "--sound needs --save with a video"),
        (["--sound", "--save", "out.mp4"], ", loop: true", "camera a is none"),
    ],
)
def test_there_is_no_sound_to_keep(tmp_path: Path, options: list[str], more: str, message: str) -> None:
    write_video(tmp_path / "a.mp4", 2, size=(64, 48))
    with running(tmp_path, config(tmp_path, "a.mp4", more=more), *options) as daemon:
        assert daemon.finish() == 2
        assert message in daemon.log


@pytest.mark.parametrize(
    ("target", "message"),
    [("out.txt", "must be a video"), ("a.mp4/x", "cannot save to"), ("a.mp4/x.mp4", "cannot save to")],
)
def test_a_target_that_cannot_be(tmp_path: Path, target: str, message: str) -> None:
    write_video(tmp_path / "a.mp4", 2, size=(64, 48))
    with running(tmp_path, config(tmp_path, "a.mp4"), "--save", str(tmp_path / target)) as daemon:
        assert daemon.finish() in (2, 3)
        assert message in daemon.log
