"""JPEGs that follow one another in a stream of bytes, as HTTP cameras send them.

Cameras differ in how they mark where a picture begins and ends: boundaries are not those that they announced, lengths
are missing or wrong. A JPEG itself tells both, so its own markers count (ITU-T T.81, B.1.1), and what a camera writes
between the pictures only helps where a picture has no end.
"""

import re
from collections.abc import Iterator

from edge_daemon.errors import SourceError

MAX_HEAD, MAX_PICTURE = 1 << 14, 32 << 20
MAX_OTHERS = 100
"""Parts of another kind, such as text, between two pictures."""
_START, _END = b"\xff\xd8", b"\xff\xd9"
_PART = re.compile(
    rb"(?:^--|(?<=\n)--|content-[a-z]{1,20}:)[^\r\n]{0,400}\r?\n(?:[a-z0-9_-]{1,60}:[^\r\n]{0,400}\r?\n){0,40}\r?\n",
    re.IGNORECASE,
)
"""The head of a part: a boundary, or a line about the content, further such lines, and an empty line."""
_LENGTH = re.compile(rb"content-length:[ \t]*(\d{1,9})", re.IGNORECASE)
_OTHER = re.compile(rb"content-type:[ \t]*(?!image/)\w", re.IGNORECASE)
_DELIMITER = re.compile(rb"[\r\n\0]|--|\xff\xd8")
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
_WITHOUT_LENGTH = (0x01,)


class JpegStream:
    """Splits a stream into JPEGs."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._has_heads = False
        self._others = 0  # parts in a row that are of another kind
        self._in_body = False
        self._length = 0  # of the body, if its head tells
        self._at = 0  # how far the markers of this JPEG were read

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take in bytes; give each picture that is complete, and no bytes for a part that is no JPEG.

        Raises:
            SourceError: the stream is of another kind, or a picture is too large.
        """
        self._buffer += data
        while self._in_body or self._find_body():
            self._skip_blank()
            if len(self._buffer) < len(_START):
                return
            if self._buffer.startswith(_START):
                if (jpeg := self._jpeg()) is None:
                    return
                yield jpeg
            elif self._length or not self._buffer.startswith(b"--"):
                yield b""
            self._in_body = False

    def _find_body(self) -> bool:
        """Remove what is before the next body; False if that has not arrived."""
        buffer = self._buffer
        while (head := _PART.search(buffer)) and _OTHER.search(head[0]):  # such as text
            self._has_heads = True
            self._others += 1
            if self._others > MAX_OTHERS:
                raise SourceError("it sends something else than pictures", "decode error")
            del buffer[: head.end()]
        start = -1 if self._has_heads else buffer.find(_START, 0, head.start() if head else None)
        if start >= 0:
            self._enter(start, 0)
        elif head:
            self._has_heads = True
            length = _LENGTH.search(head[0])
            self._enter(head.end(), int(length[1]) if length else 0)
        elif len(buffer) > MAX_HEAD:
            if not self._has_heads:
                raise SourceError("it does not send one picture after another", "decode error")
            del buffer[: -MAX_HEAD // 2]
        return self._in_body

    def _enter(self, start: int, length: int) -> None:
        if length > MAX_PICTURE:
            raise SourceError(f"a picture of more than {MAX_PICTURE >> 20} MiB", "decode error")
        del self._buffer[:start]
        self._in_body, self._length, self._at, self._others = True, length, 2, 0

    def _skip_blank(self) -> None:
        """Remove line breaks in front of the picture, which are part of the length."""
        blank = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))
        if blank and self._at == 2:
            del self._buffer[:blank]
            self._length = max(0, self._length - blank)

    def _jpeg(self) -> bytes | None:
        """Read the markers of the JPEG, as far as it has arrived."""
        buffer = self._buffer
        while found := _MARKER.search(buffer, self._at):
            marker = buffer[found.end() - 1 : found.end()]
            if marker == _END[1:]:
                return self._taken(found.end())
            if marker == _START[1:]:  # the next one: this one has no end
                head = _PART.search(buffer, 2, found.start())
                return self._taken(head.start() if head else found.start())
            if marker[0] in _WITHOUT_LENGTH:
                self._at = found.end()
            elif found.end() + 2 <= len(buffer):
                self._at = found.end() + max(2, int.from_bytes(buffer[found.end() : found.end() + 2], "big"))
            else:
                return None
        self._at = max(self._at, len(buffer) - 1) if self._at < len(buffer) else self._at
        if self._ends_at_length(self._at):
            return self._taken(self._length)
        if len(buffer) > MAX_PICTURE:
            raise SourceError(f"a picture of more than {MAX_PICTURE >> 20} MiB", "decode error")
        return None

    def _ends_at_length(self, at: int) -> bool:
        """True if the part ends at its announced length, with no end of the JPEG before."""
        if not self._length or at < self._length or len(self._buffer) < self._length + 2:
            return False
        if _DELIMITER.match(self._buffer, self._length):
            return True
        self._length = 0  # it is wrong
        return False

    def _taken(self, end: int) -> bytes:
        part = bytes(self._buffer[:end])
        del self._buffer[:end]
        return part
