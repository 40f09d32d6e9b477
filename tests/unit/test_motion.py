"""The motion gate: what is movement, what is not, and which frames pass."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_daemon.capture.motion import HOLD_S, Motion, MotionGate
from edge_daemon.capture.picture import Picture
from edge_daemon.errors import PictureError
from edge_daemon.imaging.grey import small_grey, small_grey_of_jpeg
from edge_daemon.settings import MotionSettings
from tests.examples import one_in

Grey = NDArray[np.uint8]
HEIGHT, WIDTH = 90, 160
FPS = 10.0
seeds = st.integers(0, 2**32 - 1)


def background(seed: int) -> NDArray[np.float32]:
    """Something with edges, from 40 to 200."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(40, 200, (9, 16)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST), np.float32)


def noisy(picture: NDArray[np.float32], rng: np.random.Generator, sigma: float = 6.0) -> Grey:
    """As a sensor sees it."""
    return np.clip(picture + sigma * rng.standard_normal(picture.shape, np.float32), 0, 255).astype(np.uint8)


def walker(picture: NDArray[np.float32], x: int, size: int = 10) -> NDArray[np.float32]:
    """Somebody at `x`, as high as twice his width."""
    drawn = picture.copy()
    drawn[40 : 40 + 2 * size, x : x + size] = np.where(drawn[40 : 40 + 2 * size, x : x + size] > 120, 30, 220)
    return drawn


def seen(pictures: list[Grey], **settings: object) -> list[str]:
    """What is seen in each."""
    motion = Motion(MotionSettings(**settings))  # type: ignore[arg-type]
    return [motion.add(picture, index / FPS) for index, picture in enumerate(pictures)]


@given(seeds, st.floats(0, 8))
def test_noise_is_no_movement(seed: int, sigma: float) -> None:
    rng, scene = np.random.default_rng(seed), background(seed)
    assert seen([noisy(scene, rng, sigma) for _ in range(30)]) == ["light"] + ["none"] * 29


@one_in(4)
@given(seeds)
def test_rain_is_no_movement(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dry = np.asarray(cv2.resize(background(seed), (4 * WIDTH, 4 * HEIGHT)), np.float32)

    def rain() -> Grey:
        wet = dry.copy()
        for x, y in zip(rng.integers(0, 4 * WIDTH, 100), rng.integers(0, 4 * HEIGHT - 30, 100), strict=True):
            wet[y : y + 30, x] += 60
        return small_grey(np.asarray(cv2.cvtColor(noisy(wet, rng), cv2.COLOR_GRAY2BGR), np.uint8), WIDTH)

    changes = seen([rain() for _ in range(40)])[1:]
    assert changes.count("none") >= len(changes) - 2, "streaks that come to lie side by side are rare"


@given(seeds, st.sampled_from([-60, -30, 30, 60]))
def test_a_light_that_is_switched_is_seen_once_at_most(seed: int, by: int) -> None:
    rng, scene = np.random.default_rng(seed), background(seed)
    changes = seen([noisy(scene + by * (index >= 10), rng) for index in range(40)])
    assert changes[:10] == ["light"] + ["none"] * 9
    assert "movement" not in changes
    assert changes.count("light") <= 2


@given(seeds, st.floats(-3, 3))
def test_daylight_that_comes_and_goes_is_no_movement(seed: int, by: float) -> None:
    rng, scene = np.random.default_rng(seed), background(seed)
    assert set(seen([noisy(scene + by * index / FPS, rng) for index in range(60)])[1:]) == {"none"}


@given(seeds, st.integers(1, 5), st.integers(8, 20))
def test_somebody_who_comes_in_is_seen_at_once_and_all_the_way(seed: int, speed: int, size: int) -> None:
    rng, scene = np.random.default_rng(seed), background(seed)
    still = [noisy(scene, rng) for _ in range(15)]
    walk = [noisy(walker(scene, 5 + speed * step, size), rng) for step in range(20)]
    changes = seen(still + walk)
    assert changes[15] == "movement"
    assert "movement" in changes[-5:]


@given(seeds)
def test_what_stands_still_is_no_news_for_long(seed: int) -> None:
    rng, scene = np.random.default_rng(seed), background(seed)
    there = walker(scene, 60)
    changes = seen([noisy(scene, rng) for _ in range(10)] + [noisy(there, rng) for _ in range(50)])
    assert changes[10] == "movement"
    assert set(changes[40:]) == {"none"}


@given(seeds)
def test_what_moves_under_a_mask_is_not_seen(seed: int) -> None:
    rng, scene = np.random.default_rng(seed), background(seed)
    pictures = [noisy(walker(scene, 5 + 2 * step), rng) for step in range(30)]
    below = [[(0.0, 0.4), (1.0, 0.4), (1.0, 0.7), (0.0, 0.7)]]
    assert "movement" in seen(pictures)
    assert set(seen(pictures, mask=below)[1:]) == {"none"}
    assert set(seen(pictures, mask=[[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]])[1:]) == {"none"}


def test_more_area_and_a_higher_threshold_see_less() -> None:
    rng, scene = np.random.default_rng(1), background(1)
    pictures = [noisy(walker(scene, 5 + 2 * step), rng) for step in range(30)]
    assert set(seen(pictures, area=0.2)[1:]) == {"none"}
    assert set(seen(pictures, threshold=200.0)[1:]) == {"none"}


def gate(pictures: list[tuple[float, Grey]], **settings: object) -> tuple[MotionGate, list[bool]]:
    made = MotionGate(MotionSettings(**settings))  # type: ignore[arg-type]
    return made, [made.admit(_picture(time_s, lambda grey=grey: grey), 0) for time_s, grey in pictures]  # type: ignore[misc]


def _picture(time_s: float, grey: Callable[[], Grey]) -> Picture:
    return Picture(time_s, lambda: np.repeat(grey()[:, :, None], 3, axis=2))


def test_it_stays_open_for_a_while_and_lets_one_through_now_and_then() -> None:
    rng, scene = np.random.default_rng(2), background(2)
    pictures = [(index / FPS, noisy(walker(scene, 60) if index == 30 else scene, rng)) for index in range(200)]
    made, passed = gate(pictures, always_every_s=5.0)
    through = [index for index, admitted in enumerate(passed) if admitted]
    held = round(HOLD_S * FPS)
    assert through[0] == 0
    assert set(range(30, 30 + held)) <= set(through)
    assert max(np.diff(through)) <= 5 * FPS + 1
    assert len(through) < 30 + held
    assert made.status.state == "still"
    assert made.status.passed == pytest.approx(len(through) / 200)


def test_a_clock_that_is_set_back_holds_nothing_back() -> None:
    grey = np.full((HEIGHT, WIDTH), 90, np.uint8)
    _, passed = gate([(1000.0, grey), (1000.1, grey), (3.0, grey), (3.1, grey)], always_every_s=60.0)
    assert passed == [True, False, True, False]


def test_a_picture_of_another_size_passes() -> None:
    _, passed = gate([(0.0, np.zeros((90, 160), np.uint8)), (0.1, np.zeros((60, 80), np.uint8))])
    assert passed == [True, True]


def test_a_picture_that_cannot_be_decoded_passes() -> None:
    made = MotionGate(MotionSettings())
    assert made.admit(Picture(0.0, lambda: np.zeros((9, 9, 3), np.uint8), jpeg=b"\xff\xd8 not a picture"), 0)
    assert made.admit(Picture(0.1, lambda: np.zeros((9, 9, 3), np.uint8), jpeg=b"\xff\xd8 not a picture"), 0)


@pytest.mark.parametrize("size", [(1920, 1080), (640, 360), (200, 100), (100, 60)])
def test_a_jpeg_is_as_grey_as_its_pixels(size: tuple[int, int]) -> None:
    ramp = np.linspace(0, 255, size[0], dtype=np.uint8)
    bgr = np.ascontiguousarray(np.repeat(np.tile(ramp, (size[1], 1))[:, :, None], 3, axis=2))
    jpeg = bytes(cv2.imencode(".jpg", bgr)[1])
    of_pixels, of_bytes = small_grey(bgr, 160), small_grey_of_jpeg(jpeg, 160)
    assert of_pixels.shape == of_bytes.shape == (round(size[1] * min(160, size[0]) / size[0]), min(160, size[0]))
    assert np.abs(of_pixels.astype(int) - of_bytes).max() <= 6


@pytest.mark.parametrize(
    "data", [b"", b"no picture", bytes(cv2.imencode(".jpg", np.zeros((99, 99), np.uint8))[1])[:200]]
)
def test_what_is_no_jpeg_is_refused(data: bytes) -> None:
    with pytest.raises(PictureError):
        small_grey_of_jpeg(data, 160)
