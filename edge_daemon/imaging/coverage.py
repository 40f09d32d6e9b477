"""The characters for which a font file has glyphs.

Pillow draws an empty box for a missing glyph without reporting it; this module tells beforehand.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from fontTools.ttLib import TTFont, TTLibError

_COLOUR_TABLES = {"CBDT", "COLR", "sbix"}
_DAMAGED = (TTLibError, struct.error, AssertionError, LookupError, OverflowError, ValueError, EOFError)
"""Errors that fontTools raises for damaged files."""


class Coverage:
    """The characters of one font as ranges: a few kilobytes even for a Chinese font."""

    def __init__(self, code_points: Iterable[int]) -> None:
        runs = (list(run) for _, run in groupby(enumerate(sorted(code_points)), lambda pair: pair[1] - pair[0]))
        self._edges = [edge for run in runs for edge in (run[0][1], run[-1][1] + 1)]

    def __contains__(self, char: str) -> bool:
        return bisect_right(self._edges, ord(char)) % 2 == 1


def read_coverage(path: Path) -> Coverage:
    """Read the characters of a TrueType or OpenType font, or of the first one in a collection.

    Raises:
        ValueError: the file is not a font, is damaged, or contains colour pictures (emoji).
        OSError: the file cannot be read.
    """
    try:
        with TTFont(path, fontNumber=0, lazy=True) as font:
            if _COLOUR_TABLES & set(font.keys()):
                raise ValueError(f"{path} contains colour pictures, not outlines")
            glyphs = font.getBestCmap() or {}
    except _DAMAGED as error:
        raise ValueError(f"{path} cannot be used as a font: {error}") from error
    return Coverage(glyphs)
