"""What the sink's small parts do: who listens, how fast it goes, what is written."""

import json
import logging
import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from edge_daemon.errors import StartError
from edge_daemon.imaging import rle
from edge_daemon.imaging.codecs import decode_bgr
from edge_daemon.messages.findings import Found, Rle, Segment
from edge_daemon.messages.frames import Frame
from edge_daemon.messages.outcomes import Outcome
from edge_daemon.sink.annotator import Annotator
from edge_daemon.sink.meter import WINDOW_NS, Meter
from edge_daemon.sink.reorder_buffer import Arrival
from edge_daemon.sink.result_file import LIMIT_BYTES, ResultFile
from edge_daemon.sink.subscriptions import Subscriptions


def test_an_audience_is_whoever_subscribed_to_a_prefix() -> None:
    audience = Subscriptions()
    assert not audience.wants("frame", "door")
    audience.heard(b"\x01frame/door/")
    assert audience.wants("frame", "door")
    assert not audience.wants("frame", "doorbell")
    assert not audience.wants("result", "door")
    audience.heard(b"\x01")
    assert audience.wants("result", "anything"), "the empty prefix is every topic"
    audience.heard(b"\x00")
    audience.heard(b"\x00frame/door/")
    assert not audience.wants("frame", "door")


@pytest.mark.parametrize("noise", [b"", b"\x02frame/", b"hello", b"\x00never/"])
def test_an_audience_ignores_noise(noise: bytes) -> None:
    audience = Subscriptions()
    audience.heard(noise)
    assert not audience.wants("frame", "door")


def test_what_another_model_found_in_a_picture_of_another_size_is_not_drawn() -> None:
    def arrival(side: int, found: Found) -> Arrival:
        frame = Frame(camera="c", epoch=1, seq=0, captured_ns=0, captured_at="", width=side, height=side, codec="raw")
        outcome = Outcome(frame=frame, model="n", worker="n-0", found=found)
        return Arrival(outcome, bytes(3 * side * side), 0)

    mask = Rle(size=(64, 64), counts=rle.encode(np.ones((64, 64), np.uint8), 0, 0, 64, 64))
    gallery = Annotator(85)
    gallery.note(arrival(64, Found(segments=[Segment(class_id=1, class_name="road", area=1.0, mask=mask)])))
    bare = decode_bgr(Annotator(85).jpeg(arrival(32, Found()), []), "jpeg", 32, 32)
    assert np.array_equal(decode_bgr(gallery.jpeg(arrival(32, Found()), ["n"]), "jpeg", 32, 32), bare)
    assert decode_bgr(gallery.jpeg(arrival(64, Found()), ["n"]), "jpeg", 64, 64).max() > 0


def test_a_meter_knows_rate_and_percentiles_of_late() -> None:
    meter = Meter()
    assert (meter.rate(0), meter.percentiles(0)) == (0.0, {})
    for index in range(100):
        meter.add(index * 50_000_000, float(index + 1))  # 20 a second
    now = 99 * 50_000_000
    assert meter.rate(now) == pytest.approx(20, rel=0.05)
    assert meter.percentiles(now) == {"p50": 51, "p90": 91, "p99": 100}
    assert meter.rate(now + WINDOW_NS + 1) == 0.0
    assert meter.percentiles(now + WINDOW_NS + 1) == {}


def test_a_record_appends_lines(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"seq": 0}\n')
    results = ResultFile(str(path))
    results.write(b'{"seq": 1}')
    results.flush()
    assert [json.loads(line)["seq"] for line in path.read_text().splitlines()] == [0, 1], "flushed is written"
    results.write(b'{"seq": 2}')
    results.close()
    assert len(path.read_text().splitlines()) == 3


def test_a_full_disk_is_said_once_and_costs_no_line_that_was_kept(caplog: pytest.LogCaptureFixture) -> None:
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


def test_a_record_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot write results to"):
        ResultFile(str(tmp_path / "no" / "folder"))
