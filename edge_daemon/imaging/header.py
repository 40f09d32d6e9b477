"""Format and size from the first bytes of a JPEG, PNG or WebP, read without decoding.

Decoders allocate memory for the size that a file claims, so the claim is checked first.
"""

import struct
from typing import Literal, NamedTuple

Buffer = bytes | bytearray | memoryview

_PNG_START = b"\x89PNG\r\n\x1a\n"
_JPEG_START = b"\xff\xd8\xff"
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # T.81, table B.1
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_PIXELS_FOLLOW = frozenset({0xD9, 0xDA})


class Header(NamedTuple):
    """The format of a picture and its size in pixels, as claimed by its header."""

    codec: Literal["jpeg", "png", "webp"]
    width: int
    height: int


def read_header(data: Buffer) -> Header | None:
    """The header of a JPEG, PNG or WebP, or None if `data` is none of these or is cut off within its header."""
    view = memoryview(data)
    start = bytes(view[:16])
    try:
        if start.startswith(_PNG_START) and start[12:] == b"IHDR":
            return Header("png", *struct.unpack_from(">II", view, 16))
        if start.startswith(_JPEG_START):
            return _jpeg(view)
        if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
            return _webp(view)
    except (struct.error, IndexError):
        return None  # the data ends within the header
    return None


def _jpeg(view: memoryview) -> Header | None:
    """Walk the marker segments up to the frame header (ITU-T T.81, B.2.2)."""
    at = 2
    while view[at] == 0xFF:
        marker = view[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", view, at + 5)
            return Header("jpeg", width, height)
        elif marker in _PIXELS_FOLLOW:
            return None
        elif marker in _WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + struct.unpack_from(">H", view, at + 2)[0]
    return None


def _webp(view: memoryview) -> Header | None:
    """Read the first chunk: canvas, lossy or lossless frame (RFC 9649, 2 and 3.4; RFC 6386, 9.1)."""
    chunk = bytes(view[12:16])
    if chunk == b"VP8X":
        wide, tall = (int.from_bytes(view[at : at + 3], "little") + 1 for at in (24, 27))
        return Header("webp", wide, tall) if len(view) >= 30 else None
    if chunk == b"VP8 " and bytes(view[23:26]) == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", view, 26)
        return Header("webp", width & 0x3FFF, height & 0x3FFF)
    if chunk == b"VP8L" and view[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", view, 21)
        return Header("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    return None
