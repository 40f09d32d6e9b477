"""Clips and stills that wait for a media folder on another disk."""

import os
from pathlib import Path

import pytest

from edge_daemon.recorder.mover import Mover
from edge_daemon.settings import StorageSettings
from edge_daemon.store.media import MARK, check_mounted, find, made_in, path_of
from tests.waiting import eventually

IDS = [f"01a22455-47d9-7f8a-9e82-{n:012d}" for n in range(4)]


@pytest.fixture
def storage(tmp_path: Path) -> StorageSettings:
    return StorageSettings(folder=str(tmp_path / "store"), media=str(tmp_path / "nas"))


def make(storage: StorageSettings, id: str) -> None:
    path = path_of(made_in(storage), "yard", id, "clip")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(id.encode())


def content(storage: StorageSettings, id: str) -> bytes:
    return find(storage, "yard", id, "clip").read_bytes()


def test_files_wait_while_the_disk_is_away_and_are_moved_when_it_is_back(storage: StorageSettings) -> None:
    mover, media = Mover(storage), Path(storage.media)
    states = [mover.is_there]
    make(storage, IDS[0])
    assert content(storage, IDS[0]) == IDS[0].encode(), "it is found while it waits"
    mover.step()
    assert path_of(media, "yard", IDS[0], "clip").read_bytes() == IDS[0].encode()
    assert [*states, mover.is_there] == [False, True]
    media.rename(media.with_name("away"))
    media.mkdir()  # the place where it was mounted
    make(storage, IDS[1])
    mover.step()
    assert "not mounted" in mover.trouble
    assert list(media.iterdir()) == [], "nothing is written to the place where it was"
    assert content(storage, IDS[1]) == IDS[1].encode()
    with pytest.raises(FileNotFoundError, match="not mounted"):
        check_mounted(storage)
    media.rmdir()
    media.with_name("away").rename(media)
    mover.step()
    assert mover.trouble == ""
    assert [content(storage, id) for id in IDS[:2]] == [id.encode() for id in IDS[:2]]
    assert not list(made_in(storage).rglob("*.mp4"))
    assert (media / MARK).exists()


def test_too_much_that_waits_costs_the_oldest(storage: StorageSettings) -> None:
    mover = Mover(storage, most_bytes=2 * len(IDS[0]))
    Path(storage.folder).mkdir()
    Path(storage.media).write_text("no folder")
    for age, id in enumerate(IDS):
        make(storage, id)
        path = path_of(made_in(storage), "yard", id, "clip")
        os.utime(path, (1e9 + age, 1e9 + age))
    mover.step()
    assert mover.trouble
    assert mover.lost == 2
    assert sorted(path.stem for path in made_in(storage).rglob("*.mp4")) == IDS[2:]


def test_a_thread_moves_what_comes(storage: StorageSettings) -> None:
    mover = Mover(storage)
    mover.start()
    try:
        make(storage, IDS[0])
        eventually(lambda: path_of(Path(storage.media), "yard", IDS[0], "clip").exists(), 10.0)
    finally:
        mover.stop()
    assert not mover.is_alive()


def test_a_folder_in_the_store_needs_no_mover(tmp_path: Path) -> None:
    storage = StorageSettings(folder=str(tmp_path), media=str(tmp_path / "media"))
    assert made_in(storage) == tmp_path / "media"
    check_mounted(storage, begin=True)
    assert list(tmp_path.iterdir()) == []
