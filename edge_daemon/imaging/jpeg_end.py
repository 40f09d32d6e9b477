"""JPEGs as cameras send them: checked before they are decoded, and some of them completed."""

import re

import cv2
import numpy as np

from edge_daemon.errors import PictureError
from edge_daemon.imaging.header import Buffer, read_header
from edge_daemon.imaging.work import check_work

_END = b"\xff\xd9"
_PROGRESSIVE = re.compile(rb"\xff[\xc2\xc6\xca\xce]")
_PADDING = (bytes(64), bytes(range(64, 128)) * 4)
"""Data of two kinds that a decoder may take for the rest of a picture."""


def with_end(data: Buffer) -> Buffer:
    """A JPEG with its end marker, which some cameras leave out; other data unchanged.

    Raises:
        PictureError: more than the marker is missing, or it takes too long to decode.
    """
    header = read_header(data)
    if header is None or header.codec != "jpeg" or _END in bytes(data[-32:]):
        return data
    check_work(data)
    if _PROGRESSIVE.search(bytes(data)):  # nobody knows how many scans there should be
        raise PictureError("the picture is damaged or incomplete")
    first, second = (_decoded(bytes(data) + padding + _END) for padding in _PADDING)
    # If a part of the picture is missing, it is decoded from the padding, and differs.
    if first is None or second is None or not np.array_equal(first, second):
        raise PictureError("the picture is damaged or incomplete")
    return bytes(data) + _END


def _decoded(jpeg: bytes) -> "cv2.typing.MatLike | None":
    try:
        return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
