"""The Open Inference Protocol (KServe v2, REST), with its extension for binary tensors: bytes and tensors, no HTTP.

A model takes one tensor, `image`: the bytes of a picture file (BYTES, shape [1]), or its pixels (UINT8, height x width
x 3, or with a 1 before, red first). It gives what it found as tensors, one row for each detection.
"""

import struct
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import EdgeError
from edge_daemon.messages.findings import Found

INPUT = "image"
OUTPUTS = {
    "xyxy": ("FP32", [-1, 4]),
    "confidence": ("FP32", [-1]),
    "class_id": ("INT64", [-1]),
    "class_name": ("BYTES", [-1]),
}
DIMENSIONS = 4
"""Of the largest shape that is understood."""
_KINDS = {"FP32": "<f4", "INT64": "<i8", "UINT8": "u1"}


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
"""The JSON of a request to infer, as OpenAPI describes it."""


class ProtocolError(EdgeError):
    """The request is none of this protocol, or asks for what there is not."""


class Tensor(msgspec.Struct, kw_only=True):
    """A tensor of a request: its values as JSON, or (`binary_data_size`) behind it."""

    name: str
    datatype: str
    shape: list[int]
    data: Any = None
    parameters: dict[str, Any] = {}


class Output(msgspec.Struct, kw_only=True):
    """A tensor that is asked for."""

    name: str
    parameters: dict[str, Any] = {}


class InferRequest(msgspec.Struct, kw_only=True):
    """The JSON of a request."""

    inputs: list[Tensor]
    id: str | None = None
    outputs: list[Output] | None = None
    parameters: dict[str, Any] = {}


@dataclass
class Asked:
    """What a request comes to: a picture as the bytes of a file, or as RGB pixels; and how the answer is to look."""

    id: str | None
    file: bytes | None
    rgb: NDArray[np.uint8] | None
    binary: dict[str, bool] = field(default_factory=dict)
    """The tensors to answer with, in order, and whether each comes as bytes."""


def metadata(model: str) -> dict[str, Any]:
    """What is told of a model."""
    return {
        "name": model,
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [1]}],
        "outputs": [{"name": name, "datatype": kind, "shape": shape} for name, (kind, shape) in OUTPUTS.items()],
    }


def read(body: bytes, header_length: int | None) -> Asked:
    """Take a request apart. With binary tensors, its JSON has `header_length` bytes, and they follow.

    Raises:
        ProtocolError: something is wrong with it; says what.
    """
    end = len(body) if header_length is None else header_length
    if not 0 < end <= len(body):
        raise ProtocolError(f"Inference-Header-Content-Length is {end}, and the body has {len(body)} bytes")
    try:
        request = msgspec.json.decode(body[:end], type=InferRequest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"the request cannot be read: {error}") from error
    if len(request.inputs) != 1 or request.inputs[0].name != INPUT:
        raise ProtocolError(f"one input is expected, {INPUT!r}; there are {[tensor.name for tensor in request.inputs]}")
    tensor = request.inputs[0]
    size = tensor.parameters.get("binary_data_size")
    if size is not None and (not isinstance(size, int) or size != len(body) - end):
        raise ProtocolError(f"binary_data_size is {size}, and {len(body) - end} bytes follow the JSON")
    binary = body[end:] if size is not None else None
    asked = Asked(request.id, None, None, _wanted(request))
    match tensor.datatype:
        case "BYTES":
            asked.file = _file(tensor, binary)
        case "UINT8":
            asked.rgb = _pixels(tensor, binary)
        case other:
            raise ProtocolError(f"{INPUT} is BYTES (a picture file) or UINT8 (pixels), not {other}")
    return asked


def _wanted(request: InferRequest) -> dict[str, bool]:
    usual = bool(request.parameters.get("binary_data_output", False))
    if request.outputs is None:
        return dict.fromkeys(OUTPUTS, usual)
    for output in request.outputs:
        if output.name not in OUTPUTS:
            raise ProtocolError(f"there is no output {output.name!r}; there are {', '.join(OUTPUTS)}")
    return {output.name: bool(output.parameters.get("binary_data", usual)) for output in request.outputs}


def _file(tensor: Tensor, binary: bytes | None) -> bytes:
    if sum(tensor.shape) != len(tensor.shape):
        raise ProtocolError(f"one picture is expected, shape [1], not {tensor.shape}")
    if binary is not None:
        if len(binary) < 4 or struct.unpack_from("<I", binary)[0] != len(binary) - 4:
            raise ProtocolError("an element of BYTES is its length (4 bytes, little-endian) and so many bytes")
        return binary[4:]
    (value,) = _flat(tensor.data, 1)
    if not isinstance(value, str):
        raise ProtocolError("in JSON, BYTES are text: send pictures as binary tensors")
    return value.encode("latin-1", "replace")


def _pixels(tensor: Tensor, binary: bytes | None) -> NDArray[np.uint8]:
    shape = tensor.shape[1:] if len(tensor.shape) == 4 and tensor.shape[0] == 1 else tensor.shape
    if len(shape) != 3 or shape[2] != 3 or min(shape) < 1:
        raise ProtocolError(f"pixels have the shape [height, width, 3], not {tensor.shape}")
    count = shape[0] * shape[1] * 3
    if binary is not None:
        if len(binary) != count:
            raise ProtocolError(f"{shape} are {count} bytes, not {len(binary)}")
        return np.frombuffer(binary, np.uint8).reshape(shape)
    try:
        return np.array(_flat(tensor.data, count), np.uint8).reshape(shape)
    except (ValueError, TypeError, OverflowError) as error:
        raise ProtocolError(f"the pixels cannot be read: {error}") from error


def _flat(data: Any, count: int) -> list[Any]:
    """The elements of lists, nested as deep as a shape has dimensions."""
    flat: list[Any] = data if isinstance(data, list) else []
    for _ in range(DIMENSIONS):
        if not (flat and isinstance(flat[0], list)):
            break
        flat = [element for inner in flat for element in (inner if isinstance(inner, list) else [inner])]
    if len(flat) != count:
        raise ProtocolError(f"{count} elements are expected, there are {len(flat)}")
    return flat


def answer(model: str, found: Found, asked: Asked) -> tuple[bytes, int | None]:
    """The body of the answer; and of its JSON the length, if binary tensors follow."""
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
    head = msgspec.json.encode(
        {"model_name": model, "model_version": "1", **({"id": asked.id} if asked.id else {}), "outputs": outputs}
    )
    return head + b"".join(blobs), len(head) if blobs else None


def _packed(names: list[str]) -> bytes:
    return b"".join(struct.pack("<I", len(encoded)) + encoded for encoded in (name.encode() for name in names))
