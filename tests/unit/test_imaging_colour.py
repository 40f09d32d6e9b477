"""BGR and RGB are never confused, and no other kind of picture slips through."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from edge_daemon.errors import PictureError
from edge_daemon.imaging.colour import (
    Pixels,
    bgr_from_image,
    bgr_to_rgb,
    rgb_array,
    rgb_image,
    rgb_to_bgr,
)

pictures = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)))


@given(pictures)
def test_conversions_swap_red_and_blue_and_undo_each_other(bgr: Pixels) -> None:
    rgb = bgr_to_rgb(bgr)
    assert np.array_equal(rgb, bgr[:, :, ::-1])
    assert np.array_equal(rgb_to_bgr(rgb), bgr)
    assert np.array_equal(rgb_array(rgb_image(bgr)), rgb)
    assert np.array_equal(bgr_from_image(rgb_image(bgr)), bgr)


@given(pictures)
def test_results_are_contiguous_writable_copies(picture: Pixels) -> None:
    flipped = picture[::-1, ::-1]
    flipped.flags.writeable = False
    image = rgb_image(flipped)
    for result in (bgr_to_rgb(flipped), rgb_to_bgr(flipped), rgb_array(image), bgr_from_image(image)):
        assert result.flags.c_contiguous
        assert result.flags.writeable
        assert not np.shares_memory(result, picture)


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((2, 2), np.uint8),
        np.zeros((2, 2, 4), np.uint8),
        np.zeros((2, 2, 3)),
        np.zeros((0, 2, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused(picture: Pixels) -> None:
    for convert in (bgr_to_rgb, rgb_to_bgr, rgb_image):
        with pytest.raises(PictureError, match="height x width x 3"):
            convert(picture)


def test_images_of_other_modes_are_refused() -> None:
    for convert in (rgb_array, bgr_from_image):
        with pytest.raises(PictureError, match="must have mode RGB, not RGBA"):
            convert(Image.new("RGBA", (2, 2)))
