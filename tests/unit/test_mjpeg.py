"""A stream of JPEGs over HTTP, split into its parts."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.capture.mjpeg import MAX_HEAD, MAX_PICTURE, Parts
from edge_daemon.errors import SourceError


def stream(pictures: Sequence[bytes], *, lengths: bool) -> bytes:
    heads = (f"Content-Length: {len(picture)}\r\n" if lengths else "" for picture in pictures)
    return b"".join(
        b"--frame\r\nContent-Type: image/jpeg\r\n" + head.encode() + b"\r\n" + picture + b"\r\n"
        for head, picture in zip(heads, pictures, strict=True)
    )


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8), st.booleans(), st.data())
def test_pictures_come_out_however_the_bytes_are_cut(pictures: list[bytes], lengths: bool, data: st.DataObject) -> None:
    if not lengths:  # then nothing but the boundary tells where one ends
        pictures = [picture.replace(b"--frame", b"") or b"x" for picture in pictures]
    whole = b"preamble\r\n" + stream(pictures, lengths=lengths) + b"--frame\r\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=20)))
    parts = Parts(b"frame")
    found: list[bytes] = []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += parts.feed(whole[start:end])
    assert found == pictures


@given(st.binary(max_size=2000))
def test_any_bytes_are_taken_in_or_refused(data: bytes) -> None:
    parts = Parts(b"b")
    for start in range(0, len(data), 100):
        try:
            list(parts.feed(data[start : start + 100]))
        except SourceError:
            return


def test_what_is_no_such_stream_is_given_up_soon() -> None:
    with pytest.raises(SourceError, match="one picture after another"):
        list(Parts(b"frame").feed(b"x" * (MAX_HEAD + 1)))
    with pytest.raises(SourceError, match="more than"):
        list(Parts(b"frame").feed(b"--frame\r\nContent-Length: %d\r\n\r\n" % (MAX_PICTURE + 1)))
