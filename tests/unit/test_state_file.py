"""The state of tracks, counts and rules on disk."""

import logging
from pathlib import Path

import pytest

from edge_daemon.sink.state_file import EVERY_S, StateFile


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_states_are_there_for_the_next_run_also_those_of_others(tmp_path: Path) -> None:
    first = StateFile(tmp_path / "state" / "analytics")
    assert first.states == {}
    first.close({("a", "m"): b"1", ("b", "m"): b"2"})
    second = StateFile(tmp_path / "state" / "analytics")
    assert second.states == {("a", "m"): b"1", ("b", "m"): b"2"}
    second.close({("a", "m"): b"3"})
    assert StateFile(tmp_path / "state" / "analytics").states == {("a", "m"): b"3", ("b", "m"): b"2"}


def test_it_is_written_now_and_then_and_only_if_something_changed(tmp_path: Path) -> None:
    time, path = Time(), tmp_path / "analytics"
    file = StateFile(path, time)
    due = [file.is_due]
    time.now = EVERY_S
    due.append(file.is_due)
    file.write({("a", "m"): b"1"})
    due.append(file.is_due)
    assert due == [False, True, False]
    file.close({("a", "m"): b"1"})
    written = path.stat().st_mtime_ns
    file.close({("a", "m"): b"1"})
    assert path.stat().st_mtime_ns == written


@pytest.mark.parametrize("content", [b"", b"nothing", b"\x81\xa1v\x02"])
def test_a_file_that_cannot_be_used_counts_as_missing(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "analytics").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert StateFile(tmp_path / "analytics").states == {}
    assert "tracks and counts begin again" in caplog.text


def test_a_folder_that_cannot_be_written_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    file = StateFile(Path("/proc/nowhere/analytics"))
    file.close({("a", "m"): b"1"})
    file.close({("a", "m"): b"2"})
    assert caplog.text.count("counts will not survive") == 1
