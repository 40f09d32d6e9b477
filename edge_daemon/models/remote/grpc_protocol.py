"""The Open Inference Protocol's messages over gRPC, both ways: bytes and tensors, no sockets and no library.

Tensors travel as raw bytes beside the description. Field numbers are those of KServe's `grpc_predict_v2.proto`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models.tensors import (
    Answer,
    Arrays,
    Metadata,
    Tensor,
    array_of,
    bytes_of,
    datatype_of,
    declared,
    dtype_of,
)
from edge_daemon.protobuf import MalformedError, Value, field, fields, packed, text, whole_numbers

SERVICE = "/inference.GRPCInferenceService/"


def named(model: str, version: str = "") -> bytes:
    """A request about a model: ModelMetadata, ModelReady."""
    return field(1, model) + (field(2, version) if version else b"")


def request(model: str, version: str, feeds: Arrays, outputs: Sequence[str]) -> bytes:
    """A ModelInferRequest for these outputs, given `feeds` (arrays of any shape and type).

    Raises:
        ModelError: a tensor cannot be sent.
    """
    parts = [named(model, version)]
    parts += [field(5, _described(name, blob)) for name, blob in feeds.items()]
    parts += [field(6, field(1, name)) for name in outputs]
    parts += [field(7, bytes_of(blob)) for blob in feeds.values()]
    return b"".join(parts)


class Described(NamedTuple):
    """A tensor beside the message that has its bytes."""

    name: str
    datatype: str
    shape: list[int]


@dataclass(frozen=True)
class Raw:
    """A ModelInferRequest, with the bytes of its inputs in their order."""

    model: str
    version: str
    number: str
    inputs: list[Described]
    outputs: list[str]
    raw: list[memoryview]


def read_raw(message: bytes) -> Raw:
    """A ModelInferRequest.

    Raises:
        ModelError: it is malformed, or has tensors that are not raw.
    """
    model, version, number, inputs, outputs, raw = "", "", "", list[Described](), list[str](), list[memoryview]()
    for key, value in _fields(message):
        match key:
            case 1:
                model = text(value)
            case 2:
                version = text(value)
            case 3:
                number = text(value)
            case 5:
                inputs.append(_tensor(value)[0])
            case 6:
                outputs += [text(name) for at, name in _fields(value) if at == 1]
            case 7 if isinstance(value, memoryview):
                raw.append(value)
    if len(raw) != len(inputs):
        raise ModelError("inputs must be sent as raw_input_contents, one for each")
    return Raw(model, version, number, inputs, outputs, raw)


def answer(message: bytes) -> Answer:
    """The outputs in a ModelInferResponse.

    Raises:
        ModelError: it is malformed.
    """
    version, outputs, raw = "", list[Value](), list[memoryview]()
    for key, value in _fields(message):
        if key == 2:
            version = text(value)
        elif key == 5:
            outputs.append(value)
        elif key == 6 and isinstance(value, memoryview):
            raw.append(value)
    return Answer(version, _arrays(outputs, raw))


def write_raw(model: str, version: str, number: str, outputs: Sequence[Described], raw: Sequence[memoryview]) -> bytes:
    """A ModelInferResponse with these outputs."""
    parts = [named(model, version), field(3, number) if number else b""]
    parts += [field(5, field(1, name) + field(2, kind) + field(3, packed(shape))) for name, kind, shape in outputs]
    parts += [field(6, blob) for blob in raw]
    return b"".join(parts)


def metadata(message: bytes) -> Metadata:
    """What a ModelMetadataResponse says.

    Raises:
        ModelError: it is malformed.
    """
    name, platform, versions, inputs, outputs, properties = "", "", list[str](), list[Tensor](), list[Tensor](), {}
    for key, value in _fields(message):
        match key:
            case 1:
                name = text(value)
            case 2:
                versions.append(text(value))
            case 3:
                platform = text(value)
            case 4:
                inputs.append(_declared(value))
            case 5:
                outputs.append(_declared(value))
            case 6:
                entry = dict(_fields(value))
                properties[text(entry.get(1, 0))] = text(entry.get(2, 0))
    return Metadata(name, tuple(versions), tuple(inputs), tuple(outputs), platform, properties)


def write_metadata(about: Metadata) -> bytes:
    """A ModelMetadataResponse."""
    parts = [field(1, about.name), *(field(2, one) for one in about.versions), field(3, about.platform)]
    for key, tensors in ((4, about.inputs), (5, about.outputs)):
        for one in tensors:
            shape = [-1 if axis is None else axis for axis in one.shape]
            parts.append(field(key, field(1, one.name) + field(2, one.datatype) + field(3, packed(shape))))
    parts += [field(6, field(1, key) + field(2, value)) for key, value in about.properties.items()]
    return b"".join(parts)


def write_flag(value: bool) -> bytes:
    """The answer to ServerLive, ServerReady and ModelReady."""
    return field(1, 1) if value else b""


def flag(message: bytes) -> bool:
    """The answer to ServerLive, ServerReady and ModelReady."""
    return any(key == 1 and value == 1 for key, value in _fields(message))


def read_named(message: bytes) -> tuple[str, str]:
    """Model and version of a request about a model."""
    found = {key: text(value) for key, value in _fields(message)}
    return found.get(1, ""), found.get(2, "")


def _described(name: str, array: NDArray[np.generic]) -> bytes:
    return field(1, name) + field(2, datatype_of(array)) + field(3, packed(array.shape))


def _fields(message: Value | bytes) -> Iterable[tuple[int, Value]]:
    try:
        yield from fields(memoryview(message)) if not isinstance(message, int) else ()
    except MalformedError as error:
        raise ModelError("a message of the inference protocol is malformed") from error


def _declared(message: Value) -> Tensor:
    return declared(*_tensor(message)[0])


def _arrays(described: Sequence[Value], raw: Sequence[memoryview]) -> Arrays:
    if raw and len(raw) != len(described):
        raise ModelError(f"{len(described)} tensors are described, but {len(raw)} were sent")
    arrays: dict[str, NDArray[np.generic]] = {}
    for number, one in enumerate(described):
        (name, datatype, shape), contents = _tensor(one)
        arrays[name] = array_of(datatype, shape, raw[number]) if raw else _contents(datatype, shape, contents)
    return arrays


def _tensor(message: Value) -> tuple[Described, memoryview]:
    """A tensor's description, and its contents if they are not raw."""
    name, datatype, shape, contents = "", "", list[int](), memoryview(b"")
    for key, value in _fields(message):
        if key == 1:
            name = text(value)
        elif key == 2:
            datatype = text(value)
        elif key == 3:
            shape += whole_numbers(value)
        elif key == 5 and isinstance(value, memoryview):
            contents = value
    return Described(name, datatype, shape), contents


def _contents(datatype: str, shape: Sequence[int], contents: memoryview) -> NDArray[np.generic]:
    """A tensor whose values are listed one by one, as MLServer sends them."""
    dtype = dtype_of(datatype)
    parts: list[NDArray[np.generic]] = []
    for key, value in _fields(contents):
        if key in (6, 7) and isinstance(value, memoryview):
            parts.append(np.frombuffer(value, "<f4" if key == 6 else "<f8"))
        elif key in (1, 2, 3, 4, 5):
            parts.append(np.array(whole_numbers(value), np.int64))
    flat = np.concatenate(parts).astype(dtype) if parts else np.zeros(0, dtype)
    return array_of(datatype, shape, flat.tobytes())
