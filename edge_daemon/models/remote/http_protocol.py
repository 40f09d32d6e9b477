"""The Open Inference Protocol over HTTP with binary tensors: bytes and tensors, no sockets."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import numpy as np

from edge_daemon.errors import ModelError
from edge_daemon.models.tensors import (
    Answer,
    Arrays,
    Metadata,
    array_of,
    bytes_of,
    datatype_of,
    declared,
    dtype_of,
)

LENGTH = "Inference-Header-Content-Length"
Shape = Annotated[list[int], msgspec.Meta(max_length=32)]


class _Declared(msgspec.Struct):
    name: str
    datatype: str
    shape: Shape


class _Metadata(msgspec.Struct):
    name: str
    inputs: list[_Declared] = []
    outputs: list[_Declared] = []
    versions: list[str] | None = None
    platform: str | None = None
    properties: dict[str, str] = {}


class _Parameters(msgspec.Struct):
    binary_data_size: int | None = None


class _Output(msgspec.Struct):
    name: str
    datatype: str
    shape: Shape
    data: Any = None
    parameters: _Parameters | None = None


class _Response(msgspec.Struct):
    outputs: list[_Output]
    model_version: str | None = None


class _Error(msgspec.Struct):
    error: str = ""
    detail: str = ""


def request(feeds: Arrays, outputs: Sequence[str]) -> tuple[bytes, list[memoryview]]:
    """The JSON of a request for these outputs, given `feeds` (arrays of any shape and type), and the tensors that
    follow it.

    Raises:
        ModelError: a tensor cannot be sent.
    """
    inputs = [
        {
            "name": name,
            "datatype": datatype_of(blob),
            "shape": blob.shape,
            "parameters": {"binary_data_size": blob.nbytes},
        }
        for name, blob in feeds.items()
    ]
    wanted = [{"name": name, "parameters": {"binary_data": True}} for name in outputs]
    head = msgspec.json.encode({"id": "1", "inputs": inputs, "outputs": wanted})
    return head, [bytes_of(blob) for blob in feeds.values()]


def answer(body: memoryview, head_length: int | None) -> Answer:
    """The outputs in a response, whose first `head_length` bytes are JSON if binary tensors follow.

    Raises:
        ModelError: it is malformed.
    """
    end = len(body) if head_length is None else head_length
    try:
        response = msgspec.json.decode(body[:end], type=_Response)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"its answer cannot be read: {error}") from error
    outputs = {}
    for one in response.outputs:
        size = one.parameters.binary_data_size if one.parameters else None
        if size is None:
            outputs[one.name] = _of_json(one)
        else:
            outputs[one.name] = array_of(one.datatype, one.shape, body[end : end + max(size, 0)])
            end += size
    return Answer(response.model_version or "", outputs)


def _of_json(one: _Output) -> Any:
    try:
        return np.array(one.data, dtype_of(one.datatype)).reshape(one.shape)
    except (ValueError, TypeError, OverflowError) as error:
        raise ModelError(f"its output {one.name[:80]} cannot be read: {error}") from error


def metadata(body: bytes) -> Metadata:
    """What a server says of a model.

    Raises:
        ModelError: it is malformed.
    """
    try:
        read = msgspec.json.decode(body, type=_Metadata)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"its metadata cannot be read: {error}") from error
    inputs, outputs = (
        tuple(declared(one.name, one.datatype, one.shape) for one in many) for many in (read.inputs, read.outputs)
    )
    return Metadata(read.name, tuple(read.versions or ()), inputs, outputs, read.platform or "", read.properties)


def error_in(body: bytes) -> str:
    """The sentence in an error's body."""
    try:
        read = msgspec.json.decode(body, type=_Error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return next(iter((read.error or read.detail).splitlines()), "")[:300]
