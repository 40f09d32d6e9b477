"""Run lengths tell exactly the mask they were made of, are COCO's own, and damaged ones are refused."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge_daemon.errors import PictureError
from edge_daemon.imaging.rle import area, decode, encode

Crop = NDArray[np.bool_]

crops = arrays(np.bool_, st.tuples(st.integers(0, 24), st.integers(0, 24)))
sides = st.integers(1, 24)
places = st.integers(-30, 30)


def whole(crop: Crop, left: int, top: int, width: int, height: int) -> NDArray[np.uint8]:
    """The full picture, cut out of a larger one."""
    room = np.zeros((200, 200), np.uint8)
    room[50 + top : 50 + top + crop.shape[0], 50 + left : 50 + left + crop.shape[1]] = crop
    return room[50 : 50 + height, 50 : 50 + width]


@given(crops, places, places, sides, sides)
def test_a_crop_is_decoded_where_it_was_and_cut_at_the_picture(
    crop: Crop, left: int, top: int, width: int, height: int
) -> None:
    counts = encode(crop, left, top, width, height)
    picture = whole(crop, left, top, width, height)
    decoded = decode(counts, width, height)
    assert decoded.dtype == np.uint8
    assert np.array_equal(decoded, picture)
    assert area(counts) == picture.sum()


@given(crops, places, places, sides, sides)
def test_strings_are_those_of_pycocotools(crop: Crop, left: int, top: int, width: int, height: int) -> None:
    coco = pytest.importorskip("pycocotools.mask")
    counts = encode(crop, left, top, width, height)
    theirs = coco.encode(np.asfortranarray(whole(crop, left, top, width, height)))
    assert counts.encode() == theirs["counts"]
    assert area(counts) == coco.area(theirs)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (8000, 8000)])
def test_large_pictures_have_numbers_of_many_groups(width: int, height: int) -> None:
    blob = np.hypot(*np.mgrid[-90:90, -60:60]) < 55
    for crop, left, top in ((blob, width // 2, height // 2), (blob, width - 60, height - 90), (np.eye(3) > 0, 0, 0)):
        counts = encode(crop, left, top, width, height)
        decoded = decode(counts, width, height)
        inside = decoded[top : top + crop.shape[0], left : left + crop.shape[1]]
        assert np.array_equal(inside, crop[: height - top, : width - left])
        assert decoded.sum() == inside.sum() == area(counts)


@pytest.mark.parametrize(
    ("crop", "counts"),
    [
        (np.zeros((0, 0), np.bool_), "<"),
        (np.zeros((3, 4), np.bool_), "<"),
        (np.ones((3, 4), np.bool_), "0<"),
        (np.ones((1, 1), np.uint8), "01;"),
        (np.full((1, 1), 255, np.uint8), "01;"),
        (np.eye(3, 4, dtype=np.bool_), "0130000"),
    ],
)
def test_what_the_strings_look_like(crop: Crop, counts: str) -> None:
    assert encode(crop, 0, 0, 4, 3) == counts


def test_any_layout_of_memory_will_do() -> None:
    crop = np.random.default_rng(3).random((9, 7)) < 0.5
    for view in (crop[::-1], crop[:, ::2], crop.T, np.asfortranarray(crop)):
        view.flags.writeable = False
        assert np.array_equal(decode(encode(view, 0, 0, 9, 9), 9, 9)[: len(view), : view.shape[1]], view)


@pytest.mark.parametrize("crop", [np.zeros((2, 2)), np.zeros((2, 2, 1), np.bool_), np.zeros(4, np.uint8)])
def test_other_arrays_are_no_masks(crop: Crop) -> None:
    with pytest.raises(PictureError, match="a mask must be height x width of bool or uint8, not"):
        encode(crop, 0, 0, 9, 9)


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, -1), (1 << 20, 1 << 20)])
def test_absurd_sizes_are_refused(width: int, height: int) -> None:
    with pytest.raises(PictureError, match=r"has no pixels|is too large"):
        encode(np.ones((2, 2), np.bool_), 0, 0, width, height)
    with pytest.raises(PictureError, match=r"has no pixels|is too large"):
        decode("<", width, height)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ("", "not valid run lengths of a mask: b'', 0 characters"),
        ("hallo!", "not valid run lengths of a mask: b'hallo!', 6 characters"),
        ("<\n", "not valid run lengths"),
        ("ü", "not valid run lengths"),
        ("\ud800", "not valid run lengths"),
        (b"\xff\x00", "not valid run lengths"),
        ("<p", "not valid run lengths"),
        ("l", "not valid run lengths"),
        ("<0;", "run lengths of 23 pixels do not fit a picture of 4x3"),
        (";", "run lengths of 11 pixels do not fit"),
        ("oooooooo0", "a number that is too large"),
        ("ooooooooo?", "a number that is too large"),
        ("O=", "a negative run"),
    ],
)
def test_malformed_strings_are_refused_in_words(counts: str | bytes, message: str) -> None:
    with pytest.raises(PictureError, match=message):
        decode(counts, 4, 3)


@given(st.one_of(st.binary(max_size=40), st.text(max_size=40), st.text(st.characters(codec="ascii"), max_size=40)))
def test_any_string_is_decoded_or_refused(counts: str | bytes) -> None:
    with contextlib.suppress(PictureError):
        assert area(counts) >= 0
    with contextlib.suppress(PictureError):
        assert decode(counts, 5, 4).sum() == area(counts)


@given(crops, st.data())
def test_damaged_strings_are_decoded_or_refused(crop: Crop, data: st.DataObject) -> None:
    counts = bytearray(encode(crop, 2, 2, 30, 30).encode())
    counts[data.draw(st.integers(0, len(counts) - 1))] = data.draw(st.integers(48, 111))
    with contextlib.suppress(PictureError):
        assert decode(bytes(counts), 30, 30).shape == (30, 30)


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of pycocotools 2.0.11 with NumPy 2
@given(st.lists(st.integers(0, 9), min_size=1, max_size=8))
def test_runs_of_nothing_between_others_are_understood_as_pycocotools_does(runs: list[int]) -> None:
    coco = pytest.importorskip("pycocotools.mask")
    size = sum(runs)
    if size:
        theirs = coco.frPyObjects({"size": [size, 1], "counts": runs}, size, 1)
        assert np.array_equal(decode(theirs["counts"], 1, size), coco.decode(theirs))
