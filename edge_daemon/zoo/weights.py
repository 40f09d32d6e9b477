"""Files beside an ONNX model that hold its weights (external data), found without a library of ONNX."""

import mmap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edge_daemon.protobuf import MalformedError, fields

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
        entry = {number: bytes(value) for number, value in _parts(message)}
        if entry.get(1) == b"location":
            yield entry.get(2, b"").decode(errors="replace")
        return
    for number, value in _parts(message):
        if (part := _PARTS[kind].get(number)) and depth < DEEPEST:
            yield from _locations(value, part, depth + 1)


def _parts(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and bytes of each field with bytes, up to where the message is malformed."""
    with suppress(MalformedError):
        yield from ((number, value) for number, value in fields(message) if isinstance(value, memoryview))
