"""The fonts of this machine, and the characters that each can show."""

import unicodedata
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from os import walk
from pathlib import Path

from PIL import ImageFont

FOLDERS = ("/usr/local/share/fonts", "/usr/share/fonts", "~/.local/share/fonts", "~/.fonts")
_SUFFIXES = frozenset({".ttf", ".otf", ".ttc", ".otc"})
_PREFERRED = ("dejavusans", "notosans", "liberationsans", "freesans", "wqy", "droidsans", "unifont")
_NONCHARACTER = "\U0010ffff"
_Glyph = tuple[tuple[int, int], bytes]
_SPECIAL = ("mono", "serif", "condensed", "italic", "oblique", "bold", "thin", "light", "black", "math")


class Face:
    """One font file; without a path, Pillow's built-in font for Latin letters."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.at = lru_cache(maxsize=8)(self._at)
        self.covers = lru_cache(maxsize=1024)(self._covers)

    def _at(self, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        """The font at a size in pixels."""
        return ImageFont.load_default(size) if self.path is None else ImageFont.truetype(self.path, size)

    def _covers(self, char: str) -> bool:
        """True if the font has a glyph for a character; False for all if the file is not a usable font."""
        if self.path is None:
            return " " <= char <= "~"
        if self._probe is None:
            return False
        font, missing = self._probe
        glyph = _glyph(font, char)
        may_be_blank = char == " " or unicodedata.category(char).startswith("M")  # so are all of colour fonts
        return glyph not in (None, missing) and (may_be_blank or any(glyph[1]))

    @cached_property
    def _probe(self) -> tuple[ImageFont.FreeTypeFont, _Glyph | None] | None:
        """The font at the size at which glyphs are compared, and the glyph that it draws for missing characters."""
        try:
            font = ImageFont.truetype(str(self.path), 16, layout_engine=ImageFont.Layout.BASIC)
        except OSError:
            return None  # unusable fonts are treated like missing ones
        return font, _glyph(font, _NONCHARACTER)


class Fonts:
    """The faces in some folders, best first, and the built-in one last."""

    def __init__(self, folders: Iterable[str | Path] = FOLDERS) -> None:
        """Search `folders` recursively for font files; files are opened on demand."""
        files = (file for folder in folders for file in _files(Path(folder)))
        self.faces: Sequence[Face] = [*(Face(path) for path in sorted(files, key=_rank)), Face(None)]
        self.face_for = lru_cache(maxsize=4096)(self._face_for)

    def _face_for(self, char: str) -> Face | None:
        """The first face with a glyph for a character, or None."""
        return next((face for face in self.faces if face.covers(char)), None)


def _glyph(font: ImageFont.FreeTypeFont, char: str) -> _Glyph | None:
    """Size and pixels of a glyph; None if it is damaged."""
    try:
        mask = font.getmask(char)
    except (OSError, ValueError):
        return None
    return mask.size, bytes(mask)


def _files(folder: Path) -> Iterable[Path]:
    try:
        folder = folder.expanduser()
    except RuntimeError:
        return  # this user has no home
    for parent, _, names in walk(folder):
        yield from (Path(parent, name) for name in names if Path(name).suffix.lower() in _SUFFIXES)


def _rank(path: Path) -> tuple[int, int, int, str]:
    """Sort key: upright sans-serif fonts of regular weight first, among them those with most characters."""
    name = path.stem.lower().replace("-", "").replace(" ", "")
    special = sum(word in name for word in _SPECIAL)
    preferred = (index for index, prefix in enumerate(_PREFERRED) if name.startswith(prefix))
    return special, next(preferred, len(_PREFERRED)), len(name), str(path)
