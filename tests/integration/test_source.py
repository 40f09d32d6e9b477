"""What can be a camera: real files, folders, scenes and addresses, opened and read."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_daemon.capture.folder import Folder
from edge_daemon.capture.generated import GeneratedScene
from edge_daemon.capture.picture import Source
from edge_daemon.capture.source import open_source
from edge_daemon.capture.video import Video
from edge_daemon.errors import SourceError
from edge_daemon.imaging.colour import Pixels
from tests.acceptance.harness import clip, free_port

RED = (0, 0, 255)
"""BGR, as sources give it."""


def all_of(source: Source) -> list[tuple[float, Pixels]]:
    """Times and pictures, to the end."""
    pictures = []
    while picture := source.read():
        pictures.append((picture.time_s, picture.bgr))
    assert source.read() is None, "the end is the end"
    source.close()
    return pictures


def picture(path: Path, colour: tuple[int, int, int] = RED) -> Path:
    assert cv2.imwrite(str(path), np.full((48, 64, 3), colour, np.uint8))
    return path


def test_a_video_gives_every_frame_in_bgr_at_its_time(tmp_path: Path) -> None:
    source = open_source(str(clip(tmp_path / "clip.mp4", 7, fps=10, colour=RED)))
    assert isinstance(source, Video)
    assert source.about.startswith("320x240")
    assert not source.live
    pictures = all_of(source)
    assert [time_s for time_s, _ in pictures] == pytest.approx([index / 10 for index in range(7)], abs=0.02)
    for _, bgr in pictures:
        assert bgr.shape == (240, 320, 3)
        assert bgr.dtype == np.uint8
        blue, green, red = bgr.reshape(-1, 3).mean(axis=0)
        assert red > 200
        assert blue < 40
        assert green < 40


def test_a_video_by_its_url(tmp_path: Path) -> None:
    path = clip(tmp_path / "a clip.mp4", 2)
    assert len(all_of(open_source(f"file://{str(path).replace(' ', '%20')}"))) == 2


def test_a_folder_gives_its_pictures_by_name_one_a_second(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    picture(tmp_path / "b.png", (0, 255, 0))
    picture(tmp_path / "a.JPG")
    picture(tmp_path / "d.webp", (255, 0, 0))
    (tmp_path / "c.jpg").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("not even by name")
    source = open_source(str(tmp_path))
    assert isinstance(source, Folder)
    pictures = all_of(source)
    assert [time_s for time_s, _ in pictures] == [0.0, 1.0, 2.0], "what cannot be read takes no time"
    assert [int(np.argmax(bgr.reshape(-1, 3).mean(axis=0))) for _, bgr in pictures] == [2, 1, 0]
    assert "left out" in caplog.text
    assert "c.jpg" in caplog.text


def test_a_single_picture(tmp_path: Path) -> None:
    picture(tmp_path / "other.png")
    ((time_s, bgr),) = all_of(open_source(str(picture(tmp_path / "one.png"))))
    assert time_s == 0.0
    assert tuple(bgr[0, 0]) == RED


def test_a_scene_ends_after_so_many_frames_and_knows_the_truth() -> None:
    source = open_source("scene:?frames=3&fps=5&size=320x180&seed=4&people=3")
    assert isinstance(source, GeneratedScene)
    pictures = []
    while picture := source.read():
        pictures.append(picture)
    assert [p.time_s for p in pictures] == pytest.approx([0.0, 0.2, 0.4])
    for p in pictures:
        assert p.bgr.shape == (180, 320, 3)
        assert p.truth is not None
        assert all(len(box) == 4 for box in p.truth)


def test_a_scene_is_the_same_again() -> None:
    first, second = (open_source("scene:?size=320x180&seed=4").read() for _ in range(2))
    assert first
    assert second
    assert np.array_equal(first.bgr, second.bgr)
    assert first.truth == second.truth


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder / "nothing.mp4", "there is no file"),
        (lambda folder: folder / "nothing" / "", "cannot read the folder"),
        (lambda folder: folder, "holds no pictures"),
        (lambda folder: (folder / "empty.mp4", (folder / "empty.mp4").touch())[0], "is empty"),
        (
            lambda folder: (folder / "text.mp4", (folder / "text.mp4").write_text("not a video " * 99))[0],
            "is not a video that FFmpeg can open",
        ),
    ],
)
def test_what_cannot_be_opened_says_so(tmp_path: Path, make, says: str) -> None:  # type: ignore[no-untyped-def]
    source = make(tmp_path)
    name = f"{source}/" if says == "cannot read the folder" else str(source)
    with pytest.raises(SourceError, match=says):
        open_source(name)


def test_a_camera_that_is_away_is_named_without_its_password() -> None:
    with pytest.raises(SourceError, match="cannot open") as caught:
        open_source(f"http://viewer:hun@t/er2@127.0.0.1:{free_port()}/video?token=s3cret")
    for secret in ("viewer", "hun", "er2", "s3cret"):
        assert secret not in str(caught.value)


def test_a_webcam_that_is_not_there() -> None:
    with pytest.raises(SourceError, match="there is no camera /dev/video97") as caught:
        open_source("/dev/video97")
    assert caught.value.reason == "not found"
