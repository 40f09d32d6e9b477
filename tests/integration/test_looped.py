"""Files and folders that begin again at their end."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_daemon.capture.looped import Looped
from edge_daemon.capture.pace import Pace
from edge_daemon.capture.picture import Picture
from edge_daemon.capture.source import open_source
from edge_daemon.errors import SourceError
from edge_daemon.settings import CaptureSettings, OpenSettings
from tests.video_files import level_of, write_video

LOOP = OpenSettings(loop=True)


def pictures(path: Path, count: int) -> list[Picture]:
    source = open_source(str(path), LOOP, "live")
    assert not source.live
    read = [picture for _ in range(count) if (picture := source.read()) and picture.size]
    source.close()
    return read


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_a_clip_goes_on_from_its_first_frame_at_the_same_rate(tmp_path: Path, frames: int) -> None:
    read = pictures(write_video(tmp_path / "v.mp4", frames, fps=20), 3 * frames + 1)
    step_s = 1 / 20 if frames > 1 else 1.0
    assert [one.time_s for one in read] == pytest.approx([number * step_s for number in range(3 * frames + 1)])
    levels = [float(one.bgr[40:60, 60:100].mean()) for one in read]
    assert levels == pytest.approx([level_of(number % frames) for number in range(3 * frames + 1)], abs=4)


def test_pace_goes_on_across_the_end(tmp_path: Path) -> None:
    read = pictures(write_video(tmp_path / "v.mp4", 8, fps=20), 40)
    pace = Pace(CaptureSettings(camera="c", source="", delivery="live", dispatcher="", fps=5))
    assert [number for number, one in enumerate(read) if pace.admit(one.time_s)] == list(range(0, 40, 4))


def test_the_pictures_of_a_folder_are_shown_again_and_damaged_ones_are_left_out_each_time(tmp_path: Path) -> None:
    for name, grey in (("a.png", 10), ("b.png", 200)):
        cv2.imwrite(str(tmp_path / name), np.full((20, 30, 3), grey, np.uint8))
    (tmp_path / "c.png").write_bytes(b"no picture")
    source = open_source(str(tmp_path), LOOP, "live")
    read = [source.read() for _ in range(5)]
    assert [(one.file, one.time_s) for one in read if one] == [
        (name, float(second)) for second, name in enumerate(["a.png", "b.png"] * 2 + ["a.png"])
    ]
    assert source.lost == 2


def test_a_file_that_is_replaced_is_read_next_and_one_that_is_gone_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.full((20, 30, 3), 10, np.uint8))
    source = open_source(str(path), LOOP, "live")
    assert isinstance(source, Looped)
    source.read()
    cv2.imwrite(str(path), np.full((50, 60, 3), 10, np.uint8))
    replaced = source.read()
    assert replaced
    assert replaced.size == (60, 50)
    path.write_bytes(b"no picture")
    with pytest.raises(SourceError, match="no picture any more"):
        source.read()
    path.unlink()
    with pytest.raises(SourceError, match="no file"):
        open_source(str(path), LOOP, "live")


def test_a_file_without_a_picture_is_not_read_again_and_again(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    assert open_source(str(tmp_path / "a.png"), LOOP, "live").read() is None
