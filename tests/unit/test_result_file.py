"""Results are appended to a file, and kept while the disk is full."""

import json
import logging
import os
import resource
import signal
import stat
from pathlib import Path

import pytest

from edge_daemon.errors import StartError
from edge_daemon.sink.result_file import LIMIT_BYTES, ResultFile
from edge_daemon.sink.syncer import SYNC_S, Syncer
from tests.waiting import eventually


def test_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"seq": 0}\n')
    results = ResultFile(str(path))
    results.write(b'{"seq": 1}')
    results.flush()
    assert [json.loads(line)["seq"] for line in path.read_text().splitlines()] == [0, 1], "flushed is written"
    results.write(b'{"seq": 2}')
    results.close()
    assert len(path.read_text().splitlines()) == 3


def test_a_full_disk_is_logged_once_and_costs_no_line_that_was_kept(caplog: pytest.LogCaptureFixture) -> None:
    results = ResultFile("/dev/full")
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            results.write(b"x" * (LIMIT_BYTES // 4))
            results.flush()
        results.close()
    assert [r.getMessage() for r in caplog.records] == [
        "cannot write results to /dev/full: No space left on device",
        "5 results are missing from /dev/full",
    ]


def test_writing_goes_on_when_there_is_room_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "results.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # too large is then an error like a full disk
    try:
        results = ResultFile(str(path))
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        with caplog.at_level(logging.WARNING):
            for index in range(30):
                results.write(b'{"seq": %d}' % index)
                results.flush()
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            results.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    results.close()
    assert [json.loads(line)["seq"] for line in path.read_text().splitlines()] == list(range(30))
    assert caplog.messages == [
        f"cannot write results to {path}: File too large",
        f"results are written to {path} again; 0 are missing",
    ]


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot write results to"):
        ResultFile(str(tmp_path / "no" / "folder"))


def flushed(results: ResultFile, line: bytes) -> None:
    results.write(line)
    results.flush()


def test_lines_of_an_earlier_run_are_replaced_by_the_first_one_and_not_before(tmp_path: Path) -> None:
    path, marker = tmp_path / "results.jsonl", tmp_path / "replaced"
    path.write_text("of an earlier run\n")
    for _ in range(2):  # as if the process died before its first result
        results = ResultFile(str(path), marker)
        results.flush()
        assert results.length == 0
        results.close()
        assert path.read_text() == "of an earlier run\n"
    for line in (b"1", b"2"):  # as if it died in between
        results = ResultFile(str(path), marker)
        flushed(results, line)
        results.close()
    assert path.read_text() == "1\n2\n"


@pytest.mark.parametrize("remove", [False, True])
def test_a_file_that_was_renamed_or_removed_is_followed_by_a_new_one(tmp_path: Path, remove: bool) -> None:
    path = tmp_path / "results.jsonl"
    results = ResultFile(str(path))
    flushed(results, b"1")
    path.rename(tmp_path / "results.jsonl.1")
    if remove:
        (tmp_path / "results.jsonl.1").unlink()
    flushed(results, b"2")
    flushed(results, b"3")
    results.close()
    assert path.read_text() == "2\n3\n"
    assert stat.S_IMODE(path.stat().st_mode) & 0o111 == 0, "no program"
    assert remove or (tmp_path / "results.jsonl.1").read_text() == "1\n"


def test_a_new_file_that_cannot_be_made_costs_no_line_that_was_kept(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    results = ResultFile(str(folder / "results.jsonl"))
    flushed(results, b"1")
    folder.rename(tmp_path / "elsewhere")
    results.write(b"2", keep=True)
    results.flush()
    assert results.trouble
    folder.mkdir()
    results.flush()
    results.close()
    assert (folder / "results.jsonl").read_text() == "2\n"


def test_a_second_after_it_was_written_a_file_is_on_the_disk_itself(caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = os.pipe()  # which cannot be: the system says so
    caplog.set_level(logging.DEBUG)
    syncer = Syncer(writer)
    assert not caplog.messages
    syncer.note_written()
    eventually(lambda: caplog.messages == ["cannot sync: Invalid argument"], 10 * SYNC_S, what="an attempt")
    syncer.close()
    assert len(caplog.messages) == 2, "and when it is closed"
    for fd in (reader, writer):
        os.close(fd)


OURS = b'{"v":1,"type":"result","camera":"a","model":"m","seq":%d}'


def test_lines_that_are_delivered_again_are_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    results = ResultFile(str(path))
    for seq in range(3):
        results.write(OURS % seq)
    results.flush()
    length = len(OURS % 0) + 1
    results.take_back(length, {("a", "m")})
    results.write(OURS % 9)
    results.close()
    assert [json.loads(line)["seq"] for line in path.read_text().splitlines()] == [0, 9]


@pytest.mark.parametrize("foreign", [b"not JSON", b'{"camera": "b", "model": "m"}'])
def test_lines_of_other_programs_are_not(tmp_path: Path, foreign: bytes) -> None:
    path = tmp_path / "results.jsonl"
    results = ResultFile(str(path))
    results.write(OURS % 0)
    results.write(foreign)
    results.flush()
    before = path.read_bytes()
    results.take_back(0, {("a", "m")})
    results.take_back(len(before) + 10, {("a", "m")})  # another file by now
    results.take_back(-1, {("a", "m")})
    results.close()
    assert path.read_bytes() == before
