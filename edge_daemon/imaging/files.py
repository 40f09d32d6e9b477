"""Saves pictures as files in the format of their suffix."""

from pathlib import Path

from edge_daemon.errors import PictureError
from edge_daemon.imaging.codecs import encode_bgr
from edge_daemon.imaging.colour import Pixels
from edge_daemon.settings import Codec

FORMATS: dict[str, Codec] = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}
QUALITY = 95


def format_of(file: Path) -> Codec:
    """The format of a file with this name.

    Raises:
        PictureError: the suffix stands for no supported format.
    """
    if codec := FORMATS.get(file.suffix.lower()):
        return codec
    raise PictureError(f"{file}: the suffix selects the format; use one of {', '.join(FORMATS)}")


def save_bgr(bgr: Pixels, file: Path) -> None:
    """Save a BGR picture (uint8, height x width x 3).

    Raises:
        PictureError: the file cannot be written, or its suffix stands for no supported format.
    """
    try:
        file.write_bytes(encode_bgr(bgr, format_of(file), QUALITY))
    except OSError as error:
        raise PictureError(f"cannot write {file}: {error.strerror}") from error
