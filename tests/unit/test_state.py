"""Where state lies, and files in it that are replaced as a whole."""

import errno
import stat
from pathlib import Path

import pytest

from edge_daemon.runtime.state import daemon_folder, exclusive, replace_file, state_folder

SERVICE = {"STATE_DIRECTORY": "/var/lib/edge-daemon:/var/lib/other", "XDG_STATE_HOME": "/x"}


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        (SERVICE, "/var/lib/edge-daemon"),
        ({"XDG_STATE_HOME": "/x"}, "/x/edge-daemon"),
        ({"XDG_STATE_HOME": "relative"}, "~/.local/state/edge-daemon"),
        ({}, "~/.local/state/edge-daemon"),
    ],
)
def test_the_state_folder(environment: dict[str, str], folder: str) -> None:
    assert state_folder(environment) == Path(folder).expanduser()


def test_a_user_without_a_home_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", no_home)
    assert state_folder({}) is None
    assert daemon_folder(Path("/etc/a.yaml"), {}) is None


def test_daemons_of_a_user_have_a_folder_for_each_configuration_and_a_service_has_its_own() -> None:
    environment = {"XDG_STATE_HOME": "/x"}
    paths = [Path("/a/config.yaml"), Path("/b/config.yaml"), Path("/a/demo.yaml"), None]
    folders = [daemon_folder(path, environment) for path in paths]
    assert len(set(folders)) == len(folders)
    assert {folder.parent for folder in folders if folder} == {Path("/x/edge-daemon")}
    assert folders[0] == daemon_folder(Path("/a/config.yaml"), environment), "the same after a restart"
    assert {daemon_folder(path, SERVICE) for path in paths} == {Path("/var/lib/edge-daemon")}


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    replace_file(path, b"old")
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        replace_file(path, b"newer")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_one_at_a_time_holds_the_lock(tmp_path: Path) -> None:
    with exclusive(tmp_path), pytest.raises(BlockingIOError), exclusive(tmp_path, wait=False):
        pass
    with exclusive(tmp_path, wait=False):
        pass
