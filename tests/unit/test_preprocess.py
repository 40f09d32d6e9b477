"""Pictures into tensors, and boxes back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.errors import ModelError
from edge_daemon.models.preprocess import GREY, Fit, Preprocessor, Recipe, enough, place, resize

CORNER_BGR = Recipe(fit="corner", color="bgr", scale=1.0)
CENTRE_RGB = Recipe(fit="letterbox", color="rgb", scale=1 / 255)
GRAY = Recipe(fit="stretch", color="gray", scale=1 / 255)
INSIDE: list[Fit] = ["corner", "letterbox", "stretch"]
FITS = st.sampled_from(INSIDE)
ANY_FIT: st.SearchStrategy[Fit] = st.sampled_from([*INSIDE, "crop"])
SIDES = st.integers(1, 5000)


def tensor_of(height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.full((3, height, width), np.nan, np.float32)


def solid(height: int, width: int, bgr: tuple[int, int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((height, width, 3), bgr, np.uint8)


@given(SIDES, SIDES, st.integers(32, 700), st.integers(32, 700), FITS)
def test_a_picture_lies_inside_the_input_and_touches_two_edges(
    source_height: int, source_width: int, height: int, width: int, fit: Fit
) -> None:
    placement = place((source_height, source_width), (height, width), fit)
    assert placement.left >= 0
    assert placement.top >= 0
    assert 1 <= placement.width <= width - placement.left
    assert 1 <= placement.height <= height - placement.top
    assert placement.width == width or placement.height == height


@given(SIDES, SIDES, st.integers(32, 700), st.integers(32, 700), FITS)
def test_the_whole_picture_comes_back_as_itself(
    source_height: int, source_width: int, height: int, width: int, fit: Fit
) -> None:
    placed = place((source_height, source_width), (height, width), fit)
    whole = np.array([[placed.left, placed.top, placed.left + placed.width, placed.top + placed.height]], np.float32)
    np.testing.assert_allclose(placed.to_source(whole), [[0, 0, source_width, source_height]], rtol=1e-4, atol=1e-3)


@given(FITS, st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4))
def test_boxes_are_clipped_to_the_picture(fit: Fit, box: list[float]) -> None:
    left, top, right, bottom = place((720, 1280), (416, 416), fit).to_source(np.array([box], np.float32))[0]
    assert 0 <= left <= 1280
    assert 0 <= right <= 1280
    assert 0 <= top <= 720
    assert 0 <= bottom <= 720


def test_corner_letterbox_keeps_bgr_and_fills_with_grey() -> None:
    tensor = tensor_of(40, 80)
    Preprocessor(tensor, CORNER_BGR).fill(solid(100, 100, (10, 20, 30)))
    for channel, value in enumerate((10, 20, 30)):
        assert (tensor[channel, :, :40] == value).all()
    assert (tensor[:, :, 40:] == GREY).all()


def test_letterbox_turns_to_rgb_and_scales() -> None:
    tensor = tensor_of(40, 80)
    Preprocessor(tensor, CENTRE_RGB).fill(solid(100, 100, (0, 51, 255)))
    for channel, value in enumerate((1.0, 0.2, 0.0)):
        np.testing.assert_allclose(tensor[channel, :, 20:60], value, atol=1e-6)
    for grey in (tensor[:, :, :20], tensor[:, :, 60:]):
        np.testing.assert_allclose(grey, GREY / 255, atol=1e-6)


def test_stretch_fills_the_whole_input() -> None:
    tensor = tensor_of(40, 80)
    placement = Preprocessor(tensor, Recipe(fit="stretch", color="bgr", scale=1.0)).fill(solid(7, 3, (9, 9, 9)))
    assert (tensor == 9).all()
    np.testing.assert_allclose(placement.to_source(np.array([[0, 0, 80, 40]], np.float32)), [[0, 0, 3, 7]])


@pytest.mark.parametrize("recipe", [CORNER_BGR, CENTRE_RGB], ids=["corner", "letterbox"])
@pytest.mark.parametrize(
    "sizes", [[(1, 1)], [(1, 4000)], [(4000, 1)], [(40, 80)], [(100, 100), (50, 300), (300, 50), (100, 100)]]
)
def test_any_size_fills_the_tensor_and_leaves_nothing_of_the_one_before(
    recipe: Recipe, sizes: list[tuple[int, int]]
) -> None:
    tensor = tensor_of(40, 80)
    preprocessor = Preprocessor(tensor, recipe)
    for number, (height, width) in enumerate(sizes):
        preprocessor.fill(solid(height, width, (200 + number,) * 3))
        np.testing.assert_allclose(
            np.unique(np.round(tensor / recipe.scale)),
            np.unique([GREY, 200 + number] if (height, width) != (40, 80) else [200]),
        )


def test_pictures_may_be_read_only_or_a_part_of_another() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    parts = picture[10:50, 20:100]
    frozen = np.frombuffer(parts.tobytes(), np.uint8).reshape(parts.shape)
    first, second = tensor_of(40, 80), tensor_of(40, 80)
    Preprocessor(first, CORNER_BGR).fill(parts)
    Preprocessor(second, CORNER_BGR).fill(frozen)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first.transpose(1, 2, 0), parts)


@pytest.mark.parametrize(
    "picture",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)],
    ids=["grey", "alpha", "empty"],
)
def test_what_is_no_colour_picture_is_refused(
    picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> None:
    with pytest.raises(ModelError, match="needs a picture of height x width x 3 bytes, not uint8"):
        Preprocessor(tensor_of(40, 80), CORNER_BGR).fill(picture)


def test_channels_last() -> None:
    first, last = tensor_of(40, 80), np.full((40, 80, 3), np.nan, np.float32)
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    Preprocessor(first, CENTRE_RGB).fill(picture)
    Preprocessor(last, CENTRE_RGB, channels_last=True).fill(picture)
    np.testing.assert_array_equal(first.transpose(1, 2, 0), last)


def test_bytes_stay_bytes() -> None:
    tensor = np.zeros((40, 80, 3), np.uint8)
    Preprocessor(tensor, Recipe(fit="corner", color="rgb", scale=1.0), channels_last=True).fill(
        solid(100, 100, (10, 20, 30))
    )
    assert (tensor[:, :40] == (30, 20, 10)).all()
    assert (tensor[:, 40:] == GREY).all()


def test_grey() -> None:
    tensor = np.full((1, 40, 80), np.nan, np.float32)
    Preprocessor(tensor, GRAY).fill(solid(9, 9, (51, 51, 51)))
    np.testing.assert_allclose(tensor, 0.2, atol=1e-6)


def test_mean_and_deviation_of_each_channel() -> None:
    tensor = tensor_of(8, 8)
    recipe = Recipe(fit="stretch", color="rgb", scale=1 / 255, mean=(0.0, 0.1, 0.2), std=(1.0, 0.5, 0.25))
    Preprocessor(tensor, recipe).fill(solid(8, 8, (51, 102, 255)))
    for channel, value in enumerate((1.0, 0.6, 0.0)):
        np.testing.assert_allclose(tensor[channel], value, atol=1e-6)


def test_a_crop_shows_the_middle() -> None:
    tensor = tensor_of(40, 40)
    picture = solid(40, 120, (0, 0, 0))
    picture[:, 40:80] = 255
    recipe = Recipe(fit="crop", color="bgr", scale=1.0)
    placement = Preprocessor(tensor, recipe).fill(picture)
    assert (tensor == 255).all()
    np.testing.assert_allclose(placement.to_source(np.array([[0, 0, 40, 40]], np.float32)), [[40, 0, 80, 40]])


@given(SIDES, SIDES, st.integers(32, 700), st.integers(32, 700), ANY_FIT, st.floats(0, 1), st.floats(0, 1))
def test_points_come_back_where_they_were(
    source_height: int, source_width: int, height: int, width: int, fit: Fit, x: float, y: float
) -> None:
    placed = place((source_height, source_width), (height, width), fit)
    there = np.array([placed.left + x * placed.width, placed.top + y * placed.height], np.float32)
    back = placed.points(there)
    # A float32 of the input's pixels has some 1e-7 of the largest coordinate as its step.
    step = 1e-6 * np.abs([placed.left, placed.top, placed.width, placed.height]).max()
    slack = step * np.array([source_width / placed.width, source_height / placed.height]) + 1e-4
    assert (np.abs(back - [x * source_width, y * source_height]) <= slack).all()


@given(SIDES, SIDES, st.integers(32, 700), st.integers(32, 700), ANY_FIT)
def test_a_reduced_picture_is_never_enlarged_and_lies_where_the_whole_one_would(
    source_height: int, source_width: int, height: int, width: int, fit: Fit
) -> None:
    preprocessor = Preprocessor(tensor_of(height, width), Recipe(fit=fit, color="bgr", scale=1.0))
    size = source_height, source_width
    times = preprocessor.reduction(size)
    placement = place(size, (height, width), fit)
    assert times in (1, 2, 4, 8)
    assert times == 1 or (placement.width * times <= source_width and placement.height * times <= source_height)
    small = solid(-(-source_height // times), -(-source_width // times), (1, 2, 3))
    assert preprocessor.fill(small, size) == placement
    assert preprocessor.fill(small[:1, :1].repeat(3, 0), size) == placement, "whatever size it comes in"


def test_a_reduced_picture_makes_nearly_the_same_tensor() -> None:
    rows, columns = np.mgrid[0:240, 0:320].astype(np.float32)
    picture = np.dstack([rows, columns * 0.7, (rows + columns) * 0.4]).astype(np.uint8)
    whole, reduced = tensor_of(64, 64), tensor_of(64, 64)
    Preprocessor(whole, CENTRE_RGB).fill(picture)
    Preprocessor(reduced, CENTRE_RGB).fill(picture.reshape(120, 2, 160, 2, 3).mean((1, 3)).astype(np.uint8), (240, 320))
    assert np.abs(whole - reduced).max() < 3 / 255


@given(st.integers(1, 300), st.integers(1, 300), st.integers(8, 100), st.integers(8, 100), FITS, st.integers(0, 99))
def test_a_picture_that_was_scaled_where_it_was_read_makes_the_very_same_tensor(
    source_height: int, source_width: int, height: int, width: int, fit: Fit, seed: int
) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (source_height, source_width, 3), np.uint8)
    size = enough(picture.shape[:2], (height, width), "stretch" if fit == "stretch" else "letterbox")
    if size is None:
        return
    whole, scaled = tensor_of(height, width), tensor_of(height, width)
    recipe = Recipe(fit=fit, color="rgb", scale=1 / 255)
    placed = Preprocessor(whole, recipe).fill(picture)
    assert Preprocessor(scaled, recipe).fill(resize(picture, *size), (source_height, source_width)) == placed
    assert (whole == scaled).all()
