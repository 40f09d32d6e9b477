"""Results are appended to a file, and kept while the disk is full."""

import json
import logging
import resource
import signal
from pathlib import Path

import pytest

from edge_daemon.errors import StartError
from edge_daemon.sink.result_file import LIMIT_BYTES, ResultFile


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
