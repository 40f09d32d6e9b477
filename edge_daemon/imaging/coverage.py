"""Which characters a font file has glyphs for.

A drawing library shows an empty box for a character that a font lacks, and does not report it; this module does.
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
    """The characters of one font, kept as ranges: a few kilobytes even for a Chinese one."""

    def __init__(self, code_points: Iterable[int]) -> None:
        runs = (list(run) for _, run in groupby(enumerate(sorted(code_points)), lambda pair: pair[1] - pair[0]))
        self._edges = [edge for run in runs for edge in (run[0][1], run[-1][1] + 1)]

    def __contains__(self, char: str) -> bool:
        return bisect_right(self._edges, ord(char)) % 2 == 1


def read_coverage(path: Path) -> Coverage:
    """Read the characters of a TrueType or OpenType font, or of the first one in a collection.

    Raises:
        ValueError: the file is no font, is damaged, or holds colour pictures (emoji).
        OSError: it cannot be read.
    """
    try:
        with TTFont(path, fontNumber=0, lazy=True) as font:
            if _COLOUR_TABLES & set(font.keys()):
                raise ValueError(f"{path} holds colour pictures, not outlines")
            glyphs = font.getBestCmap() or {}
    except _DAMAGED as error:
        raise ValueError(f"{path} cannot be used as a font: {error}") from error
    return Coverage(glyphs)
