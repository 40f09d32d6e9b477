"""The Open Inference Protocol's description of a model, and its data types in those of ONNX Runtime and NumPy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError

Arrays = Mapping[str, NDArray[np.generic]]
_TYPES = {
    "BOOL": ("bool", "?"), "UINT8": ("uint8", "u1"), "UINT16": ("uint16", "<u2"), "UINT32": ("uint32", "<u4"),
    "UINT64": ("uint64", "<u8"), "INT8": ("int8", "i1"), "INT16": ("int16", "<i2"), "INT32": ("int32", "<i4"),
    "INT64": ("int64", "<i8"), "FP16": ("float16", "<f2"), "FP32": ("float", "<f4"), "FP64": ("double", "<f8"),
}  # fmt: skip
"""ONNX Runtime's and NumPy's names by the protocol's."""
_NAMES = {np.dtype(dtype): name for name, (_, dtype) in _TYPES.items()}
LARGEST = 1 << 30
"""Largest tensor that is read, in bytes."""


@dataclass(frozen=True)
class Tensor:
    """A declared input or output; `shape` has numbers, and None for open axes."""

    name: str
    datatype: str
    shape: tuple[int | None, ...]

    @property
    def type(self) -> str:
        """Element type as ONNX Runtime calls it."""
        known = _TYPES.get(self.datatype)
        return f"tensor({known[0] if known else self.datatype.lower()})"


@dataclass(frozen=True)
class Metadata:
    """What a server says of a model. `properties` is not in the protocol over HTTP; edge-daemon adds it."""

    name: str
    versions: tuple[str, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    platform: str = ""
    properties: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Answer:
    """Outputs of a model by name (any shape and type), and the version that made them; empty if that is not said."""

    version: str
    outputs: Arrays


def declared(name: str, datatype: str, shape: Sequence[int]) -> Tensor:
    """A tensor as it is declared, with -1 for open axes."""
    return Tensor(name, datatype, tuple(axis if axis > 0 else None for axis in shape))


def datatype_of(array: NDArray[np.generic]) -> str:
    """The protocol's name of the type of an array (any shape and type).

    Raises:
        ModelError: it has none.
    """
    name = _NAMES.get(array.dtype)
    if name is None:
        raise ModelError(f"the protocol has no data type for {array.dtype}")
    return name


def protocol_type(onnx_type: str) -> str:
    """The protocol's name of ONNX Runtime's type, such as `tensor(float)`; empty if it has none."""
    return next((name for name, (kind, _) in _TYPES.items() if onnx_type == f"tensor({kind})"), "")


def array_of(datatype: str, shape: Sequence[int], data: memoryview | bytes) -> NDArray[np.generic]:
    """The bytes of a tensor as an array (any shape and type), without copying.

    Raises:
        ModelError: the type is no number, or the bytes are not as many as the shape needs.
    """
    dtype = dtype_of(datatype)
    count = int(np.prod(np.array(shape, np.float64))) if shape else 1
    if min(shape, default=1) < 0 or count * dtype.itemsize != len(data):
        raise ModelError(f"{len(data)} bytes are no {datatype} tensor of {'x'.join(map(str, shape))}")
    return np.frombuffer(data, dtype).reshape(tuple(shape))


def bytes_of(array: NDArray[np.generic]) -> memoryview:
    """The bytes of an array (any shape and type), row by row."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def dtype_of(datatype: str) -> "np.dtype[np.generic]":
    """NumPy's type for the protocol's.

    Raises:
        ModelError: it is no number.
    """
    if datatype not in _TYPES:
        raise ModelError(f"its tensors of {datatype[:40]} are no numbers")
    return np.dtype(_TYPES[datatype][1])
