"""The work that a JPEG is to decode is known before it is decoded, and limited."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.errors import TooLargeError
from edge_daemon.imaging.codecs import decode_bgr, encode_bgr
from edge_daemon.imaging.pictures import read_bgr, read_rgb
from edge_daemon.imaging.work import MAX_WORK, SCAN, check_work, count_scans
from tests.progressive import progressive

SIDE = 8000
MOST = MAX_WORK // (SIDE * SIDE + SCAN)
FRAME = bytes.fromhex("ffd8 ffc2000b 08 0001 0001 01 01 11 00")
EMPTY_SCAN = bytes.fromhex("ffda0002")


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2, "big") + content


def test_scans_are_counted_as_a_decoder_does() -> None:
    assert count_scans(progressive(64, 64, 7)) == 7
    thumbnail = segment(0xE1, progressive(8, 8, 5))
    assert count_scans(b"\xff\xd8" + thumbnail + progressive(64, 64, 7)[2:]) == 7
    assert count_scans(FRAME + b"\xff\xff\xff" + EMPTY_SCAN * 3 + b"\xff\xd9" + EMPTY_SCAN) == 3
    assert count_scans(FRAME + EMPTY_SCAN + b"\x01\xff\x00\xff\xd3\x02" + EMPTY_SCAN) == 2, "restarts are no scans"


@given(st.lists(st.sampled_from([b"\xff", b"\xda", b"\x00", b"\x02", b"\xd9", b"\xe1"])).map(b"".join))
def test_there_are_no_more_scans_than_their_markers(tail: bytes) -> None:
    assert count_scans(b"\xff\xd8" + tail) <= tail.count(b"\xff\xda")


def test_as_many_scans_as_encoders_write_are_decoded() -> None:
    check_work(progressive(SIDE, SIDE, MOST))
    assert MOST > 10
    with pytest.raises(TooLargeError, match=f"8000x8000 with {MOST + 1} scans takes too long"):
        check_work(progressive(SIDE, SIDE, MOST + 1))
    check_work(b"\x89PNG" + EMPTY_SCAN * 1_000_000)


def test_markers_in_metadata_are_no_scans() -> None:
    data = progressive(SIDE, SIDE, 3)
    check_work(b"\xff\xd8" + segment(0xE1, EMPTY_SCAN * 1000) + data[2:])


def test_scans_of_tiny_pictures_count_too() -> None:
    most = MAX_WORK // (1 + SCAN)
    check_work(FRAME + EMPTY_SCAN * most)
    with pytest.raises(TooLargeError):
        check_work(FRAME + EMPTY_SCAN * (most + 1))


def test_every_reader_refuses_at_once() -> None:
    data = progressive(SIDE, SIDE, 500)
    began = time.process_time()
    for read in (read_bgr, read_rgb, lambda data: decode_bgr(data, "jpeg", SIDE, SIDE)):
        with pytest.raises(TooLargeError, match="with 500 scans"):
            read(data)
    assert time.process_time() - began < 2, "decoded once, it takes 30 s"


def test_what_is_ordinary_costs_next_to_nothing() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1080, 1920, 3), np.uint8)
    data = encode_bgr(noise, "jpeg", quality=90)

    def cost_s(work: Callable[[], object]) -> float:
        began = time.process_time()
        for _ in range(3):
            work()
        return time.process_time() - began

    checking = min(cost_s(lambda: check_work(data)) for _ in range(3))
    assert checking < min(cost_s(lambda: decode_bgr(data, "jpeg", 1920, 1080)) for _ in range(3)) / 10
