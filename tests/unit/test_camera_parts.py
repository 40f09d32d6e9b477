"""What a camera's capture is made of: parts of a stream, patience, and the eye for a frozen picture."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.capture.frozen import FROZEN_S, Frozen
from edge_daemon.capture.mjpeg import MOST_HEAD, MOST_PICTURE, Parts
from edge_daemon.capture.picture import Picture
from edge_daemon.capture.retry import STEADY_S, Retry
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
    with pytest.raises(SourceError, match="no pictures"):
        list(Parts(b"frame").feed(b"x" * (MOST_HEAD + 1)))
    with pytest.raises(SourceError, match="more than"):
        list(Parts(b"frame").feed(b"--frame\r\nContent-Length: %d\r\n\r\n" % (MOST_PICTURE + 1)))


@given(st.lists(st.sampled_from(["refused", "timeout", "not found", "unauthorised", "odd"]), min_size=1, max_size=40))
def test_patience_grows_to_a_limit_and_never_ends(reasons: list[str]) -> None:
    retry = Retry(lambda: 1.0)
    for reason in reasons:
        wait_s = retry.wait_s(reason, 0.0)
        assert 0.5 <= wait_s <= {"refused": 1.0, "timeout": 2.0, "unauthorised": 300.0}.get(reason, 30.0)
        assert reason != "unauthorised" or wait_s >= 30.0, "cameras lock out who knocks too often"


def test_a_camera_that_ran_well_is_tried_again_at_once() -> None:
    retry = Retry(lambda: 1.0)
    assert [retry.wait_s("odd", 0.0) for _ in range(4)] == [0.5, 1.0, 2.0, 4.0]
    assert retry.wait_s("odd", STEADY_S) == 0.5


def test_waits_differ() -> None:
    assert len({Retry().wait_s("odd", 0.0) for _ in range(20)}) > 10


def seen(values: Sequence[int], *, jpeg: bool) -> list[bool]:
    """What is made of a picture a second, each of one grey."""
    frozen = Frozen()
    pixels = {value: np.full((32, 32, 3), value, np.uint8) for value in values}
    return [
        frozen.sees(Picture(float(second), lambda v=value: pixels[v], bytes([value]) if jpeg else None))  # type: ignore[misc]
        for second, value in enumerate(values)
    ]


@pytest.mark.parametrize("jpeg", [True, False])
def test_the_same_picture_again_and_again_is_frozen(jpeg: bool) -> None:
    still = int(FROZEN_S)
    assert seen([1, 2] + [3] * (still + 2), jpeg=jpeg) == [False] * (still + 2) + [True] * 2
    assert not any(seen([1, 2] * still, jpeg=jpeg))
    assert seen([1] * (still + 2) + [2], jpeg=jpeg)[-2:] == [True, False]
