"""The edit list of an MP4, which says what is shown of its pictures.

ISO/IEC 14496-12: moov (mvhd, trak (tkhd, edts (elst), mdia (hdlr))). The lengths of the movie, its tracks and edits are
in the unit of mvhd. FFmpeg writes version 0 of these boxes for what is shorter than 24 days.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

from edge_daemon.errors import SourceError

_BOX, _NUMBER = struct.Struct(">I4s"), struct.Struct(">I")
UNIT, MOVIE_LENGTH, TRACK_LENGTH, EDIT_LENGTH, HANDLER = 12, 16, 20, 8, slice(8, 12)
"""Where fields are in the content of mvhd, tkhd, elst and hdlr."""


def show_until(path: Path, seconds: float) -> None:
    """Have the video of an MP4 end after a time: later pictures are decoded, but not shown.

    Raises:
        OSError: it cannot be read or written.
        SourceError: it has no video with an edit list.
    """
    with path.open("r+b") as file:
        while (head := file.read(_BOX.size)) and (box := _BOX.unpack(head))[1] != b"moov":
            file.seek(box[0] - _BOX.size, os.SEEK_CUR)
        at, movie = file.tell(), bytearray(file.read(box[0] - _BOX.size if head else 0))
        try:
            _show_until(memoryview(movie), seconds)
        except (StopIteration, ValueError, struct.error) as error:
            raise SourceError(f"{path} has no video with an edit list") from error
        file.seek(at)
        file.write(movie)


def _show_until(movie: memoryview, seconds: float) -> None:
    header = _box(movie, b"mvhd")
    length = round(seconds * _NUMBER.unpack_from(header, UNIT)[0])
    tracks = [content for kind, content in _boxes(movie) if kind == b"trak"]
    for track in tracks:
        if bytes(_box(_box(track, b"mdia"), b"hdlr")[HANDLER]) == b"vide":
            _NUMBER.pack_into(_box(track, b"tkhd"), TRACK_LENGTH, length)
            _NUMBER.pack_into(_box(_box(track, b"edts"), b"elst"), EDIT_LENGTH, length)
    longest = max(_NUMBER.unpack_from(_box(track, b"tkhd"), TRACK_LENGTH)[0] for track in tracks)
    _NUMBER.pack_into(header, MOVIE_LENGTH, longest)


def _box(data: memoryview, wanted: bytes) -> memoryview:
    """The content of the first box of a kind.

    Raises:
        StopIteration: there is none.
    """
    return next(content for kind, content in _boxes(data) if kind == wanted)


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """The kinds and contents of the boxes that follow one another."""
    at = 0
    while at + _BOX.size <= len(data):
        length, kind = _BOX.unpack_from(data, at)
        yield kind, data[at + _BOX.size : at + length]
        at += max(length, _BOX.size)
