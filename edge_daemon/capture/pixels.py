"""The pixels of a decoded frame."""

import struct
from collections.abc import Callable

import cv2
import numpy as np
from av import VideoFrame
from av.sidedata.sidedata import Type as SideDataType

from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.yuv import Yuv, lines
from edge_daemon.messages.frames import Matrix, YuvFormat

PLANAR = ("yuv420p", "yuvj420p")
LIKE_PLANAR = ("nv12", "nv21", "p010le", "yuv420p10le", "yuv420p12le")
"""From hardware, or with more bits than needed: cheap to make planar. Everything else becomes BGR at once."""
MATRICES: dict[int, Matrix] = {1: "bt709", 9: "bt2020", 10: "bt2020"}
"""By FFmpeg's number (AVColorSpace); BT.601 where the stream does not say, as in FFmpeg."""
FULL_RANGE = 2
_TURNS: dict[tuple[bool, bool, bool], Callable[[Pixels], object]] = {
    (False, True, False): lambda plane: cv2.flip(plane, 1),
    (False, False, True): lambda plane: cv2.flip(plane, 0),
    (False, True, True): lambda plane: cv2.rotate(plane, cv2.ROTATE_180),
    (True, False, False): lambda plane: cv2.transpose(plane),
    (True, True, False): lambda plane: cv2.rotate(plane, cv2.ROTATE_90_CLOCKWISE),
    (True, False, True): lambda plane: cv2.rotate(plane, cv2.ROTATE_90_COUNTERCLOCKWISE),
    (True, True, True): lambda plane: cv2.flip(cv2.transpose(plane), -1),
}
"""The turn that makes a picture upright if it is transposed, mirrored left to right, and mirrored top to bottom."""
Turn = Callable[[Pixels], Pixels]


class Display:
    """Makes the pixels of one stream's frames, turned and mirrored as they are to be shown."""

    def __init__(self) -> None:
        self._rotation: int | None = None
        self._turn: Turn = _as_it_is

    def pixels(self, frame: VideoFrame) -> Pixels | Yuv:
        """A decoded frame as planes or BGR (uint8, height x width x 3)."""
        if frame.rotation != self._rotation:  # to look for the matrix itself each time would cost too much
            self._rotation, self._turn = frame.rotation, _turn_of(frame)
        turn = self._turn
        name, full = frame.format.name, frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")
        if name not in (*PLANAR, *LIKE_PLANAR):
            return turn(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
        form = YuvFormat(MATRICES.get(frame.colorspace, "bt601"), full)
        if name in LIKE_PLANAR:
            frame = frame.reformat(format="yuv420p")
        half = -(-frame.height // 2), -(-frame.width // 2)
        sizes = (frame.height, frame.width), half, half
        y, u, v = (turn(lines(plane, *size)) for plane, size in zip(frame.planes, sizes, strict=True))
        return Yuv(y, u, v, form)


def _turn_of(frame: VideoFrame) -> Turn:
    """The turn that the display matrix of a frame asks for. Angles between are rounded to a quarter of a turn."""
    matrix = frame.side_data.get(SideDataType.DISPLAYMATRIX)  # type: ignore[call-overload]
    if matrix is None:
        return _as_it_is
    a, b, _, c, d, *_ = struct.unpack_from("=9i", bytes(matrix))  # x is shown at a x + c y, and y at b x + d y
    turned = abs(b) > abs(a)
    turn = _TURNS.get((turned, c < 0, b < 0) if turned else (False, a < 0, d < 0))
    return _as_it_is if turn is None else lambda plane: np.asarray(turn(plane), np.uint8)


def _as_it_is(plane: Pixels) -> Pixels:
    """The same plane."""
    return plane
