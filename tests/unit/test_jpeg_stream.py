"""A stream of JPEGs over HTTP, split into its pictures, however the camera marks where they begin and end."""

import struct
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.capture.jpeg_stream import MAX_HEAD, MAX_PICTURE, JpegStream
from edge_daemon.errors import SourceError
from tests.http_camera import jpeg

IMAGE = b"Content-Type: image/jpeg\r\n"


def length(part: bytes) -> bytes:
    return b"Content-Length: %d\r\n" % len(part)


FRAMINGS: dict[str, Callable[[bytes], bytes]] = {
    "usual": lambda part: b"--cam\r\n" + IMAGE + length(part) + b"\r\n" + part + b"\r\n",
    "no length": lambda part: b"--cam\r\n" + IMAGE + b"\r\n" + part + b"\r\n",
    "length 0": lambda part: b"--cam\r\n" + IMAGE + b"Content-Length: 0\r\n\r\n" + part + b"\r\n",
    "length too small": lambda part: b"--cam\r\n" + IMAGE + b"Content-Length: 60\r\n\r\n" + part + b"\r\n",
    "length too large": lambda part: b"--cam\r\n" + IMAGE + length(part + bytes(40)) + b"\r\n" + part + b"\r\n",
    "only line feeds": lambda part: b"--cam\n" + IMAGE[:-2] + b"\n" + length(part)[:-2] + b"\n\n" + part + b"\n",
    "no dashes": lambda part: b"cam\r\n" + IMAGE + b"\r\n" + part + b"\r\n",
    "four dashes": lambda part: b"----cam\r\n" + IMAGE + b"\r\n" + part + b"\r\n",
    "no header": lambda part: b"--cam\r\n\r\n" + part + b"\r\n",
    "blank line before": lambda part: b"--cam\r\n" + IMAGE + length(b"\r\n" + part) + b"\r\n\r\n" + part + b"\r\n",
    "boundary with spaces": lambda part: (
        b"--my cam--\r\nDate: 1: 2\r\n" + length(part) + IMAGE + b"\r\n" + part + b"\r\n"
    ),
    "length beside the boundary": lambda part: b"--cam--" + length(part) + IMAGE + b"\r\n" + part + b"\r\n",
    "padding": lambda part: b"--cam\r\n" + IMAGE + length(part + bytes(3)) + b"\r\n" + part + bytes(3) + b"\r\n",
    "text between": lambda part: (
        b"--cam\r\n" + IMAGE + b"\r\n" + part + b"\r\n--cam\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
    ),
    "empty part between": lambda part: (
        b"--cam\r\n" + IMAGE + b"\r\n" + part + b"\r\n--cam\r\nContent-Length: 0\r\n" + IMAGE + b"\r\n\r\n"
    ),
    "one after another": lambda part: part,
    "line breaks between": lambda part: part + b"\r\n",
}


def segment(marker: int, content: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


@st.composite
def jpegs(draw: st.DrawFn) -> bytes:
    """Anything with the markers of a JPEG, whose segments may hold any bytes, those of other pictures too."""
    inner = st.one_of(st.binary(max_size=40), st.just(b"\xff\xd8\xff\xd9"), st.just(b"\r\n--cam\r\n\r\n"))
    segments = b"".join(segment(0xE1, draw(inner)) for _ in range(draw(st.integers(0, 3))))
    coded = draw(st.binary(max_size=100)).replace(b"\xff", b"\xff\x00")
    return b"\xff\xd8" + segments + segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + coded + b"\xff\xd9"


def fed(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    stream, found = JpegStream(), list[bytes]()
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        found += stream.feed(data[start:end])
    return found


@given(st.sampled_from(sorted(FRAMINGS)), st.lists(jpegs(), max_size=6), st.data())
def test_pictures_come_out_whatever_is_between_them_and_however_the_bytes_are_cut(
    framing: str, pictures: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(FRAMINGS[framing](picture) for picture in pictures)
    if framing == "length too large":  # the last one has to be waited for
        whole += b"--cam\r\n" + IMAGE + b"\r\n" + bytes(40)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=20)))
    found = fed(whole, cuts)
    assert [part for part in found if part] == pictures


@pytest.mark.parametrize("framing", ["usual", "no length", "no dashes", "one after another", "only line feeds"])
def test_a_picture_without_its_end_marker_ends_before_the_next_one(framing: str) -> None:
    whole = jpeg(100, 64, 48)
    stream = FRAMINGS[framing](whole[:-2]) * 3
    first, second, *_ = fed(stream, range(0, len(stream), 7))
    assert first == second
    assert first.startswith(whole[:-2])
    assert len(first) <= len(whole) + 8, "no more than a boundary without dashes may be left at its end"


def test_a_part_that_is_no_jpeg_is_reported_as_one_and_passed_over() -> None:
    good = jpeg(100, 64, 48)
    usual = FRAMINGS["usual"]
    stream = usual(good) + usual(good[300:]) + usual(b"not a picture") + usual(good)
    for size in (1, 50, 5000):
        assert fed(stream, range(size, len(stream), size)) == [good, b"", b"", good]


def test_a_second_picture_in_a_part_is_none_of_the_stream() -> None:
    """Some cameras append a preview (CIPA DC-007)."""
    good, preview = jpeg(100, 64, 48), jpeg(50, 16, 16)
    assert fed(FRAMINGS["usual"](good + preview) * 2, []) == [good, good]


@given(st.binary(max_size=2000))
def test_any_bytes_are_taken_in_or_refused(data: bytes) -> None:
    stream = JpegStream()
    for start in range(0, len(data), 100):
        try:
            list(stream.feed(data[start : start + 100]))
        except SourceError:
            return


def test_a_stream_of_another_kind_is_given_up_soon() -> None:
    with pytest.raises(SourceError, match="one picture after another"):
        list(JpegStream().feed(b"x" * (MAX_HEAD + 1)))
    with pytest.raises(SourceError, match="more than"):
        list(JpegStream().feed(b"--cam\r\nContent-Length: %d\r\n\r\n" % (MAX_PICTURE + 1)))
    with pytest.raises(SourceError, match="more than"):
        list(JpegStream().feed(b"\xff\xd8" + bytes(MAX_PICTURE)))
