"""The fonts of this machine, and the characters that each can show."""

from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from os import walk
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import ImageFont

if TYPE_CHECKING:
    from edge_daemon.imaging.coverage import Coverage

FOLDERS = ("/usr/local/share/fonts", "/usr/share/fonts", "~/.local/share/fonts", "~/.fonts")
_SUFFIXES = frozenset({".ttf", ".otf", ".ttc", ".otc"})
_PREFERRED = ("dejavusans", "notosans", "liberationsans", "freesans", "wqy", "droidsans", "unifont")
_LATIN = frozenset({"DejaVuSans", "NotoSans-Regular", "LiberationSans-Regular", "FreeSans"})
"""Fonts known to have the printable characters of ASCII; others are read to find out."""
_SPECIAL = ("mono", "serif", "condensed", "italic", "oblique", "bold", "thin", "light", "black", "math")


class Face:
    """One font file; without a path, Pillow's built-in font for Latin letters."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.at = lru_cache(maxsize=8)(self._at)

    def covers(self, char: str) -> bool:
        """True if the font has a glyph for a character; False for all if the file is not a usable font."""
        is_ascii = " " <= char <= "~"
        if self.path is None:
            return is_ascii
        if is_ascii and self.path.stem in _LATIN:
            return self._is_usable
        return self._coverage is not None and char in self._coverage

    def _at(self, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        """The font at a size in pixels."""
        return ImageFont.load_default(size) if self.path is None else ImageFont.truetype(self.path, size)

    @cached_property
    def _is_usable(self) -> bool:
        try:
            self.at(16)
        except OSError:
            return False  # unusable fonts are treated like missing ones
        return True

    @cached_property
    def _coverage(self) -> "Coverage | None":
        from edge_daemon.imaging.coverage import read_coverage  # fontTools takes 7 MB and 25 ms, and few labels need it

        try:
            return read_coverage(self.path) if self.path and self._is_usable else None
        except (OSError, ValueError):
            return None


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
