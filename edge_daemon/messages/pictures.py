"""Plain pictures of cameras on their way from a capture to the web, for people who look."""

from typing import Annotated

import msgspec

FULL = 0
"""Stands for the camera's own width."""
WIDTHS = (160, 320, 640, 1280)
"""Further widths that pictures are made in; no picture is wider than the camera's own."""
SIZES = (*WIDTHS, FULL)
PREFIX = "picture"
Width = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class PictureHeader(msgspec.Struct, frozen=True, kw_only=True):
    """Describes a JPEG of `width` x `height` pixels that shows frame `seq`.

    `looked_at` is true if the frame was sent to a model, whose result has come or follows; false for the newest frame
    of a camera whose frames no model looks at for a while.
    """

    camera: str
    epoch: int
    seq: int
    width: int
    height: int
    captured_at: str
    time_s: float
    looked_at: bool


def topic(camera: str, width: int) -> bytes:
    """The topic of a camera's pictures in one of the SIZES."""
    return f"{PREFIX}/{camera}/{width}/".encode()


def nearest(width: int | None) -> int:
    """The one of the SIZES that is nearest to the `width` that is asked for; None asks for the camera's own."""
    if width is None or width > 1.5 * WIDTHS[-1]:
        return FULL
    return min(WIDTHS, key=lambda size: abs(size - width))
