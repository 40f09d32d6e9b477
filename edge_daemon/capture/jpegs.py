"""The JPEGs that cameras send, checked before they are decoded."""

from edge_daemon.errors import PictureError, SourceError
from edge_daemon.imaging.codecs import decode_bgr
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.header import read_header
from edge_daemon.imaging.jpeg_end import with_end
from edge_daemon.imaging.pictures import MAX_PIXELS, check_size, is_upright, read_bgr
from edge_daemon.imaging.work import check_work

_EXIF, _NEAR_START = b"Exif\0\0", 4096


def checked(part: bytes) -> tuple[bytes, tuple[int, int]]:
    """A JPEG, with the end marker that it may lack, and its width and height.

    Raises:
        PictureError: it is none, is incomplete, has too many pixels, or takes too long to decode.
    """
    header = read_header(part)
    if header is None or header.codec != "jpeg":
        raise PictureError("it is no JPEG")
    check_size(header.width, header.height, MAX_PIXELS)
    check_work(part)
    return bytes(with_end(part)), (header.width, header.height)


def is_turned(jpeg: bytes) -> bool:
    """True if its Exif data ask for it to be turned or mirrored, as those of telephones do."""
    return _EXIF in jpeg[:_NEAR_START] and not is_upright(jpeg)


def turned(jpeg: bytes) -> Pixels:
    """Such a JPEG, upright, as BGR (height x width x 3, uint8).

    Raises:
        SourceError: it is damaged.
    """
    try:
        return read_bgr(jpeg)
    except PictureError as error:
        raise SourceError(str(error), "decode error") from error


def decoded(jpeg: bytes, size: tuple[int, int], *, reduced: int = 1) -> Pixels:
    """A camera's JPEG as BGR (height x width x 3, uint8), `reduced` (1, 2, 4 or 8) times smaller, sides rounded up.

    Raises:
        SourceError: it is damaged.
    """
    try:
        return decode_bgr(jpeg, "jpeg", *size, reduced=reduced)
    except PictureError as error:
        raise SourceError(str(error), "decode error") from error
