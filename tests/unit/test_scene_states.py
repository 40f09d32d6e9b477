"""A camera that is covered, moved or dark, and everything that is none of it."""

from collections.abc import Callable, Iterable
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_daemon.capture.scene import ACCEPT_S, INTERVAL_S, LATER_S, SOON_S, Held, Scene
from edge_daemon.demo.scene.scene import Scene as Street
from tests.examples import one_in

Grey = NDArray[np.uint8]
Change = Callable[[Grey, int], Grey]
HEIGHT, WIDTH = 90, 160
KNOWN_S = 30.0
"""How long a scene is usual before something is done to its camera."""
seeds = st.integers(0, 2**32 - 1)


@cache
def street(seed: int) -> tuple[Grey, ...]:
    """People who walk through a generated street, two pictures a second."""
    scene = Street(seed=seed, width=320, height=180, people=6)
    pictures = [scene.frame(index, 2.0)[0] for index in range(40)]
    return tuple(_small(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)) for bgr in pictures)


def _small(grey: object) -> Grey:
    return np.asarray(cv2.resize(grey, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)  # type: ignore[call-overload]


def noisy(picture: NDArray[np.float64], rng: np.random.Generator, sigma: float = 3.0) -> Grey:
    return np.clip(picture + rng.normal(0, sigma, picture.shape), 0, 255).astype(np.uint8)


def states(change: Change, seed: int = 1, seconds: float = 20.0, back_s: float = 0.0) -> list[tuple[str, ...]]:
    """The states that one after another are present: while the street is usual, changed, and usual again."""
    pictures, scene, rng = street(seed), Scene(), np.random.default_rng(seed)
    found: list[tuple[str, ...]] = [()]
    for index in range(round((KNOWN_S + seconds + back_s) / INTERVAL_S)):
        time_s = INTERVAL_S * index
        grey = noisy(pictures[index % len(pictures)].astype(float), rng)
        if KNOWN_S <= time_s < KNOWN_S + seconds:
            grey = change(grey, index)
        if scene.add(grey, time_s):
            found.append(scene.present)
    return found


def moved_by(x: int, y: int) -> Change:
    return lambda grey, _: np.roll(grey, (y, x), (0, 1))


@one_in(10)
@given(st.integers(1, 6), st.integers(-40, 40), st.integers(-20, 20))
def test_a_camera_that_is_moved_is_noticed_and_when_it_is_back(seed: int, x: int, y: int) -> None:
    distance = float(np.hypot(x, y))
    found = states(moved_by(x, y), seed, back_s=10)
    if distance >= 6:
        assert found == [(), ("moved",), ()]
    if distance <= 1:
        assert found == [()]


OTHERS: dict[str, Change] = {
    "mirrored": lambda grey, _: grey[:, ::-1].copy(),
    "turned": lambda grey, _: _warped(grey, 8, 1.0),
    "zoomed": lambda grey, _: _warped(grey, 0, 1.4),
}


def _warped(grey: Grey, angle: float, scale: float) -> Grey:
    matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), angle, scale)
    return np.asarray(cv2.warpAffine(grey, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT), np.uint8)


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_a_camera_that_sees_something_else_was_moved(change: Change) -> None:
    assert states(change, back_s=10) == [(), ("moved",), ()]


@one_in(20)
@given(st.integers(1, 6), st.integers(45, 220), st.floats(0, 0.04), st.floats(0, 40), seeds)
def test_whatever_is_held_before_the_lens_covers_it(
    seed: int, level: int, through: float, slope: float, noise: int
) -> None:
    rng, shade = np.random.default_rng(noise), np.linspace(0, slope, WIDTH)[None]
    assert states(lambda grey, _: noisy(level + through * grey + shade, rng), seed, back_s=10) == [(), ("covered",), ()]


def test_spray_and_a_lens_out_of_focus_cover_it() -> None:
    assert states(lambda grey, _: np.asarray(cv2.GaussianBlur(grey, (0, 0), 9), np.uint8), back_s=10) == [
        (),
        ("covered",),
        (),
    ]


def test_a_light_that_is_switched_off_leaves_it_dark() -> None:
    assert states(lambda grey, _: grey // 10, back_s=10) == [(), ("dark",), ()]


def lorry(grey: Grey, index: int) -> Grey:
    """Something that passes close by, for some seconds, as wide as half of the picture."""
    left = 20 * (index - round(KNOWN_S / INTERVAL_S)) - WIDTH // 2
    passed = grey.copy()
    passed[10:, max(0, left) : max(0, left + WIDTH // 2)] = 70
    return passed


def walkers(grey: Grey, index: int) -> Grey:
    """A crowd."""
    rng, crowd = np.random.default_rng(index), grey.copy()
    for x, y in zip(rng.integers(0, WIDTH - 12, 12), rng.integers(20, HEIGHT - 30, 12), strict=True):
        crowd[y : y + 28, x : x + 11] = rng.integers(20, 220)
    return crowd


HARMLESS: dict[str, Change] = {
    "a lamp that flickers": lambda grey, index: np.clip(grey * (1.3 if index % 2 else 0.6), 0, 255).astype(np.uint8),
    "the light of evening": lambda grey, _: (255 * (grey / 255.0) ** 2).astype(np.uint8),
    "a lamp on one side": lambda grey, _: np.clip(grey * np.linspace(0.3, 1.3, WIDTH)[None], 0, 255).astype(np.uint8),
    "half the light": lambda grey, _: grey // 2,
    "wind in the mast": lambda grey, index: np.roll(grey, (-1, 0, 1, 0)[index % 4], 1),
    "a lorry": lorry,
    "a crowd": walkers,
    "a moment of black": lambda grey, index: grey // 20 if index % 40 < 4 else grey,
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_none_of_this_is_anything(change: Change, seed: int) -> None:
    assert states(change, seed, back_s=20) == [()]


def sequence(pictures: Iterable[Grey], scene: Scene) -> list[tuple[float, tuple[str, ...]]]:
    return [
        (INTERVAL_S * index, scene.present)
        for index, grey in enumerate(pictures)
        if scene.add(grey, INTERVAL_S * index)
    ]


def test_nightfall_is_dark_in_the_end_and_nothing_before() -> None:
    rng, day = np.random.default_rng(1), street(2)[0].astype(float)
    dusk = [noisy(day * max(0.02, 1 - index / 1000), rng) for index in range(1400)]
    found = sequence([*dusk, *reversed(dusk)], Scene())
    assert [state for _, state in found] == [("dark",), ()]


def test_nothing_is_known_of_a_uniform_picture_nor_of_a_camera_that_pans() -> None:
    rng, wall, view = np.random.default_rng(1), np.full((HEIGHT, WIDTH), 120.0), street(3)[0]
    walls = [noisy(wall + 10 * (index > 60), rng) for index in range(120)]
    assert sequence(walls, Scene()) == []
    assert sequence([np.roll(view, 9 * index, 1) for index in range(200)], Scene()) == []


def test_a_camera_that_was_covered_from_the_start_learns_what_it_sees_then() -> None:
    rng = np.random.default_rng(1)
    covered = [noisy(np.full((HEIGHT, WIDTH), 90.0), rng) for _ in range(60)]
    usual = [noisy(street(1)[index % 40].astype(float), rng) for index in range(120)]
    assert sequence([*covered, *usual], Scene()) == []


def test_a_new_view_becomes_the_usual_one_after_a_while() -> None:
    rng, view = np.random.default_rng(1), street(1)[0].astype(float)
    before = [noisy(view, rng) for _ in range(60)]
    after = [noisy(np.roll(view, 20, 1), rng) for _ in range(round(ACCEPT_S / INTERVAL_S) + 100)]
    found = sequence([*before, *after], Scene())
    assert [state for _, state in found] == [("moved",), ()]
    assert found[1][0] - found[0][0] == ACCEPT_S


def test_what_happens_in_a_hidden_area_is_not_looked_at() -> None:
    rng, view = np.random.default_rng(1), street(1)[0].astype(float)
    left = [[(0.0, 0.0), (0.6, 0.0), (0.6, 1.0), (0.0, 1.0)]]
    black, pictures = np.arange(WIDTH)[None] < 0.6 * WIDTH + 1, [noisy(view, rng) for _ in range(120)]
    hidden = [np.where(black, 0, grey).astype(np.uint8) for grey in pictures]
    assert sequence(hidden, Scene(left)) == []
    flashing = [np.where(black, 255 * (index % 2), grey).astype(np.uint8) for index, grey in enumerate(pictures)]
    assert sequence(flashing, Scene(left)) == []


def test_it_looks_twice_a_second_and_a_clock_that_is_set_back_or_another_size_begins_again() -> None:
    scene, view = Scene(), street(1)[0]
    due = []
    for index in range(50):
        if scene.is_due(index / 25):
            due.append(index / 25)
            scene.add(view, index / 25)
    assert due == [0.0, 0.52, 1.04, 1.56]
    assert scene.is_due(0.0)
    scene.add(view[:80], 0.0)
    assert not scene.is_due(0.4)


@given(st.lists(st.booleans(), max_size=60), st.floats(0, 5))
def test_a_state_holds_only_after_it_has_been_so_for_a_time(wanted: list[bool], after_s: float) -> None:
    held = Held()
    for index, one in enumerate(wanted):
        before = held.holds
        if held.update(float(index), one != before, after_s) != before:
            steps = round(np.ceil(2.0 if before else after_s))
            assert index >= steps
            assert all(other != before for other in wanted[index - steps : index + 1])


@pytest.mark.parametrize(("x", "y"), [(6, 0), (0, -6), (40, 10), (-50, 0)])
def test_a_view_that_is_found_elsewhere_is_certain_soon(x: int, y: int) -> None:
    rng, view = np.random.default_rng(1), street(1)[0].astype(float)
    before = [noisy(view, rng) for _ in range(60)]
    after = [noisy(np.roll(view, (y, x), (0, 1)), rng) for _ in range(20)]
    assert sequence([*before, *after], Scene()) == [(30.0 + SOON_S, ("moved",))]


def test_what_is_not_certain_takes_longer() -> None:
    rng, view, other = np.random.default_rng(1), street(1)[0].astype(float), street(2)[0].astype(float)
    before, after = [noisy(view, rng) for _ in range(60)], [noisy(other, rng) for _ in range(40)]
    assert sequence([*before, *after], Scene()) == [(30.0 + LATER_S, ("moved",))]
