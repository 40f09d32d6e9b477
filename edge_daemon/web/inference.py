"""The Open Inference Protocol (KServe v2, REST) with its binary tensor extension: bytes and tensors, no HTTP.

A model has one input, `image`: the bytes of a picture file (BYTES, shape [1]), or RGB pixels (UINT8, height x width
x 3, or 1 x height x width x 3). Its outputs are the findings as tensors, one row per detection. Programs that prepare
pictures themselves send the model's own inputs instead, and get its own outputs: its version `tensors` describes those.
"""

import re
import struct
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Annotated, Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import EdgeError
from edge_daemon.messages.findings import Found
from edge_daemon.messages.frames import TensorPart
from edge_daemon.models.tensors import array_of
from edge_daemon.web.requests import Picture
from edge_daemon.web.tasks import Asked

T = TypeVar("T")

INPUT = "image"
OUTPUTS = {
    "xyxy": ("FP32", [-1, 4]),
    "confidence": ("FP32", [-1]),
    "class_id": ("INT64", [-1]),
    "class_name": ("BYTES", [-1]),
}
DIMENSIONS = 4
"""Maximum number of axes of a shape."""
LARGEST_HEAD = 64 << 10
"""Maximum number of bytes of the JSON before the tensors of a model's own."""
LONGEST_ID = 1000
"""Maximum number of characters of a request's id."""
SHOWN = 100
"""Characters of a wrong name that an error shows."""
_ANYTHING = {"type": "object"}
_OUTPUT = {"properties": {"name": {"enum": list(OUTPUTS)}, "parameters": _ANYTHING}, "required": ["name"]}
_TENSOR = {
    "properties": {
        "name": {"const": INPUT},
        "datatype": {"enum": ["BYTES", "UINT8"]},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 4},
        "data": {"type": "array"},
        "parameters": _ANYTHING,
    },
    "required": ["name", "datatype", "shape"],
}
REQUEST = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "inputs": {"type": "array", "items": {"type": "object", **_TENSOR}, "minItems": 1, "maxItems": 1},
        "outputs": {"type": "array", "items": {"type": "object", **_OUTPUT}},
        "parameters": _ANYTHING,
    },
    "required": ["inputs"],
}
"""The JSON body of an inference request, for OpenAPI."""


class ProtocolError(EdgeError):
    """The request does not follow the protocol, or asks for something unknown."""


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters that are known, of a request, an input or an output."""

    binary_data_size: int | None = None
    binary_data: bool | None = None
    binary_data_output: bool = False


class Tensor(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor of a request: its values as JSON, or (`binary_data_size`) as bytes after it."""

    name: str
    datatype: str
    shape: Annotated[list[int], msgspec.Meta(max_length=DIMENSIONS)]
    data: msgspec.Raw = msgspec.Raw(b"null")
    parameters: Parameters = Parameters()


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """A requested output tensor."""

    name: str
    parameters: Parameters = Parameters()


class InferRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON of a request."""

    inputs: list[Tensor]
    id: Annotated[str, msgspec.Meta(max_length=LONGEST_ID)] | None = None
    outputs: list[Output] | None = None
    parameters: Parameters = Parameters()


Content = memoryview | bytes | NDArray[np.uint8]
"""A picture: the bytes of a file, or RGB pixels (uint8, height x width x 3)."""
Byte = Annotated[int, msgspec.Meta(ge=0, le=255)]
_NESTED: list[Any] = [list[Byte], list[list[Byte]], list[list[list[Byte]]], list[list[list[list[Byte]]]]]
_BRACKETS = re.compile(rb"(?:\s*\[){1,4}")


TENSORS = "tensors"
"""The version of a model that takes its own inputs and gives its own outputs."""


class _Description(msgspec.Struct):
    """The part of a model's description that a worker leaves which describes its tensors."""

    tensors: dict[str, Any] | None = None
    properties: dict[str, str] = {}


def tensors_metadata(model: str, description: bytes | None) -> dict[str, Any]:
    """The metadata of the version `tensors` of a model, from its description.

    Raises:
        ProtocolError: it has not been loaded yet.
    """
    found = msgspec.json.decode(description or b"{}", type=_Description)
    if found.tensors is None:
        raise ProtocolError(f"model {model} has not been loaded yet")
    return {
        "name": model,
        "versions": [TENSORS],
        "platform": "onnxruntime_onnx",
        **found.tensors,
        "properties": found.properties,
    }


def read_tensors(data: bytes | memoryview, head_length: int | None) -> tuple[Asked, Picture] | None:
    """The model's own inputs in a request with binary tensors; None if it has a picture.

    Raises:
        ProtocolError: the request is malformed.
    """
    body = memoryview(data)
    end = len(body) if head_length is None else head_length
    if not 0 < end <= min(len(body), LARGEST_HEAD):
        return None
    request = _decoded(body[:end], InferRequest)
    if any(tensor.name == INPUT for tensor in request.inputs) or not request.inputs:
        return None
    parts = []
    for tensor in request.inputs:
        if (size := tensor.parameters.binary_data_size) is None:
            raise ProtocolError(f"{tensor.name[:SHOWN]} must be sent as a binary tensor; JSON takes seconds")
        parts.append(TensorPart(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape, length=size))
    if min(part.length for part in parts) < 0 or sum(part.length for part in parts) != len(body) - end:
        raise ProtocolError(f"the tensors are not the {len(body) - end} bytes that follow the JSON")
    usual = request.parameters.binary_data_output
    listed = {one.name: one.parameters.binary_data for one in request.outputs or ()}
    asked = Asked(id=request.id, binary={name: usual if binary is None else binary for name, binary in listed.items()})
    return asked, Picture(body[end:], 0, 0, tensors=parts, outputs=list(listed))


def answer_tensors(model: str, parts: Sequence[TensorPart], data: memoryview, asked: Asked) -> tuple[bytes, int | None]:
    """The body of the answer with a model's own outputs, and the length of its JSON if binary tensors follow."""
    outputs, blobs, at = list[dict[str, Any]](), list[memoryview](), 0
    for part in parts:
        blob = data[at : at + part.length]
        at += part.length
        described: dict[str, Any] = {"name": part.name, "datatype": part.datatype, "shape": part.shape}
        if asked.binary.get(part.name, False):
            described["parameters"] = {"binary_data_size": part.length}
            blobs.append(blob)
        else:
            described["data"] = array_of(part.datatype, part.shape, blob).ravel().tolist()
        outputs.append(described)
    described = {"model_name": model, "model_version": TENSORS, "outputs": outputs}
    if asked.id:
        described["id"] = asked.id
    head = msgspec.json.encode(described)
    return b"".join((head, *blobs)), len(head) if blobs else None


def metadata(model: str) -> dict[str, Any]:
    """The metadata of a model."""
    return {
        "name": model,
        "versions": ["1", TENSORS],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [1]}],
        "outputs": [{"name": name, "datatype": kind, "shape": shape} for name, (kind, shape) in OUTPUTS.items()],
    }


def read(data: bytes | memoryview, head_length: int | None) -> tuple[Asked, Content]:
    """Decode a request. With binary tensors, the first `head_length` bytes are JSON, and the tensors follow.

    Raises:
        ProtocolError: the request is malformed.
    """
    body = memoryview(data)
    end = len(body) if head_length is None else head_length
    if not 0 < end <= len(body):
        raise ProtocolError(f"Inference-Header-Content-Length is {end}, but the body has {len(body)} bytes")
    request = _decoded(body[:end], InferRequest)
    if len(request.inputs) != 1 or request.inputs[0].name != INPUT:
        names = [tensor.name[:SHOWN] for tensor in request.inputs[:3]]
        raise ProtocolError(f"expected one input, {INPUT!r}, but got {len(request.inputs)}: {names}")
    tensor = request.inputs[0]
    size = tensor.parameters.binary_data_size
    if size is not None and size != len(body) - end:
        raise ProtocolError(f"binary_data_size is {size}, but {len(body) - end} bytes follow the JSON")
    binary = body[end:] if size is not None else None
    asked = Asked(id=request.id, binary=_wanted(request))
    match tensor.datatype:
        case "BYTES":
            return asked, _file(tensor, binary)
        case "UINT8":
            return asked, _pixels(tensor, binary)
        case other:
            raise ProtocolError(f"{INPUT} must be BYTES (a picture file) or UINT8 (pixels), not {other[:SHOWN]}")


def _decoded(data: memoryview | msgspec.Raw, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"the request cannot be read: {error}") from error


def _wanted(request: InferRequest) -> dict[str, bool]:
    usual = request.parameters.binary_data_output
    if request.outputs is None:
        return dict.fromkeys(OUTPUTS, usual)
    for output in request.outputs:
        if output.name not in OUTPUTS:
            raise ProtocolError(f"there is no output {output.name[:SHOWN]!r}; there are {', '.join(OUTPUTS)}")
    wanted = {output.name: output.parameters.binary_data for output in request.outputs}
    return {name: usual if binary is None else binary for name, binary in wanted.items()}


def _file(tensor: Tensor, binary: memoryview | None) -> memoryview | bytes:
    if sum(tensor.shape) != len(tensor.shape):
        raise ProtocolError(f"expected one picture, shape [1], not {tensor.shape}")
    if binary is not None:
        if len(binary) < 4 or struct.unpack_from("<I", binary)[0] != len(binary) - 4:
            raise ProtocolError("an element of BYTES must be its length (4 bytes, little-endian) followed by its bytes")
        return binary[4:]
    texts = _decoded(tensor.data, list[str])
    if len(texts) != 1:
        raise ProtocolError(f"expected 1 element, but got {len(texts)}")
    return texts[0].encode("latin-1", "replace")  # text is no picture, which the sender is to learn


def _pixels(tensor: Tensor, binary: memoryview | None) -> NDArray[np.uint8]:
    shape = tensor.shape[1:] if len(tensor.shape) == 4 and tensor.shape[0] == 1 else tensor.shape
    if len(shape) != 3 or shape[2] != 3 or min(shape) < 1:
        raise ProtocolError(f"pixels must have the shape [height, width, 3], not {tensor.shape}")
    pixels = np.frombuffer(binary, np.uint8) if binary is not None else _numbers(tensor.data)
    count = shape[0] * shape[1] * 3
    if pixels.size != count:
        raise ProtocolError(f"{shape} are {count} elements, not {pixels.size}")
    return pixels.reshape(shape)


def _numbers(data: msgspec.Raw) -> NDArray[np.uint8]:
    """The numbers (0 to 255) in lists that are nested equally deep everywhere, in a row."""
    nesting = _BRACKETS.match(data)
    depth = nesting[0].count(b"[") if nesting else 1
    numbers: Iterable[Any] = _decoded(data, _NESTED[depth - 1])
    for _ in range(depth - 1):
        numbers = chain.from_iterable(numbers)
    return np.fromiter(numbers, np.uint8)


def answer(model: str, found: Found, asked: Asked) -> tuple[bytes, int | None]:
    """The body of the answer, and the length of its JSON if binary tensors follow."""
    tensors = {
        "xyxy": np.array([one.xyxy for one in found.detections], "<f4").reshape(-1, 4),
        "confidence": np.array([one.confidence for one in found.detections], "<f4"),
        "class_id": np.array([one.class_id for one in found.detections], "<i8"),
    }
    names = [one.class_name for one in found.detections]
    if found.classes is not None:  # of the whole picture
        tensors["xyxy"] = np.zeros((0, 4), "<f4")
        tensors["confidence"] = np.array([one.confidence for one in found.classes], "<f4")
        tensors["class_id"] = np.array([one.class_id for one in found.classes], "<i8")
        names = [one.class_name for one in found.classes]
    outputs, blobs = [], []
    for name, binary in asked.binary.items():
        kind, _ = OUTPUTS[name]
        shape = [len(names)] if kind == "BYTES" else list(tensors[name].shape)
        described: dict[str, Any] = {"name": name, "datatype": kind, "shape": shape}
        if binary:
            blob = _packed(names) if kind == "BYTES" else tensors[name].tobytes()
            described["parameters"] = {"binary_data_size": len(blob)}
            blobs.append(blob)
        else:
            described["data"] = names if kind == "BYTES" else tensors[name].ravel().tolist()
        outputs.append(described)
    described = {"model_name": model, "model_version": "1", "outputs": outputs}
    if asked.id:
        described["id"] = asked.id
    if found.surest:
        surest = found.surest
        described["parameters"] = {"surest_class": surest.class_name, "surest_confidence": surest.confidence}
    head = msgspec.json.encode(described)
    return head + b"".join(blobs), len(head) if blobs else None


def _packed(names: list[str]) -> bytes:
    return b"".join(struct.pack("<I", len(encoded)) + encoded for encoded in (name.encode() for name in names))
