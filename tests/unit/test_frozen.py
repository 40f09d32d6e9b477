"""The eye for a camera that sends the same picture again and again."""

from collections.abc import Sequence

import numpy as np
import pytest

from edge_daemon.capture.frozen import FROZEN_S, Frozen
from edge_daemon.capture.picture import Picture


def seen(values: Sequence[int], *, jpeg: bool) -> list[bool]:
    """The verdicts on a picture a second, each of one grey."""
    frozen = Frozen()
    pixels = {value: np.full((32, 32, 3), value, np.uint8) for value in values}
    return [
        frozen.add(Picture(float(second), lambda v=value: pixels[v], bytes([value]) if jpeg else None))  # type: ignore[misc]
        for second, value in enumerate(values)
    ]


@pytest.mark.parametrize("jpeg", [True, False])
def test_the_same_picture_again_and_again_is_frozen(jpeg: bool) -> None:
    still = int(FROZEN_S)
    assert seen([1, 2] + [3] * (still + 2), jpeg=jpeg) == [False] * (still + 2) + [True] * 2
    assert not any(seen([1, 2] * still, jpeg=jpeg))
    assert seen([1] * (still + 2) + [2], jpeg=jpeg)[-2:] == [True, False]
