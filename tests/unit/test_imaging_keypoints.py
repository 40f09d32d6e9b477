"""Keypoints are where they are, limbs join the right ones, and those that nobody is sure of are left out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.keypoints import draw_keypoints
from edge_daemon.imaging.palette import Colour, colour
from edge_daemon.imaging.skeletons import LEFT, MIDDLE, RIGHT, SKELETONS, skeleton_named, skeleton_of

Floats = NDArray[np.float64]

SETS = [*SKELETONS, "points8"]


def black(width: int = 640, height: int = 480) -> Pixels:
    return np.zeros((height, width, 3), np.uint8)


def spread(count: int) -> Floats:
    """Points on a circle, so that no limb passes over a third point."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([320 + 200 * np.cos(turn), 240 + 200 * np.sin(turn), np.ones(count)], axis=1)[None]


def near(rgb: Pixels, x: float, y: float, fill: Colour) -> bool:
    x, y = round(x), round(y)
    return bool((np.abs(rgb[y - 1 : y + 2, x - 1 : x + 2].astype(int) - fill).max(axis=2) <= 40).any())


def only(points: Floats, *indices: int) -> Floats:
    some = points.copy()
    some[:, [index for index in range(points.shape[1]) if index not in indices], 2] = 0
    return some


@pytest.mark.parametrize("name", SETS)
def test_every_point_is_drawn_in_its_colour(name: str) -> None:
    count = len(skeleton_named(name).points) or 8
    points, rgb = spread(count), black()
    draw_keypoints(rgb, points, name)
    for index, (x, y, _) in enumerate(points[0]):
        assert near(rgb, x, y, skeleton_named(name).point_colour(index))


@pytest.mark.parametrize("name", SKELETONS)
def test_limbs_join_the_points_that_belong_together(name: str) -> None:
    known = skeleton_named(name)
    points = spread(len(known.points))
    limb_colours = dict(zip(known.limbs, known.limb_colours, strict=True))
    limb_colours |= {(end, start): fill for (start, end), fill in limb_colours.items()}
    for start in range(len(known.points)):
        for end in range(start):
            rgb = black()
            draw_keypoints(rgb, only(points, start, end), name)
            x, y = points[0, [start, end], :2].mean(axis=0)
            joined = (start, end) in limb_colours
            apart = np.hypot(*(points[0, start] - points[0, end])[:2]) > 100
            if apart:
                assert rgb[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3].any() == joined
            if apart and joined:
                assert near(rgb, x, y, limb_colours[start, end])


def test_left_and_right_differ() -> None:
    body = skeleton_named("coco17")
    named = dict(zip(body.points, range(17), strict=True))
    assert body.point_colour(named["left_knee"]) == LEFT
    assert body.point_colour(named["right_ear"]) == RIGHT
    assert body.point_colour(named["nose"]) == MIDDLE
    limbs = {(body.points[a], body.points[b]): fill for (a, b), fill in zip(body.limbs, body.limb_colours, strict=True)}
    assert limbs["left_knee", "left_hip"] == LEFT
    assert limbs["nose", "right_eye"] == RIGHT
    assert limbs["left_hip", "right_hip"] == limbs["left_eye", "right_eye"] == MIDDLE


def test_skeletons_are_sound() -> None:
    for count in (17, 5, 21):
        known = skeleton_named(skeleton_of(count))
        assert len(known.points) == count == len(set(known.points))
        assert len(set(known.limbs)) == len(known.limbs)
        assert all(0 <= index < count for limb in known.limbs for index in limb)
    assert [len(known.limbs) for known in SKELETONS.values()] == [19, 0, 20]
    assert skeleton_of(4) == "points4"
    assert skeleton_named("points4").limbs == ()
    assert skeleton_named("points4").point_colour(2) == colour(2)


def test_points_that_are_not_sure_are_left_out_with_their_limbs() -> None:
    points = only(spread(17), 5, 7)
    points[0, :, 2] *= 0.5
    for confidence, drawn in ((0.3, True), (0.5, True), (0.51, False)):
        rgb = black()
        draw_keypoints(rgb, points, "coco17", confidence=confidence)
        assert rgb.any() == drawn
    points[0, 7, 2] = np.nan
    rgb = black()
    draw_keypoints(rgb, points, "coco17")
    assert near(rgb, points[0, 5, 0], points[0, 5, 1], LEFT)
    assert not near(rgb, points[0, 7, 0], points[0, 7, 1], LEFT)


@pytest.mark.parametrize("point", [[np.nan, 9], [9, np.nan], [np.inf, 9], [-np.inf, np.inf], [1e30, 9], [900, 20]])
def test_points_that_are_nowhere_are_not_drawn(point: list[float]) -> None:
    rgb = black()
    draw_keypoints(rgb, np.array([[[*point, 1.0]] * 17]), "coco17")
    assert not rgb.any()


def test_a_limb_that_leaves_the_picture_reaches_its_edge() -> None:
    points = only(spread(17), 5, 7)
    points[0, 5, :2], points[0, 7, :2] = (100, 240), (-1000, 240)
    rgb = black()
    draw_keypoints(rgb, points, "coco17")
    assert (rgb[240, :101] > 0).any(axis=1).all()
    assert not rgb[:230].any()


def test_sizes_follow_the_picture_and_the_person() -> None:
    def dots(width: int, height: int, scale: float) -> int:
        rgb = black(width, height)
        points = only(spread(17), 1, 12)
        points[..., :2] *= scale
        draw_keypoints(rgb, points, "points17")
        return int(rgb.any(axis=2).sum())

    assert dots(640, 480, 1) < dots(1920, 1440, 3) < dots(3840, 2160, 4)
    assert dots(640, 480, 0.05) < dots(640, 480, 0.5)


def test_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"keypoints of the set coco17 must be N x 17 x 3, not \(1, 5, 3\)"):
        draw_keypoints(black(), np.zeros((1, 5, 3)), "coco17")
    with pytest.raises(ValueError, match=r"of the set points4 must be N x K x 3, not \(4, 3\)"):
        draw_keypoints(black(), np.zeros((4, 3)), "points4")
    with pytest.raises(ValueError, match="N x K x 3"):
        draw_keypoints(black(), np.zeros((1, 4, 2)), "points4")


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(SETS),
    st.integers(0, 3),
    st.floats(allow_nan=True),
    st.data(),
)
def test_any_keypoints_can_be_drawn_and_nothing_outside_is_touched(
    width: int, height: int, name: str, people: int, confidence: float, data: st.DataObject
) -> None:
    count = len(skeleton_named(name).points) or 8
    anything = st.one_of(st.floats(width=32), st.floats(-60, 100, width=32))
    points = data.draw(arrays(np.float32, (people, count, 3), elements=anything))
    room = np.full((height + 20, width + 20, 3), 77, np.uint8)
    draw_keypoints(room[10:-10, 10:-10], points, name, confidence=confidence)
    room[10:-10, 10:-10] = 77
    assert (room == 77).all()
