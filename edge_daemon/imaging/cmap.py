"""Which characters a font file has glyphs for, read from its `cmap` table.

A drawing library shows an empty box for what a font lacks, and does not tell; this does. Layouts are those of
the OpenType specification, 1.9.1: "Organization of an OpenType Font" and "cmap".
"""

import struct
from bisect import bisect_right
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_LAST = 0x10FFFF
_LARGEST_TABLE = 16 << 20
_PICTURE_TABLES = {b"CBDT", b"COLR", b"sbix"}


class Coverage:
    """The characters of one font, kept as ranges: a few kilobytes even for a Chinese one."""

    def __init__(self, covered: NDArray[np.bool_]) -> None:
        """Take what is covered, one entry a code point from 0."""
        edges = np.flatnonzero(np.diff(covered, prepend=False, append=False))
        self._edges: list[int] = edges.tolist()

    def __contains__(self, char: str) -> bool:
        return bisect_right(self._edges, ord(char)) % 2 == 1


def read_coverage(path: Path) -> Coverage:
    """Give the characters of a TrueType or OpenType font, or of the first one in a collection.

    Raises ValueError when the file is no such font, or is one of colour pictures (emoji), and OSError when it
    cannot be read.
    """
    with path.open("rb") as file:
        try:
            table = _cmap_table(file)
            covered = np.zeros(_LAST + 1, bool)
            for at in _unicode_subtables(table):
                _SUBTABLES.get(struct.unpack_from(">H", table, at)[0], _skip)(table[at:], covered)
        except (struct.error, IndexError) as error:
            raise ValueError(f"{path} is a damaged font: {error}") from error
    covered[0] = False
    return Coverage(covered)


def _cmap_table(file: BinaryIO) -> bytes:
    start = file.read(16)
    if start[:4] == b"ttcf":
        file.seek(struct.unpack_from(">I", start, 12)[0])
    else:
        file.seek(0)
    (tables,) = struct.unpack(">4xH6x", file.read(12))
    records = dict(_record(file.read(16)) for _ in range(tables))
    if records.keys() & _PICTURE_TABLES:
        raise ValueError("it holds coloured pictures, no plain shapes")
    offset, length = records.get(b"cmap", (0, 0))
    if not 0 < length <= _LARGEST_TABLE:
        raise ValueError("it has no table of characters")
    file.seek(offset)
    return file.read(length)


def _record(record: bytes) -> tuple[bytes, tuple[int, int]]:
    tag, offset, length = struct.unpack(">4s4xII", record)
    return tag, (offset, length)


def _unicode_subtables(table: bytes) -> set[int]:
    (count,) = struct.unpack_from(">2xH", table)
    records = (struct.unpack_from(">HHI", table, 4 + 8 * index) for index in range(count))
    return {at for platform, encoding, at in records if platform == 0 or (platform, encoding) in ((3, 1), (3, 10))}


def _segments(table: bytes, covered: NDArray[np.bool_]) -> None:
    """Format 4: segments of the first 65536 characters, some with a list of glyphs each."""
    size = struct.unpack_from(">6xH", table)[0]
    count = size // 2
    ends = np.frombuffer(table, ">u2", count, 14).astype(int)
    starts, deltas, offsets = np.frombuffer(table, ">u2", 3 * count, 16 + size).reshape(3, count).astype(int)
    for index in range(count):
        chars = np.arange(starts[index], ends[index] + 1)
        glyphs = chars
        if offsets[index]:
            # The offset counts from its own place in the file.
            first = 16 + 2 * size + size + 2 * index + offsets[index]
            listed = np.frombuffer(table, ">u2", max(0, min(len(chars), (len(table) - first) // 2)), first)
            chars = chars[: len(listed)]
            glyphs = listed.astype(int)
            chars, glyphs = chars[glyphs != 0], glyphs[glyphs != 0]
        covered[chars[(glyphs + deltas[index]) % 65536 != 0]] = True
    covered[0xFFFF] = False  # the end mark


def _groups(table: bytes, covered: NDArray[np.bool_]) -> None:
    """Format 12: ranges of any characters."""
    (count,) = struct.unpack_from(">12xI", table)
    if count > len(table) // 12:
        raise IndexError("more groups of characters than bytes for them")
    for first, last, glyph in np.frombuffer(table, ">u4", 3 * count, 16).reshape(count, 3).astype(int):
        covered[first + (glyph == 0) : last + 1] = True


def _skip(table: bytes, covered: NDArray[np.bool_]) -> None:
    """Other formats are for variants of characters, or from before Unicode."""


_SUBTABLES = {4: _segments, 12: _groups}
