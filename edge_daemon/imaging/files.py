"""Pictures as files, whose ending says the format."""

from pathlib import Path

from edge_daemon.errors import PictureError
from edge_daemon.imaging.codecs import encode_bgr
from edge_daemon.imaging.colour import Pixels
from edge_daemon.settings import Codec

FORMATS: dict[str, Codec] = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}
QUALITY = 95


def format_of(file: Path) -> Codec:
    """How a file of this name is encoded.

    Raises:
        PictureError: its ending says nothing that is known here.
    """
    if codec := FORMATS.get(file.suffix.lower()):
        return codec
    raise PictureError(f"{file}: the ending says the format; choose one of {', '.join(FORMATS)}")


def save_bgr(bgr: Pixels, file: Path) -> None:
    """Save a BGR picture, height x width x 3, uint8.

    Raises:
        PictureError: the file cannot be written, or its ending says nothing that is known here.
    """
    try:
        file.write_bytes(encode_bgr(bgr, format_of(file), QUALITY))
    except OSError as error:
        raise PictureError(f"cannot write {file}: {error.strerror}") from error
