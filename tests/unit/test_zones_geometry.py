"""Borders and paths: how often a path crosses, on which side a point is, how far."""

from itertools import pairwise
from math import hypot

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from edge_daemon.zones.geometry import Border, Point, along, crossed_edges, turn

coordinates = st.integers(-512, 1536).map(lambda number: number / 1024)  # without rounding errors
grid = st.integers(-2, 6).map(lambda number: number / 4)
points = st.tuples(coordinates, coordinates) | st.tuples(grid, grid)
paths = st.lists(points, min_size=2, max_size=12)
SQUARE = [(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)]
STAR = [(0.5, 0.0), (0.625, 0.375), (1.0, 0.5), (0.625, 0.625), (0.5, 1.0), (0.375, 0.625), (0.0, 0.5), (0.375, 0.375)]


def net(border: Border, path: list[Point]) -> int:
    return sum(sign for p, q in pairwise(path) for _, sign in border.crossings(p, q))


def test_in_is_from_the_left_hand_to_the_right_hand() -> None:
    gate = Border([(0.25, 0.75), (0.75, 0.75)])  # from left to right: `in` is downwards
    assert gate.crossings((0.5, 0.5), (0.5, 1.0)) == [(0.5, 1)]
    assert gate.crossings((0.5, 1.0), (0.5, 0.5)) == [(0.5, -1)]
    assert gate.crossings((0.9, 0.7), (0.9, 0.9)) == []
    assert turn((0, 0), (1, 0), (0, 1)) > 0


@example([(0.0, 0.0), (0.5, 0.5)], SQUARE[::-1])
@given(paths, st.sampled_from([SQUARE, SQUARE[::-1], STAR]))
def test_crossings_of_a_polygon_say_who_is_inside(path: list[Point], corners: list[Point]) -> None:
    border = Border(corners, closed=True)
    assert net(border, path) == border.contains(path[-1]) - border.contains(path[0])


@given(points, points, st.lists(points, min_size=2, max_size=5))
def test_a_path_and_its_mirror_image_cross_in_opposite_directions(p: Point, q: Point, line: list[Point]) -> None:
    def mirror(point: Point) -> Point:
        return 1 - point[0], point[1]

    assume(all(abs(turn(a, b, end)) > 1e-9 for a, b in pairwise(line) for end in (p, q)))
    assume(all(abs(turn(p, q, corner)) > 1e-9 for corner in line))
    there = Border(line).crossings(p, q)
    back = Border([mirror(point) for point in line]).crossings(mirror(p), mirror(q))
    assert sorted(-sign for _, sign in there) == sorted(sign for _, sign in back)
    assert [share for share, _ in there] == pytest.approx([share for share, _ in back], abs=1e-6)


@given(points, points, st.lists(points, min_size=2, max_size=5), st.floats(0, 1))
def test_a_point_on_a_straight_path_changes_no_count(p: Point, q: Point, line: list[Point], share: float) -> None:
    middle = along(p, q, share)
    assume(all(abs(turn(p, q, corner)) > 1e-9 for corner in line))
    assert net(Border(line), [p, middle, q]) == net(Border(line), [p, q])


@given(st.lists(st.sampled_from([(x / 4, y / 4) for x in range(5) for y in range(5)]), min_size=2, max_size=20))
def test_paths_over_corners_and_along_edges_say_who_is_inside(path: list[Point]) -> None:
    border = Border(SQUARE, closed=True)
    assert net(border, path) == border.contains(path[-1]) - border.contains(path[0])


@given(points, st.floats(0.5, 3))
def test_distance_is_that_to_the_nearest_point_of_the_border(point: Point, aspect: float) -> None:
    border = Border(SQUARE)
    sampled = [along(a, b, k / 200) for a, b in pairwise(SQUARE) for k in range(201)]
    nearest = min(hypot((x - point[0]) * aspect, y - point[1]) for x, y in sampled)
    assert border.distance(point, aspect) == pytest.approx(nearest, abs=0.005)
    assert border.distance(point, aspect) <= nearest + 1e-12


@pytest.mark.parametrize("corners", [SQUARE, STAR, [(0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (1.0, 1.0)]])
def test_polygons_that_do_not_cross_themselves(corners: list[Point]) -> None:
    for k in range(len(corners)):
        turned = corners[k:] + corners[:k]
        assert crossed_edges(turned) is None
        assert crossed_edges(turned[::-1]) is None


@pytest.mark.parametrize(
    ("corners", "edges"),
    [
        ([(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)], (1, 3)),
        ([(0.0, 0.0), (1.0, 0.0), (0.5, 0.0)], (1, 2)),  # back on itself
        ([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.0), (0.0, 1.0)], (1, 3)),  # touches an edge
        ([(0.0, 0.0), (0.0, 0.0), (1.0, 0.0), (1.0, 1.0)], (1, 2)),  # a corner twice
    ],
)
def test_polygons_that_cross_themselves(corners: list[Point], edges: tuple[int, int]) -> None:
    assert crossed_edges(corners) == edges


curls = st.lists(points, min_size=3, max_size=6)


@given(points, points, curls, st.floats(0.01, 0.5), st.floats(0.5, 2))
def test_a_path_is_beyond_the_margin_where_one_of_its_points_is(
    p: Point, q: Point, line: list[Point], margin: float, aspect: float
) -> None:
    border = Border(line)
    there = border.beyond(p, q, margin, aspect)
    farthest = max(border.distance(along(p, q, k / 200), aspect) for k in range(201))
    if there is None:
        assert farthest <= margin + 1e-6
    else:
        assert border.distance(there, aspect) > margin - 1e-6
        assert abs(turn(p, q, there)) < 1e-6


def test_a_path_from_the_end_of_a_line_to_another_part_of_it_may_be_near_all_the_way() -> None:
    line = Border([(0.75, 0.2), (0.75, 0.8), (0.6, 0.8), (0.6, 0.5)])
    assert line.beyond((0.6, 0.45), (0.72, 0.42), 0.1, 1.0) is None
    assert line.beyond((0.6, 0.45), (0.72, 0.42), 0.06, 1.0) is not None


def test_a_path_from_border_to_border_is_beyond_the_margin_in_between() -> None:
    square = Border([(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8)], closed=True)
    assert square.beyond((0.2, 0.5), (0.8, 0.5), 0.1, 1.0) == pytest.approx((0.5, 0.5))
    assert square.beyond((0.2, 0.3), (0.3, 0.2), 0.1, 1.0) is None
