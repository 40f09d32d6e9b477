"""Logins of browsers survive a restart of the web, and the file that they are in opens nothing."""

import stat
from pathlib import Path

import pytest

from edge_daemon.tokens import digest
from edge_daemon.web.sessions import FILE, LIFETIME_S, MOST, Sessions

TOKEN = digest("a token, as the configuration has it")


def test_sessions_are_found_again_by_the_next_process(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    sessions = Sessions(folder)
    kept, closed = sessions.open(TOKEN), sessions.open(TOKEN)
    sessions.close(closed)
    sessions.save()
    found = Sessions(folder)
    assert found.belongs_to(kept) == digest(TOKEN)
    assert found.belongs_to(closed) is None
    content = (folder / FILE).read_text()
    assert kept not in content
    assert TOKEN not in content
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600


def test_numbers_cannot_be_guessed_and_are_never_the_same() -> None:
    sessions = Sessions(None)
    numbers = {sessions.open(TOKEN) for _ in range(100)}
    assert len(numbers) == 100
    assert min(map(len, numbers)) >= 43, "256 bits"


def test_the_latest_sessions_are_kept_and_old_ones_end() -> None:
    now = [0.0]
    sessions = Sessions(None, lambda: now[0])
    numbers = [sessions.open(TOKEN) for _ in range(MOST + 1)]
    assert sessions.belongs_to(numbers[0]) is None
    assert sessions.belongs_to(numbers[1]) is not None
    now[0] = LIFETIME_S
    assert sessions.belongs_to(numbers[1]) is None
    sessions.open(TOKEN)
    assert not sessions.close(numbers[1]), "it is not even kept"


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"a": 1}', b"\xff"])
def test_a_damaged_file_is_reported_and_replaced(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(content)
    sessions = Sessions(tmp_path)
    assert "everybody has to log in again" in caplog.text
    number = sessions.open(TOKEN)
    sessions.save()
    assert Sessions(tmp_path).belongs_to(number)


def test_a_folder_that_cannot_be_written_costs_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    sessions = Sessions(tmp_path / "file")
    number = sessions.open(TOKEN)
    sessions.save()
    assert "a restart ends all sessions" in caplog.text
    assert sessions.belongs_to(number)
