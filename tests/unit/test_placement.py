"""How a small picture lies in the main one."""

from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_daemon.demo.scene.scene import Scene
from edge_daemon.errors import PictureError
from edge_daemon.imaging.placement import Placement, find

Grey = NDArray[np.uint8]


@cache
def street(seed: int, index: int = 0) -> Grey:
    """A frame of the street, 1280x720."""
    return np.asarray(cv2.cvtColor(Scene(seed, 1280, 720).frame(index, 15.0)[0], cv2.COLOR_BGR2GRAY), np.uint8)


def shown(main: Grey, part: Placement, size: tuple[int, int], quality: int = 40) -> Grey:
    """The part of a picture in another size, coded badly, brighter."""
    height, width = main.shape
    left, right = (round(at * width) for at in (part.left, part.right))
    top, bottom = (round(at * height) for at in (part.top, part.bottom))
    small = cv2.resize(main[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
    brighter = np.clip(small.astype(np.int16) * 9 // 10 + 20, 0, 255).astype(np.uint8)
    _, jpeg = cv2.imencode(".jpg", brighter, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE), np.uint8)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("part", "size"),
    [
        (Placement(), (640, 360)),
        (Placement(), (352, 288)),  # stretched: its pixels are not square
        (Placement(0.125, 0.0, 0.875, 1.0), (640, 480)),  # cropped at the sides
        (Placement(0.0, 0.1, 1.0, 0.9), (704, 320)),
        (Placement(0.2, 0.15, 0.75, 0.8), (320, 240)),  # zoomed
    ],
)
def test_it_is_found(seed: int, part: Placement, size: tuple[int, int]) -> None:
    found = find(shown(street(seed, 3), part, size), street(seed))  # not at the very same time
    assert found == pytest.approx(part, abs=0.015)


def test_other_scenes_and_empty_pictures_are_refused() -> None:
    with pytest.raises(PictureError, match="not show the same picture"):
        find(shown(street(1), Placement(), (640, 360)), np.ascontiguousarray(street(2)[:, ::-1]))
    with pytest.raises(PictureError, match="too little can be seen"):
        find(np.full((360, 640), 90, np.uint8), street(1))


def test_a_pattern_that_repeats_is_refused() -> None:
    tile = np.random.default_rng(1).integers(0, 255, (45, 80), np.uint8)
    main = np.tile(np.asarray(cv2.resize(tile, (160, 90), interpolation=cv2.INTER_NEAREST), np.uint8), (8, 8))
    with pytest.raises(PictureError, match="several places"):
        find(np.ascontiguousarray(main[90:540, 160:960]), main)


def test_boxes_move_with_it() -> None:
    moved = Placement(0.25, 0.0, 0.75, 1.0).moved((0, 90, 320, 180), (640, 360), (1280, 720))
    assert moved == [320, 180, 640, 360]
