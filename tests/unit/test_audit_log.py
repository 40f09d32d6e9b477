"""The audit log: what is in an entry, where it goes, and what pushes out what."""

import json
import logging
import stat
from pathlib import Path

import pytest

from edge_daemon.messages.requests import Requester
from edge_daemon.runtime import audit_log
from edge_daemon.runtime.audit_log import ATTEMPTS, CHANGES, LOGIN, AuditLog, read
from edge_daemon.runtime.state import exclusive

BOSS = Requester(name="boss", role="administrator", via="web", address="10.0.0.4")
NOBODY = Requester(via="web", address="10.6.6.6")


def actions(folder: Path, most: int = 100_000, before: str | None = None) -> list[str]:
    return [entry.action for entry in read(folder, most, before)]


def test_an_entry_says_who_did_what_from_where_and_what_came_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    folder = tmp_path / "state"
    AuditLog(folder).record(BOSS, "reload", "done", "camera yard is new")
    line = json.loads((folder / CHANGES).read_text())
    at = line.pop("at")
    assert at.endswith("Z")
    assert line == {
        "who": "boss",
        "role": "administrator",
        "via": "web",
        "address": "10.0.0.4",
        "action": "reload",
        "result": "done",
        "text": "camera yard is new",
    }
    (record,) = caplog.records
    assert record.getMessage() == ("audit: boss (administrator, web, 10.0.0.4): reload: done: camera yard is new")
    assert record.__dict__["audit"] == {"at": at, **line}
    assert stat.S_IMODE((folder / CHANGES).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_entries_survive_a_restart_and_are_read_from_the_newest_on(tmp_path: Path) -> None:
    AuditLog(tmp_path).record(BOSS, "first", "done")
    log = AuditLog(tmp_path)
    log.record(NOBODY, "second", "refused")
    log.record(BOSS, "third", "failed")
    assert actions(tmp_path) == ["third", "second", "first"]
    assert actions(tmp_path, most=2) == ["third", "second"]
    third, second, _ = read(tmp_path, 3)
    assert actions(tmp_path, before=third.at) == ["second", "first"]
    assert (second.who, second.role, second.result) == ("", None, "refused")
    assert actions(tmp_path / "elsewhere") == []


def test_its_size_is_bounded_and_attempts_push_out_no_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_log, "LIMIT_BYTES", 2000)
    log = AuditLog(tmp_path)
    log.record(BOSS, "change", "done")
    for number in range(200):
        log.record(NOBODY, f"attempt-{number}", "refused")
        log.record(BOSS, LOGIN, "done")
    assert "change" in actions(tmp_path)
    assert "attempt-199" in actions(tmp_path)
    assert "attempt-0" not in actions(tmp_path)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 5 * 2000
    for number in range(200):
        log.record(BOSS, f"change-{number}", "done")
    found = actions(tmp_path)
    assert found[:5] == [f"change-{number}" for number in range(199, 194, -1)]
    assert "change" not in found
    assert "attempt-199" in found


def test_a_full_file_waits_for_another_daemon_that_holds_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "LIMIT_BYTES", 10)
    log = AuditLog(tmp_path)
    with exclusive(tmp_path):
        log.record(BOSS, "first", "done")
        log.record(BOSS, "second", "done")
    log.record(BOSS, "third", "done")
    log.record(BOSS, "fourth", "done")
    assert actions(tmp_path) == ["fourth"], "each one fills it"
    assert sorted(file.name for file in tmp_path.iterdir()) == [CHANGES + ".1", "lock"]


def test_a_line_that_was_cut_short_spoils_no_other(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.record(BOSS, "first", "done")
    with (tmp_path / CHANGES).open("ab") as file:
        file.write(b'{"at": "20\xff')
    log.record(BOSS, "second", "done")
    assert actions(tmp_path) == ["second", "first"]


def test_no_credentials_and_no_endless_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    AuditLog(tmp_path).record(BOSS, "reload", "failed", "cannot open rtsp://viewer:hunter2@10.0.0.4/x\n" + 9999 * "x")
    (entry,) = read(tmp_path, 1)
    assert "rtsp://***@10.0.0.4" in entry.text
    assert len(entry.text) <= audit_log.LONGEST_TEXT
    assert "hunter2" not in caplog.text + (tmp_path / CHANGES).read_text()
    assert "\n" not in caplog.records[0].getMessage()


def test_where_it_cannot_be_written_the_journal_still_has_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "file").touch()
    for folder in (None, tmp_path / "file"):
        log = AuditLog(folder)
        log.record(BOSS, "reload", "done")
        log.record(NOBODY, "reload", "refused")
    assert caplog.text.count("audit: boss") == 2
    assert caplog.text.count("audit: unknown (web, 10.6.6.6): reload: refused") == 2
    assert caplog.text.count("cannot write the audit log") == 1


def test_attempts_and_changes_are_two_files(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.record(BOSS, LOGIN, "done")
    log.record(NOBODY, "reload", "refused")
    assert sorted(file.name for file in tmp_path.iterdir()) == [ATTEMPTS]
