"""Frames survive every codec, and bytes that are not what they should be are refused."""

import contextlib
import struct
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_daemon.errors import PictureError
from edge_daemon.imaging.codecs import decode_bgr, decode_rgb, encode, encode_bgr, encode_rgb, read_rgb
from edge_daemon.imaging.colour import Pixels, bgr_to_rgb, rgb_array
from edge_daemon.imaging.header import read_header
from edge_daemon.settings import Codec

CODECS: list[Codec] = [codec for codec in get_args(Codec) if codec != "auto"]
FILES: list[Codec] = ["jpeg", "png", "webp"]
SIZES = [(1, 1), (1, 7), (9, 1), (33, 17), (64, 48)]
PURE = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]

small = arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3)))


def plain(width: int, height: int, colour: tuple[int, int, int]) -> Pixels:
    return np.full((height, width, 3), colour, np.uint8)


@pytest.mark.parametrize("colour", PURE)
@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("codec", CODECS)
def test_pure_colours_stay_what_they_are(codec: Codec, width: int, height: int, colour: tuple[int, int, int]) -> None:
    picture = plain(width, height, colour)
    as_bgr = decode_bgr(encode_bgr(picture, codec), codec, width, height)
    as_rgb = decode_rgb(encode_rgb(picture, codec), codec, width, height)
    for result in (as_bgr, as_rgb):
        assert result.shape == picture.shape
        assert np.abs(result.astype(int) - picture).max() <= (0 if codec in ("raw", "png") else 6)


@pytest.mark.parametrize("codec", FILES)
def test_files_know_their_colours(codec: Codec) -> None:
    red = decode_rgb(encode_bgr(plain(8, 8, (0, 0, 255)), codec), codec, 8, 8)
    assert np.abs(red.astype(int) - (255, 0, 0)).max() <= 6
    red = decode_bgr(encode_rgb(plain(8, 8, (255, 0, 0)), codec), codec, 8, 8)
    assert np.abs(red.astype(int) - (0, 0, 255)).max() <= 6


@given(small, st.sampled_from(["raw", "png"]))
def test_lossless_codecs_lose_nothing(picture: Pixels, codec: Codec) -> None:
    height, width = picture.shape[:2]
    picture.flags.writeable = False
    assert np.array_equal(decode_bgr(encode_bgr(picture, codec), codec, width, height), picture)
    assert np.array_equal(decode_rgb(encode_rgb(picture, codec), codec, width, height), picture)
    flipped = picture[:, ::-1]
    assert np.array_equal(decode_bgr(bytes(encode_bgr(flipped, codec)), codec, width, height), flipped)


def test_raw_copies_nothing_and_cannot_be_written_to() -> None:
    picture = plain(4, 3, (1, 2, 3))
    data = encode_bgr(picture, "raw")
    decoded = decode_bgr(data, "raw", 4, 3)
    assert len(data) == 36
    assert np.shares_memory(decoded, picture)
    assert not decoded.flags.writeable
    assert picture.flags.writeable


@given(small, st.sampled_from(FILES))
def test_headers_tell_the_size(picture: Pixels, codec: Codec) -> None:
    data = encode_bgr(picture, codec)
    height, width = picture.shape[:2]
    assert read_header(data) == (codec, width, height)
    with pytest.raises(PictureError, match=f"should be {codec} of {width + 1}x{height}, but are {codec} of {width}x"):
        decode_bgr(data, codec, width + 1, height)


@given(st.binary(max_size=64))
def test_headers_of_anything_are_read_without_a_fall(tail: bytes) -> None:
    starts = (
        b"",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        *(b"RIFF\0\0\0\0WEBPVP8" + c for c in (b" ", b"L", b"X")),
    )
    for start in starts:
        read_header(start + tail)


@pytest.mark.parametrize("codec", FILES)
@given(data=st.data())
def test_damaged_bytes_are_refused_or_decoded(codec: Codec, data: st.DataObject) -> None:
    whole = bytearray(encode_bgr(np.arange(24 * 32 * 3, dtype=np.uint8).reshape(24, 32, 3), codec))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(PictureError):
        assert decode_rgb(whole, codec, 32, 24).shape == (24, 32, 3)


@pytest.mark.parametrize("codec", FILES)
@given(kept=st.floats(0, 0.99))
def test_truncated_bytes_are_refused(codec: Codec, kept: float) -> None:
    whole = bytes(encode_bgr(np.arange(24 * 32 * 3, dtype=np.uint8).reshape(24, 32, 3), codec))
    with pytest.raises(PictureError, match=r"damaged or incomplete|something else"):
        decode_bgr(whole[: int(kept * len(whole))], codec, 32, 24)


@pytest.mark.parametrize("size", [0, 35, 37])
def test_raw_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(PictureError, match=f"a raw picture of 4x3 has 36 bytes, not {size}"):
        decode_bgr(bytes(size), "raw", 4, 3)


@pytest.mark.parametrize(
    ("width", "height", "message"),
    [
        (0, 3, "0x3 has no pixels"),
        (-4, -3, "-4x-3 has no pixels"),
        (60000, 60000, "60000x60000 is too large"),
    ],
)
def test_sizes_out_of_bounds_are_refused(width: int, height: int, message: str) -> None:
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">ii5B", width, height, 8, 2, 0, 0, 0)
    with pytest.raises(PictureError, match=message):
        decode_bgr(header, "png", width, height)


def test_a_limit_of_the_callers_is_kept() -> None:
    data = encode_rgb(plain(8, 8, (0, 0, 0)), "png")
    assert decode_rgb(data, "png", 8, 8, max_pixels=64).shape == (8, 8, 3)
    with pytest.raises(PictureError, match="8x8 is too large: the limit is 63 pixels"):
        decode_rgb(data, "png", 8, 8, max_pixels=63)


def test_what_cannot_be_encoded_is_refused_in_words() -> None:
    black = plain(2, 2, (0, 0, 0))
    with pytest.raises(PictureError, match="unknown format 'auto'"):
        encode_bgr(black, "auto")
    with pytest.raises(PictureError, match="quality must be from 1 to 100, not 0"):
        encode_rgb(black, "jpeg", 0)
    with pytest.raises(PictureError, match="1x20000 does not fit in webp: a side has at most 16383 pixels"):
        encode_rgb(plain(1, 20000, (0, 0, 0)), "webp")
    with pytest.raises(PictureError, match="70000x1 does not fit in jpeg"):
        encode_bgr(plain(70000, 1, (0, 0, 0)), "jpeg")


@pytest.mark.parametrize("codec", ["jpeg", "webp"])
def test_quality_costs_bytes(codec: Codec) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert len(encode_bgr(noise, codec, 95)) > len(encode_bgr(noise, codec, 30)) * 1.5


@pytest.mark.parametrize("codec", FILES)
def test_encode_takes_files_and_bytes(codec: Codec, tmp_path: Path) -> None:
    red = plain(5, 4, (255, 0, 0))
    file = tmp_path / "red.png"
    file.write_bytes(encode_rgb(red, "png"))
    for picture in (file, str(file), file.read_bytes()):
        result = rgb_array(read_rgb(encode(picture, codec)))
        assert np.abs(result.astype(int) - red).max() <= 6
    assert encode(file, "raw") == red.tobytes()


def test_encode_names_the_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"none\.png cannot be read: No such file"):
        encode(tmp_path / "none.png", "jpeg")


def test_bgr_and_rgb_encoders_agree() -> None:
    bgr = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
    for codec in FILES:
        assert encode_bgr(bgr, codec) == encode_rgb(bgr_to_rgb(bgr), codec)


@given(st.integers(1, 200), st.integers(1, 200), st.sampled_from([1, 2, 4, 8]))
def test_a_jpeg_comes_as_small_as_is_wanted(width: int, height: int, reduced: int) -> None:
    data = encode_bgr(plain(width, height, (10, 200, 90)), "jpeg")
    small = decode_bgr(data, "jpeg", width, height, reduced=reduced)
    assert small.shape == (-(-height // reduced), -(-width // reduced), 3)
    assert np.abs(small.astype(int) - (10, 200, 90)).max() <= 6


@given(st.sampled_from(["raw", "png", "webp"]), st.integers(1, 200), st.integers(1, 200), st.sampled_from([2, 4, 8]))
def test_other_formats_come_whole(codec: Codec, width: int, height: int, reduced: int) -> None:
    data = encode_bgr(plain(width, height, (10, 200, 90)), codec)
    assert decode_bgr(data, codec, width, height, reduced=reduced).shape == (height, width, 3)
