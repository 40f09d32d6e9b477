"""Oriented boxes, masks, maps of classes and lists of classes: where they are, in their colours, and nowhere else."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge_daemon.errors import PictureError
from edge_daemon.imaging.captions import font_size
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.drawing import draw_boxes, draw_classes, draw_polygons
from edge_daemon.imaging.fonts import Fonts
from edge_daemon.imaging.keypoints import draw_keypoints
from edge_daemon.imaging.labels import Labels, line_height
from edge_daemon.imaging.masks import OPACITY, draw_label_map, draw_masks
from edge_daemon.imaging.palette import colour, ink

LABELS = Labels(Fonts([]))
DIAMOND = np.array([[[180, 80], [280, 180], [180, 280], [80, 180]]], np.float64)

Floats = NDArray[np.float32]

any_floats = st.floats(width=32)
near = st.floats(-60, 100, width=32)
sides = st.integers(1, 40)


def black(width: int, height: int) -> Pixels:
    return np.zeros((height, width, 3), np.uint8)


def of_colour(rgb: Pixels, class_id: int) -> NDArray[np.bool_]:
    return np.asarray((rgb == colour(class_id)).all(axis=2))


def about_colour(rgb: Pixels, class_id: int) -> NDArray[np.bool_]:
    """Where a smooth line lies: one of a single pixel is a little fainter than its colour."""
    return np.asarray((np.abs(rgb.astype(int) - colour(class_id)) <= 60).all(axis=2))


def tinted(rgb: Pixels, class_id: int) -> Pixels:
    return np.rint((1 - OPACITY) * rgb + OPACITY * np.array(colour(class_id))).astype(np.uint8)


# Oriented boxes


def test_an_oriented_box_is_its_outline() -> None:
    rgb = black(360, 360)
    draw_polygons(rgb, DIAMOND, [3], [""], LABELS)
    for x, y in ((180, 80), (230, 130), (280, 180), (130, 230), (80, 180)):
        assert (rgb[y - 1 : y + 2, x - 1 : x + 2] > 0.9 * np.array(colour(3))).all(axis=2).any()
    rows, columns = np.indices((360, 360))
    away = np.abs(np.abs(columns - 180) + np.abs(rows - 180) - 100)
    assert not rgb[away > 5].any()


def test_an_upright_oriented_box_lies_where_a_box_does() -> None:
    there, here = np.zeros((2, 720, 1280, 3), np.uint8)
    draw_boxes(there, np.array([[300, 200, 700, 500.0]]), [1], ["ship 0.91"], LABELS)
    draw_polygons(here, np.array([[[300, 200], [700, 200], [700, 500], [300, 500.0]]]), [1], ["ship 0.91"], LABELS)
    for y, x in zip(*np.nonzero((there != here).any(axis=2)), strict=True):
        assert min(abs(x - 300), abs(x - 700), abs(y - 200), abs(y - 500)) <= 3


def test_sides_outside_become_the_edge_of_the_picture() -> None:
    rgb = black(80, 60)
    draw_polygons(rgb, np.array([[[-900, 20], [40, -900], [900, 30], [40, 900.0]]]), [0], [""], LABELS)
    assert about_colour(rgb, 0)[[0, -1]].all()
    assert about_colour(rgb, 0)[:, [0, -1]].all()
    assert not rgb[3:-3, 3:-3].any()


@pytest.mark.parametrize("turn", [0, 3, 30, 45, 80, 90, 135, 200])
@pytest.mark.parametrize("centre", [(150, 100), (0, 0), (299, 0), (299, 199), (0, 199), (305, 100), (150, -5)])
def test_captions_of_oriented_boxes_stay_whole(turn: int, centre: tuple[int, int]) -> None:
    sin, cos = np.sin(np.radians(turn)), np.cos(np.radians(turn))
    box = np.array([[-60, -20], [60, -20], [60, 20], [-60, 20]]) @ [[cos, sin], [-sin, cos]] + centre
    with_caption, without = black(300, 200), black(300, 200)
    draw_polygons(with_caption, box[None], [1], ["ship 0.91"], LABELS)
    draw_polygons(without, box[None], [1], [""], LABELS)
    assert about_colour(without, 1).any()
    wanted = LABELS.mask("ship 0.91", font_size(300, 200))
    dark = (with_caption == ink(colour(1))).all(axis=2) & tab_between(with_caption, without)
    assert dark.sum() >= (wanted == 255).sum() > 0
    rows, columns = np.nonzero((with_caption != without).any(axis=2))
    assert np.ptp(rows) < line_height(font_size(300, 200))
    assert np.ptp(columns) < wanted.shape[1] + font_size(300, 200)


def tab_between(picture: Pixels, before: Pixels) -> NDArray[np.bool_]:
    """The rectangle in which two pictures differ: ink counts there, black background elsewhere does not."""
    rows, columns = np.nonzero((picture != before).any(axis=2))
    tab = np.zeros(picture.shape[:2], np.bool_)
    tab[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return tab


@pytest.mark.parametrize(
    "corner", [[np.nan, 5], [5, np.nan], [np.inf, 5], [5, -np.inf], [1e30, 5], [np.finfo(np.float64).max, 5]]
)
def test_oriented_boxes_with_a_corner_nowhere_are_not_drawn(corner: list[float]) -> None:
    rgb = black(80, 60)
    draw_polygons(rgb, np.array([[[1, 1], [50, 1], [50, 50], corner]]), [0], ["ship"], LABELS)
    draw_polygons(rgb, DIAMOND + 500, [0], ["ship"], LABELS)
    draw_polygons(rgb, np.empty((0, 4, 2)), [], [], LABELS)
    assert not rgb.any()


def test_oriented_boxes_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot reshape"):
        draw_polygons(black(9, 9), np.zeros((1, 3, 2)), [0], [""], LABELS)
    with pytest.raises(ValueError, match="shorter"):
        draw_polygons(black(9, 9), np.zeros((2, 4, 2)), [0], [""], LABELS)


# Masks


def test_a_mask_tints_what_it_covers_and_has_an_outline() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (360, 360, 3), np.uint8)
    before = rgb.copy()
    mask = np.zeros((100, 80), np.bool_)
    mask[10:90, 10:70] = True
    draw_masks(rgb, [(100, 50, mask)], [5])
    assert of_colour(rgb, 5)[[60, 139], 110:170].all()
    assert of_colour(rgb, 5)[60:140, [110, 169]].all()
    inside = np.s_[61:139, 111:169]
    assert np.abs(rgb[inside].astype(int) - tinted(before[inside], 5)).max() <= 1
    rgb[60:140, 110:170] = before[60:140, 110:170]
    assert np.array_equal(rgb, before)


@pytest.mark.parametrize("kind", [np.bool_, np.uint8])
def test_masks_are_cut_at_the_picture(kind: type[np.generic]) -> None:
    full = np.full((500, 500), 200).astype(kind)
    for left, top in ((-450, -450), (-450, 30), (60, -450), (60, 30)):
        rgb = black(80, 60)
        draw_masks(rgb, [(left, top, full)], [1])
        covered = np.asarray(rgb.any(axis=2))
        assert covered[max(top, 0) : top + 500, max(left, 0) : left + 500].all()
        assert covered.sum() == (60 - top if top > 0 else min(60, top + 500)) * (
            80 - left if left > 0 else min(80, left + 500)
        )
    rgb = black(80, 60)
    for left, top in ((80, 0), (0, 60), (-500, 0), (0, -500), (1 << 70, -(1 << 70))):
        draw_masks(rgb, [(left, top, full), (0, 0, full[:0]), (0, 0, np.zeros_like(full))], [1, 2, 3])
    assert not rgb.any()


@given(
    arrays(np.bool_, st.tuples(st.integers(0, 30), st.integers(0, 30))),
    st.integers(-40, 40),
    st.integers(-40, 40),
    sides,
    sides,
    st.integers(),
)
def test_only_what_a_mask_covers_changes(
    mask: NDArray[np.bool_], left: int, top: int, width: int, height: int, class_id: int
) -> None:
    room = np.full((200, 200, 3), 3, np.uint8)
    draw_masks(room[80 : 80 + height, 80 : 80 + width], [(left, top, mask)], [class_id])
    wanted = np.zeros((200, 200), np.bool_)
    wanted[80 + top : 80 + top + mask.shape[0], 80 + left : 80 + left + mask.shape[1]] = mask
    frame = np.zeros_like(wanted)
    frame[80 : 80 + height, 80 : 80 + width] = True
    assert np.array_equal((room != 3).any(axis=2), wanted & frame)


def test_masks_that_are_none_are_refused() -> None:
    with pytest.raises(PictureError, match="a mask must be height x width of bool or uint8, not float64"):
        draw_masks(black(9, 9), [(0, 0, np.zeros((2, 2)))], [0])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="shorter"):
        draw_masks(black(9, 9), [(0, 0, np.zeros((2, 2), np.bool_))], [])


# Maps of classes


@given(arrays(np.uint8, st.tuples(sides, sides)), st.one_of(st.none(), st.integers(0, 255)))
def test_a_map_tints_all_but_the_background(label_map: NDArray[np.uint8], background: int | None) -> None:
    height, width = label_map.shape
    rgb = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    before = rgb.copy()
    draw_label_map(rgb, label_map, background)
    colours = np.array([colour(class_id) for class_id in range(256)])[label_map]
    wanted = (1 - OPACITY) * before + OPACITY * colours
    if background is not None:
        wanted[label_map == background] = before[label_map == background]
    assert np.abs(rgb - wanted).max() <= 0.6


@pytest.mark.parametrize("label_map", [np.zeros((9, 8), np.uint8), np.zeros((8, 9), np.int64), np.zeros(72, np.uint8)])
def test_maps_of_another_kind_are_refused(label_map: NDArray[np.uint8]) -> None:
    with pytest.raises(PictureError, match=r"uint8 with the size of its picture, \(8, 9\), not"):
        draw_label_map(black(9, 8), label_map)


# Classes of a whole picture


def test_classes_are_listed_in_the_corner() -> None:
    rgb = black(640, 480)
    draw_classes(rgb, ["cat 0.91", "", "dog 0.06"], [1, 7, 2], LABELS)
    height = line_height(font_size(640, 480))
    first, second = of_colour(rgb, 1), of_colour(rgb, 2)
    assert 0 < np.nonzero(first)[0].min() < np.nonzero(first)[0].max() < np.nonzero(second)[0].min()
    assert np.ptp(np.nonzero(first)[0]) == np.ptp(np.nonzero(second)[0]) == height - 1
    assert not of_colour(rgb, 7).any()
    assert not rgb[3 * height :].any()
    assert not rgb[:, 200:].any()


@given(sides, sides, st.lists(st.text(max_size=20), max_size=9))
def test_any_classes_fit_any_picture(width: int, height: int, captions: list[str]) -> None:
    draw_classes(black(width, height), captions, range(len(captions)), LABELS)


def test_lines_without_room_are_left_out() -> None:
    rgb = black(300, 60)
    draw_classes(rgb, ["cat 0.91"] * 30, [1] * 29 + [2], LABELS)
    assert of_colour(rgb, 1).any()
    assert not of_colour(rgb, 2).any()


# All of them


def draw_all(rgb: Pixels) -> None:
    height, width = rgb.shape[:2]
    draw_masks(rgb, [(2, 3, np.ones((20, 30), np.bool_))], [4])
    draw_label_map(rgb, np.tile(np.arange(width, dtype=np.uint8), (height, 1)))
    draw_polygons(rgb, DIAMOND / 8, [2], ["ship 0.5"], LABELS)
    draw_keypoints(rgb, np.array([[[10, 10, 1], [30, 20, 1]]], np.float32), "points2")
    draw_classes(rgb, ["cat"], [1], LABELS)


@pytest.mark.parametrize(
    "turned",
    [
        lambda room: room[::-1, ::-1],
        lambda room: room[:, ::2],
        lambda room: room[:, :, ::-1],
        lambda room: room.transpose(1, 0, 2),
        lambda room: room[5:55, 7:61],
        np.asfortranarray,
    ],
    ids=["turned", "sparse", "swapped", "transposed", "part", "columns"],
)
def test_any_layout_of_memory_can_be_drawn_on(turned: Callable[[Pixels], Pixels]) -> None:
    picture = turned(np.random.default_rng(2).integers(0, 256, (60, 70, 3), np.uint8))
    plain = picture.copy(order="C")
    draw_all(picture)
    draw_all(plain)
    assert np.array_equal(picture, plain)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rgb: draw_polygons(rgb, DIAMOND, [0], [""], LABELS),
        lambda rgb: draw_masks(rgb, [], []),
        lambda rgb: draw_label_map(rgb, np.zeros(rgb.shape[:2], np.uint8)),
        lambda rgb: draw_keypoints(rgb, np.zeros((0, 17, 3)), "coco17"),
        lambda rgb: draw_classes(rgb, [], [], LABELS),
    ],
    ids=["polygons", "masks", "label_map", "keypoints", "classes"],
)
def test_what_cannot_be_drawn_on_is_refused(draw: Callable[[Pixels], None]) -> None:
    rgb = black(9, 8)
    draw(rgb)
    rgb.flags.writeable = False
    with pytest.raises(PictureError, match="read-only: draw on a copy"):
        draw(rgb)
    for other in (np.zeros((8, 9), np.uint8), np.zeros((8, 9, 3)), np.zeros((0, 9, 3), np.uint8)):
        with pytest.raises(PictureError, match="height x width x 3"):
            draw(other)  # type: ignore[arg-type]


@given(
    sides,
    sides,
    arrays(np.float32, st.tuples(st.integers(0, 4), st.just(4), st.just(2)), elements=st.one_of(any_floats, near)),
    st.integers(),
    st.text(max_size=20),
)
def test_any_corners_can_be_drawn_and_nothing_outside_is_touched(
    width: int, height: int, corners: Floats, class_id: int, caption: str
) -> None:
    room = np.full((height + 20, width + 20, 3), 77, np.uint8)
    draw_polygons(room[10:-10, 10:-10], corners, [class_id] * len(corners), [caption] * len(corners), LABELS)
    room[10:-10, 10:-10] = 77
    assert (room == 77).all()
