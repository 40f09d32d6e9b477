"""The pixels of a decoded frame."""

import cv2
import numpy as np
from av import VideoFrame

from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.yuv import Yuv, lines
from edge_daemon.messages.frames import Matrix, YuvFormat

PLANAR = ("yuv420p", "yuvj420p")
LIKE_PLANAR = ("nv12", "nv21", "p010le", "yuv420p10le", "yuv420p12le")
"""From hardware, or with more bits than needed: cheap to make planar. Everything else becomes BGR at once."""
MATRICES: dict[int, Matrix] = {1: "bt709", 9: "bt2020", 10: "bt2020"}
"""By FFmpeg's number (AVColorSpace); BT.601 where the stream does not say, as in FFmpeg."""
FULL_RANGE = 2
ROTATIONS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


def pixels(frame: VideoFrame) -> Pixels | Yuv:
    """A decoded frame as planes or BGR (uint8, height x width x 3), rotated for display."""
    name, full = frame.format.name, frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")
    rotation = ROTATIONS.get(frame.rotation % 360)
    if name not in (*PLANAR, *LIKE_PLANAR):
        return _rotated(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8), rotation)
    form = YuvFormat(MATRICES.get(frame.colorspace, "bt601"), full)
    if name in LIKE_PLANAR:
        frame = frame.reformat(format="yuv420p")
    half = -(-frame.height // 2), -(-frame.width // 2)
    sizes = (frame.height, frame.width), half, half
    y, u, v = (_rotated(lines(plane, *size), rotation) for plane, size in zip(frame.planes, sizes, strict=True))
    return Yuv(y, u, v, form)


def _rotated(pixels: Pixels, rotation: int | None) -> Pixels:
    return pixels if rotation is None else np.asarray(cv2.rotate(pixels, rotation), np.uint8)
