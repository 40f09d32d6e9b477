"""Files beside an ONNX model that hold its weights (external data), found without a library of ONNX."""

import mmap
from collections.abc import Iterator
from pathlib import Path

_PARTS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "function": {7: "node"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
"""Fields that lead to the entries of external data, by the message that they are in (onnx.proto)."""
DEEPEST = 64
_SIZES = {1: 8, 5: 4}
"""Sizes of the fields of fixed length, by wire type."""


def weights_of(model: Path) -> list[Path]:
    """The files with weights that a model names, in the order of their names; none if it cannot be read as a model.

    Raises:
        OSError: the model cannot be read.
    """
    with model.open("rb") as file:
        try:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data, memoryview(data) as view:
                names = set(_locations(view, "model", 0))
        except ValueError:  # it is empty
            return []
    return [model.parent / name for name in sorted(names)]


def _locations(message: memoryview, kind: str, depth: int) -> Iterator[str]:
    if kind == "entry":
        entry = {number: bytes(value) for number, value in _fields(message)}
        if entry.get(1) == b"location":
            yield entry.get(2, b"").decode(errors="replace")
        return
    for number, value in _fields(message):
        if (part := _PARTS[kind].get(number)) and depth < DEEPEST:
            yield from _locations(value, part, depth + 1)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and bytes of each field with a length, up to where the message is malformed."""
    at = 0
    while at < len(message):
        key, at = _number(message, at)
        if key & 7 == 0:
            _, at = _number(message, at)
        elif key & 7 == 2:
            length, at = _number(message, at)
            if at + length > len(message):
                return
            yield key >> 3, message[at : at + length]
            at += length
        elif key & 7 in _SIZES:
            at += _SIZES[key & 7]
        else:
            return


def _number(message: memoryview, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends; a malformed one ends with the message."""
    number = shift = 0
    while at < len(message):
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80 or shift > 63:
            break
    return number, at
