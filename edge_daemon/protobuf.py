"""Fields of a Protocol Buffers message, without a library, and read without copying: a model is mostly weights."""

import struct
from collections.abc import Iterable, Iterator
from typing import TypeAlias

Value: TypeAlias = int | memoryview
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_MORE = 0x80
"""A byte from here on is followed by further ones of the same number."""
_SIZES = {_EIGHT: 8, _FOUR: 4}


class MalformedError(ValueError):
    """The bytes are not a message."""


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Number and value of each field: a whole number (unsigned), or the bytes of anything else.

    Raises:
        MalformedError: the message is cut off or damaged.
    """
    at, end = 0, len(message)
    while at < end:
        tag = message[at]
        at += 1
        if tag >= _MORE:
            tag, at = _varint(message, at - 1)
        kind = tag & 7
        if kind == _VARINT:
            value: Value
            value, at = _varint(message, at)
        else:
            if kind == _BYTES:
                # Most lengths take one byte, and this loop is most of the time that reading a graph takes.
                size = message[at] if at < end else _MORE
                at += 1
                if size >= _MORE:
                    size, at = _varint(message, at - 1)
            elif kind in _SIZES:
                size = _SIZES[kind]
            else:
                raise MalformedError
            if at + size > end:
                raise MalformedError
            value = message[at : at + size]
            at += size
        yield tag >> 3, value


def whole_numbers(value: Value) -> list[int]:
    """Signed whole numbers of a field that may be packed."""
    if isinstance(value, int):
        return [_signed(value)]
    numbers, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        numbers.append(_signed(number))
    return numbers


def floats(value: Value) -> list[float]:
    """Numbers (float32) of a field that may be packed."""
    if isinstance(value, int) or len(value) % 4:
        raise MalformedError
    return list(struct.unpack(f"<{len(value) // 4}f", value))


def text(value: Value) -> str:
    """A field as text; what is not UTF-8 is replaced."""
    return "" if isinstance(value, int) else str(value, "utf-8", "replace")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    number = shift = 0
    try:
        while True:
            byte = message[at]
            at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number, at
            shift += 7
            if shift > 63:
                raise MalformedError
    except IndexError as error:
        raise MalformedError from error


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def field(number: int, value: int | str | bytes | memoryview) -> bytes:
    """A field as bytes: a whole number that is not negative, or text or bytes with their length."""
    if isinstance(value, int):
        return _number(number << 3) + _number(value)
    data = value.encode() if isinstance(value, str) else value
    return b"".join((_number(number << 3 | _BYTES), _number(len(data)), data))


def packed(numbers: Iterable[int]) -> bytes:
    """Signed whole numbers, to be a field."""
    return b"".join(_number(number & (1 << 64) - 1) for number in numbers)


def _number(number: int) -> bytes:
    written = bytearray()
    while number >= _MORE:
        written.append(number & 0x7F | _MORE)
        number >>= 7
    written.append(number)
    return bytes(written)
