"""A folder that is watched for pictures, as a camera drops them there."""

import os
import shutil
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_daemon.capture.folder import GrowingFolder
from edge_daemon.capture.picture import Source
from edge_daemon.capture.source import open_source
from edge_daemon.errors import SourceError
from tests.waiting import eventually

SOON_S = 10.0


def encoded(grey: int) -> bytes:
    return bytes(cv2.imencode(".jpg", np.full((48, 64, 3), grey, np.uint8))[1])


def drop(folder: Path, name: str, grey: int) -> None:
    """Write a picture as a program does that is not careful: in its place."""
    (folder / name).write_bytes(encoded(grey))


def greys(source: Source, count: int) -> list[int]:
    """What the next pictures show, to ten."""

    def one() -> int | None:
        picture = source.read()
        return None if picture is None else int(round(float(picture.bgr.mean()), -1))

    found = []
    for _ in range(count):
        found.append(eventually(one, SOON_S) or 0)
    assert source.read() is source.read() is None, "no more than that"
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def watched(folder: Path) -> GrowingFolder:
    source = open_source(f"{folder}/", delivery="live")
    assert isinstance(source, GrowingFolder)
    assert source.live
    return source


def test_what_lies_there_is_past_but_for_the_newest_and_what_comes_is_shown_once(folder: Path) -> None:
    drop(folder, "z.jpg", 50)
    os.utime(folder / "z.jpg", (1, 1))
    drop(folder, "a.jpg", 100)
    source = watched(folder)
    assert greys(source, 1) == [100]
    drop(folder, "c.jpg", 150)
    os.utime(folder / "c.jpg", (10, 10))
    drop(folder, "b.JPEG", 200)
    drop(folder, "notes.txt", 20)
    assert greys(source, 2) == [150, 200]


def test_an_empty_folder_is_waited_for(folder: Path) -> None:
    source = watched(folder)
    assert source.read() is None
    drop(folder, "a.jpg", 100)
    assert greys(source, 1) == [100]


def test_a_picture_that_is_written_again_is_shown_again(folder: Path) -> None:
    source = watched(folder)
    for grey in (50, 100, 150):
        drop(folder, "latest.jpg", grey)
        assert greys(source, 1) == [grey]
    (folder / "new").write_bytes(encoded(200))
    (folder / "new").replace(folder / "latest.jpg")
    assert greys(source, 1) == [200]


def test_a_picture_that_is_not_yet_complete_is_not_shown(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = watched(folder)
    whole = encoded(100)
    with (folder / "a.jpg").open("wb") as file:
        assert source.read() is source.read() is None, "an empty file"
        file.write(whole[: len(whole) // 2])
        file.flush()
        eventually(lambda: source.read() or "left out" in caplog.text, SOON_S)
        file.write(whole[len(whole) // 2 :])
    assert greys(source, 1) == [100]
    assert caplog.text.count("left out") == 1


def test_a_folder_that_goes_away(folder: Path) -> None:
    (folder / "drop").mkdir()
    source = watched(folder / "drop")
    shutil.rmtree(folder / "drop")
    with pytest.raises(SourceError, match="cannot read the folder") as caught:
        eventually(source.read, SOON_S)
    assert caught.value.reason == "not found"
    with pytest.raises(SourceError, match="cannot read the folder"):
        watched(folder / "drop")


@pytest.mark.parametrize("rename", [True, False])
def test_a_file_that_is_rewritten_all_the_time_is_taken_about_once_a_look(folder: Path, rename: bool) -> None:
    source, gone, written = watched(folder), threading.Event(), 0

    def write() -> None:
        nonlocal written
        while not gone.wait(0.03):
            written += 1
            file = folder / (".new" if rename else "snap.jpg")
            file.write_bytes(encoded(written % 200))
            if rename:
                file.rename(folder / "snap.jpg")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        taken = [source.read() for _ in range(12)]
    finally:
        gone.set()
        writer.join()
    assert sum(picture is not None for picture in taken) >= 7, "the first looks only show that it changes"
    assert source.lost == 0


def test_a_file_that_came_to_rest_is_not_shown_twice(folder: Path) -> None:
    drop(folder, "snap.jpg", 10)
    source = watched(folder)
    assert greys(source, 1) == [10]
    for grey in (50, 100, 150):
        drop(folder, "snap.jpg", grey)
        source.read()
    shown = [picture for _ in range(4) if (picture := source.read())]
    assert len(shown) <= 1


@pytest.mark.parametrize("suffix", [".ppm", ".pgm"])
def test_portable_pixmaps_are_read(folder: Path, suffix: str) -> None:
    kind, channels = ("P6", 3) if suffix == ".ppm" else ("P5", 1)
    (folder / f"a{suffix}").write_bytes(f"{kind} 32 24 255\n".encode() + bytes([90]) * 32 * 24 * channels)
    picture = open_source(f"{folder}/").read()
    assert picture
    assert picture.bgr.shape == (24, 32, 3)
    assert (picture.bgr == 90).all()
