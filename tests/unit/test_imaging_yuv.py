"""Planes of video become the same colours whichever way they are made pictures."""

from typing import Literal

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_daemon.errors import PictureError
from edge_daemon.imaging.grey import small_grey
from edge_daemon.imaging.yuv import Yuv, small_bgr
from edge_daemon.messages.frames import Matrix, YuvFormat

WEIGHTS: dict[Matrix, tuple[float, float, float]] = {
    "bt601": (0.299, 0.587, 0.114),
    "bt709": (0.2126, 0.7152, 0.0722),
    "bt2020": (0.2627, 0.678, 0.0593),
}
FORMATS = [YuvFormat(matrix, full) for matrix in WEIGHTS for full in (False, True)]
COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
    "skin": (224, 172, 105),
}
SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


def coded(rgb: tuple[int, int, int], form: YuvFormat) -> tuple[int, int, int]:
    """A colour in Y, U and V, by the recommendation's own formula."""
    red, green, blue = WEIGHTS[form.matrix]
    r, g, b = (value / 255 for value in rgb)
    y = red * r + green * g + blue * b
    u, v = (b - y) / (2 * (1 - blue)), (r - y) / (2 * (1 - red))
    scale_y, scale_c, black = (255, 255, 0) if form.full else (219, 224, 16)
    return round(black + scale_y * y), min(255, round(128 + scale_c * u)), min(255, round(128 + scale_c * v))


def plain(rgb: tuple[int, int, int], form: YuvFormat, width: int, height: int) -> Yuv:
    """A picture of one colour."""
    y, u, v = coded(rgb, form)
    half = -(-height // 2), -(-width // 2)
    return Yuv(np.full((height, width), y, np.uint8), np.full(half, u, np.uint8), np.full(half, v, np.uint8), form)


@st.composite
def pictures(draw: st.DrawFn) -> Yuv:
    """Any planes, lying in memory with gaps between their lines as decoders leave them."""
    width, height = draw(SIZES)
    shapes = (height, width), (-(-height // 2), -(-width // 2)), (-(-height // 2), -(-width // 2))
    padded = [draw(arrays(np.uint8, (down, across + draw(st.integers(0, 3))))) for down, across in shapes]
    y, u, v = (plane[:, :across] for plane, (_, across) in zip(padded, shapes, strict=True))
    return Yuv(y, u, v, draw(st.sampled_from(FORMATS)))


def travelling(picture: Yuv) -> memoryview:
    """Planes as they are sent: one after the other, without gaps."""
    return np.concatenate([plane.ravel() for plane in picture.planes]).data


@pytest.mark.parametrize("size", [(64, 48), (33, 21), (1, 1)])
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", COLOURS)
def test_a_colour_stays_what_it_is(name: str, form: YuvFormat, size: tuple[int, int]) -> None:
    picture = plain(COLOURS[name], form, *size)
    made = {
        "rgb": picture.rgb(),
        "bgr": picture.bgr()[..., ::-1],
        "scaled": picture.scaled_bgr(7, 5)[..., ::-1],
    }
    for way, rgb in made.items():
        furthest = np.abs(rgb.astype(int) - COLOURS[name]).max()
        assert furthest <= 4, f"{way} is {rgb[0, 0]}"


@given(pictures())
def test_it_travels_as_bytes(picture: Yuv) -> None:
    width, height = picture.size
    again = Yuv.of(travelling(picture), width, height, picture.format)
    for before, after in ((picture.y, again.y), (picture.u, again.u), (picture.v, again.v)):
        assert np.array_equal(before, after)
    assert again.format == picture.format


@given(picture=pictures(), size=SIZES)
def test_scaled_where_it_was_read_it_is_the_very_same(picture: Yuv, size: tuple[int, int]) -> None:
    """A model sees the same of a frame whether somebody watches, and all of it travels, or not."""
    travelled = Yuv.of(travelling(picture), *picture.size, picture.format)
    scaled = picture.scaled_bgr(*size)
    assert scaled.shape == (size[1], size[0], 3)
    assert np.array_equal(scaled, travelled.scaled_bgr(*size))
    assert np.array_equal(scaled, small_bgr(picture, size[1], size[0]))


@given(picture=pictures())
def test_rgb_and_bgr_are_the_same_picture(picture: Yuv) -> None:
    assert np.array_equal(picture.rgb(), picture.bgr()[..., ::-1])
    assert picture.rgb().flags.writeable, "it is drawn into"


@given(picture=pictures(), more=st.integers(-8, 8).filter(bool))
def test_another_number_of_bytes_is_refused(picture: Yuv, more: int) -> None:
    data = bytes(travelling(picture))
    wrong = data + bytes(more) if more > 0 else data[:more]
    with pytest.raises(PictureError, match="are not a YUV picture of"):
        Yuv.of(wrong, *picture.size, picture.format)


def test_too_large_a_picture_is_refused() -> None:
    with pytest.raises(PictureError):
        Yuv.of(b"", 1 << 20, 1 << 20, YuvFormat())


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("value", [0, 80, 255])
def test_grey_is_as_bright_as_that_of_bgr(value: int, full: bool) -> None:
    picture = plain((value, value, value), YuvFormat("bt601", full), 640, 360)
    of_bgr = small_grey(picture.bgr(), 160)
    assert np.abs(small_grey(picture, 160).astype(int) - of_bgr).max() <= 2
    assert of_bgr.shape == (90, 160)


@pytest.mark.parametrize("order", ["bgr", "rgb"])
def test_edges_are_where_they_were(order: Literal["bgr", "rgb"]) -> None:
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[8:24, 16:48] = 255
    planes = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
    picture = Yuv.of(planes.data, 64, 48, YuvFormat())
    made = picture.bgr() if order == "bgr" else picture.rgb()
    assert np.abs(made.astype(int) - rgb).max() <= 3
    small = picture.scaled_bgr(32, 24)
    assert small[4:12, 8:24].min() >= 250
    assert small[:4].max() <= 3
