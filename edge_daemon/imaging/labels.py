"""Captions as small grey bitmaps, in any script for which this machine has a font; rendered once and cached.

Confidences change with every frame, so a caption such as `person 0.91` is cached as two bitmaps, name and number: a
hundred numbers serve all names. Bitmaps have no colour, so one serves all colours. Scripts with joined letters, such
as Arabic, are shaped if Pillow finds libraqm and libfribidi.
"""

import math
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from edge_daemon.imaging.fonts import Face, Fonts

LONGEST = 40
"""Longest caption in characters, without its number; longer ones end in an ellipsis."""

Mask = NDArray[np.uint8]

_REMEMBERED = 512
_NUMBER = re.compile(r"(.+) ([-+]?[0-9]{1,6}(?:\.[0-9]{1,4})?%?)")
_JOINERS = "\u200c\u200d"
_SELECTORS = frozenset(map(chr, range(0xFE00, 0xFE10)))


class Labels:
    """Renders captions with the given fonts."""

    def __init__(self, fonts: Fonts) -> None:
        self._fonts = fonts
        self._part = lru_cache(maxsize=_REMEMBERED)(self._render)

    def mask(self, caption: str, size: int) -> Mask:
        """A caption as a bitmap: uint8, `line_height(size)` x its width, 0 is background, 255 is ink.

        `size` is that of the font, in pixels. Control characters are left out, line breaks become spaces, and
        characters that no font has are shown as a plain letter or as `U+4E2D`.
        """
        text = " ".join(caption.split())
        number = _NUMBER.fullmatch(text)
        first, *rest = number.groups() if number else (text,)
        mask = self._part(first[: 8 * LONGEST], size)
        for part in rest:
            gap = np.zeros((len(mask), round(size / 3)), np.uint8)
            mask = np.hstack([mask, gap, self._part(part, size)])
        return mask

    def _render(self, text: str, size: int) -> Mask:
        text = _tidy(text)
        masks = [_draw(face, run, size) for face, run in self._runs(text)]
        return np.hstack([np.zeros((line_height(size), 0), np.uint8), *masks])

    def _runs(self, text: str) -> list[tuple[Face, str]]:
        """The text split into pieces with one face each; a single piece if some face has all characters."""
        text = " ".join("".join(self._shown(text)).split())
        wanted = dict.fromkeys(face for char in text if (face := self._fonts.face_for(char)))
        for face in wanted:
            if all(char in _JOINERS or face.covers(char) for char in text):
                return [(face, text)]
        runs: list[tuple[Face, str]] = []
        for char in text:
            before = runs[-1] if runs else None
            if before and (char in _JOINERS or before[0].covers(char)):
                runs[-1] = (before[0], before[1] + char)
            elif face_of := self._fonts.face_for(char):
                runs.append((face_of, char))
        return runs

    def _shown(self, text: str) -> Iterator[str]:
        """Each character in displayable form: itself, its plain form, or its code point."""
        for char in text:
            plain = unicodedata.normalize("NFKD", char)
            plain = "".join(part for part in plain if not unicodedata.combining(part))
            if char in _JOINERS or self._fonts.face_for(char):
                yield char
            elif plain and plain != char and all(map(self._fonts.face_for, plain)):
                yield plain
            elif not unicodedata.combining(char):
                yield f" U+{ord(char):04X} "


def line_height(size: int) -> int:
    """The height in pixels of all captions in a font of `size` pixels."""
    return math.ceil(1.4 * size)


def _tidy(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    text = "".join(char for char in text if char in _JOINERS or _is_text(char))
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"


def _is_text(char: str) -> bool:
    """True if a character is visible: no control character, no invisible mark, no lone surrogate."""
    return char not in _SELECTORS and unicodedata.category(char) not in ("Cc", "Cf", "Cs")


def _draw(face: Face, text: str, size: int) -> Mask:
    height = line_height(size)
    baseline = round(1.05 * size)
    font = face.at(size)
    left, top, right, bottom = font.getbbox(text, anchor="ls")
    tall = max(-top / baseline, bottom / (height - baseline))
    if tall > 1:
        font = face.at(max(1, int(size / tall)))
        left, top, right, bottom = font.getbbox(text, anchor="ls")
    start = max(0, math.ceil(-left))
    width = start + math.ceil(max(right, font.getlength(text)))
    image = Image.new("L", (width, height))
    ImageDraw.Draw(image).text((start, baseline), text, fill=255, font=font, anchor="ls")
    return np.array(image, np.uint8)
