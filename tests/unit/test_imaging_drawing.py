"""Boxes are drawn where they are, in the colour of their class, whatever numbers come."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_daemon.errors import PictureError
from edge_daemon.imaging.drawing import colour, draw_boxes, font_size, ink
from edge_daemon.imaging.fonts import Fonts
from edge_daemon.imaging.labels import Labels, line_height

LABELS = Labels(Fonts([]))


def test_the_line_lies_on_the_box_and_nothing_lies_inside() -> None:
    rgb = np.zeros((360, 360, 3), np.uint8)
    draw_boxes(rgb, np.array([[100, 120, 200, 240.0]]), [3], [""], LABELS)
    wanted = np.zeros((360, 360), bool)
    wanted[120:241, 100:201] = True
    wanted[121:240, 101:200] = False
    assert np.array_equal((rgb == colour(3)).all(axis=2), wanted)
    assert not rgb[~wanted].any()


def test_lines_and_letters_grow_with_the_picture() -> None:
    for side, line in ((50, 1), (720, 2), (2160, 6)):
        rgb = np.zeros((side, side, 3), np.uint8)
        draw_boxes(rgb, np.array([[0.25 * side, 0.25 * side, 0.75 * side, 0.75 * side]]), [0], [""], LABELS)
        assert (rgb[side // 2].any(axis=1)).sum() == 2 * line
    assert font_size(64, 64) < font_size(1280, 720) < font_size(3840, 2160)


def test_the_caption_stands_above_the_box_or_in_it_where_there_is_no_room() -> None:
    height = line_height(font_size(400, 300))
    for top, where in ((150, slice(150 - height, 150)), (0, slice(0, height)), (5, slice(5, 5 + height))):
        rgb = np.zeros((300, 400, 3), np.uint8)
        draw_boxes(rgb, np.array([[50, top, 350, 290.0]]), [1], ["person 0.91"], LABELS)
        tab = rgb[where, 51:60]
        assert (tab == colour(1)).all(axis=2).mean() > 0.5
        assert (rgb[where, 51:150] == ink(colour(1))).all(axis=2).any()


def test_the_caption_of_a_box_at_the_right_edge_is_whole() -> None:
    there, here = np.zeros((2, 200, 300, 3), np.uint8)
    draw_boxes(there, np.array([[100, 100, 250, 180.0]]), [1], ["person 0.91"], LABELS)
    draw_boxes(here, np.array([[295, 100, 400, 180.0]]), [1], ["person 0.91"], LABELS)
    dark = [(picture == ink(colour(1))).all(axis=2)[80:99].sum() for picture in (there, here)]
    assert (there[:99] > 0).any(axis=2).sum() == (here[:99] > 0).any(axis=2).sum()
    assert dark[0] > 0


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    arrays(np.float32, st.tuples(st.integers(0, 5), st.just(4)), elements=st.floats(width=32)),
    st.integers(),
    st.text(max_size=20),
)
def test_any_numbers_can_be_drawn_and_nothing_outside_is_touched(
    width: int,
    height: int,
    xyxy: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    class_id: int,
    caption: str,
) -> None:
    room = np.full((height + 20, width + 20, 3), 77, np.uint8)
    draw_boxes(room[10:-10, 10:-10], xyxy, [class_id] * len(xyxy), [caption] * len(xyxy), LABELS)
    room[10:-10, 10:-10] = 77
    assert (room == 77).all()


@pytest.mark.parametrize(
    "box",
    [[np.nan, 1, 5, 5], [1, 1, 5, np.nan], [-30, -30, -1, -1], [100, 0, 120, 50], [0, np.inf, 9, np.inf]],
)
def test_boxes_that_are_nowhere_are_not_drawn(box: list[float]) -> None:
    rgb = np.zeros((60, 80, 3), np.uint8)
    draw_boxes(rgb, np.array([box]), [0], ["person"], LABELS)
    assert not rgb.any()


def test_endless_boxes_frame_the_picture() -> None:
    rgb = np.zeros((60, 80, 3), np.uint8)
    draw_boxes(rgb, np.array([[-np.inf, -np.inf, np.inf, np.inf]]), [0], [""], LABELS)
    assert (rgb[[0, -1]] == colour(0)).all()
    assert (rgb[:, [0, -1]] == colour(0)).all()
    assert not rgb[1:-1, 1:-1].any()


def test_no_boxes_change_nothing() -> None:
    rgb = np.zeros((6, 8, 3), np.uint8)
    draw_boxes(rgb, np.empty((0, 4), np.float32), [], [], LABELS)
    assert not rgb.any()


def test_a_read_only_picture_is_refused() -> None:
    rgb = np.zeros((6, 8, 3), np.uint8)
    rgb.flags.writeable = False
    with pytest.raises(PictureError, match="read-only: draw on a copy"):
        draw_boxes(rgb, np.array([[1, 1, 3, 3.0]]), [0], [""], LABELS)


def test_colours_are_far_apart_and_their_ink_is_readable() -> None:
    colours = np.array([colour(class_id) for class_id in range(8)])
    apart = np.abs(colours[:, None] - colours[None]).sum(axis=2) + 1000 * np.eye(8)
    assert apart.min() > 60
    assert colour(5) == colour(5 + 64)
    assert ink((255, 255, 0)) == (0, 0, 0)
    assert ink((0, 0, 139)) == (255, 255, 255)
