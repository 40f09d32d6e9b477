"""What another process finds out about files, and what happens where it gets no answer."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_daemon.errors import StartError
from edge_daemon.runtime import disk
from tests.hung_mount import hung_mount
from tests.processes import children_like


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    disk.close()


def test_files_folders_and_what_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "a file\nof two lines"
    file.write_text("one")
    found = disk.look(file)
    assert (found.is_file, found.is_folder, found.readable, found.error) == (True, False, True, 0)
    assert found.stamp == f"{file.stat().st_mtime_ns}/3"
    assert disk.look(tmp_path).is_folder
    assert disk.look(tmp_path / "nothing").error
    assert disk.look(tmp_path / ("x" * 5000)).error
    assert not disk.is_folder(Path("a\0b"))
    disk.must_answer(tmp_path)


def test_a_helper_that_was_killed_is_replaced(tmp_path: Path) -> None:
    for _ in range(3):
        assert disk.look(tmp_path).is_folder
        for child in children_like("os.stat"):
            child.kill()
            child.wait()


def test_a_mount_that_does_not_answer_is_asked_once_and_what_was_known_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "drive"
    place.mkdir()
    (place / "folder").mkdir()
    assert disk.is_folder(place / "folder")
    (place / "folder").rmdir()
    place.rmdir()
    with hung_mount(place):
        began = time.monotonic()
        assert disk.look(place / "film.mp4").hung
        assert disk.is_folder(place / "folder"), "as long as it says nothing else"
        with pytest.raises(StartError, match="does not answer within 3 s"):
            disk.must_answer(place / "m.onnx")
        assert time.monotonic() - began < 2 * disk.LIMIT_S
        assert not disk.look(tmp_path).hung
    assert len(caplog.messages) == 1


def test_file_systems_of_other_machines_are_recognised(tmp_path: Path) -> None:
    assert disk.file_system(Path("/proc/self")) == "proc"
    assert not disk.is_remote(disk.file_system(tmp_path))
    assert [kind for kind in ("ext4", "nfs4", "overlay", "fuse.sshfs", "cifs", "tmpfs") if disk.is_remote(kind)] == [
        "nfs4",
        "fuse.sshfs",
        "cifs",
    ]
