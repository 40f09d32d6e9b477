"""Parameter sets of H.264 and H.265, found in packets and beside streams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.media.parameter_sets import extradata_of, parameter_sets

SPS, PPS, IDR = b"\x67\x42\xc0\x16", b"\x68\xce\x3c\x80\x01", b"\x65\x88\x80"
VPS, SPS5, PPS5, IDR5 = b"\x40\x01\x0c", b"\x42\x01\x01", b"\x44\x01\xc1", b"\x26\x01\xaf"


def stream(*units: bytes, start: bytes = b"\0\0\0\1") -> bytes:
    return b"".join(start + unit for unit in units)


@pytest.mark.parametrize("start", [b"\0\0\1", b"\0\0\0\1"])
def test_sets_before_the_first_slice_are_found(start: bytes) -> None:
    assert list(parameter_sets("h264", stream(b"\x09\xf0", SPS, PPS, IDR, start=start))) == [SPS, PPS]
    assert list(parameter_sets("hevc", stream(VPS, SPS5, PPS5, IDR5, start=start))) == [VPS, SPS5, PPS5]
    assert not parameter_sets("h264", stream(IDR, SPS)), "of the next picture, if of any"


def test_zeros_after_a_unit_are_not_part_of_it() -> None:
    assert list(parameter_sets("h264", stream(SPS + b"\0\0\0", PPS))) == [SPS, PPS]


def test_what_has_lengths_instead_of_start_codes_has_its_sets_elsewhere() -> None:
    assert not parameter_sets("h264", b"\x01\x64\0\x0d\xff\xe1\0\x04" + SPS)
    assert not parameter_sets("h264", len(IDR).to_bytes(4, "big") + IDR)
    assert not parameter_sets("mjpeg", stream(SPS, PPS))


def test_only_complete_sets_replace_those_that_are_known() -> None:
    both = parameter_sets("h264", stream(SPS, PPS))
    assert extradata_of("h264", both) == stream(SPS, PPS)
    assert extradata_of("h264", parameter_sets("h264", stream(SPS))) is None
    assert extradata_of("hevc", parameter_sets("hevc", stream(VPS, SPS5, PPS5))) == stream(VPS, SPS5, PPS5)
    assert extradata_of("hevc", parameter_sets("hevc", stream(SPS5, PPS5))) is None
    assert extradata_of("mpeg4", {}) is None


@given(st.sampled_from(["h264", "hevc"]), st.binary(max_size=300))
def test_any_bytes_are_taken(codec: str, data: bytes) -> None:
    parameter_sets(codec, data)
    parameter_sets(codec, b"\0\0\1" + data)
