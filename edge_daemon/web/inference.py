"""The Open Inference Protocol (KServe v2, REST) with its binary tensor extension: bytes and tensors, no HTTP.

A model has one input, `image`: the bytes of a picture file (BYTES, shape [1]), or RGB pixels (UINT8, height x width
x 3, or 1 x height x width x 3). Its outputs are the findings as tensors, one row per detection.
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
"""Most axes of a shape."""
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
"""The JSON body of an inference request, for OpenAPI."""


class ProtocolError(EdgeError):
    """The request does not follow the protocol, or asks for something unknown."""


class Tensor(msgspec.Struct, kw_only=True):
    """A tensor of a request: its values as JSON, or (`binary_data_size`) as bytes after it."""

    name: str
    datatype: str
    shape: list[int]
    data: Any = None
    parameters: dict[str, Any] = {}


class Output(msgspec.Struct, kw_only=True):
    """A requested output tensor."""

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
    """A decoded request: a picture as the bytes of a file, or as RGB pixels (uint8, height x width x 3), and the
    outputs.
    """

    id: str | None
    file: bytes | None
    rgb: NDArray[np.uint8] | None
    binary: dict[str, bool] = field(default_factory=dict)
    """The requested tensors, in order; true for those to be sent as bytes."""


def metadata(model: str) -> dict[str, Any]:
    """The metadata of a model."""
    return {
        "name": model,
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [1]}],
        "outputs": [{"name": name, "datatype": kind, "shape": shape} for name, (kind, shape) in OUTPUTS.items()],
    }


def read(body: bytes, header_length: int | None) -> Asked:
    """Decode a request. With binary tensors, the first `header_length` bytes are JSON, and the tensors follow.

    Raises:
        ProtocolError: the request is malformed.
    """
    end = len(body) if header_length is None else header_length
    if not 0 < end <= len(body):
        raise ProtocolError(f"Inference-Header-Content-Length is {end}, but the body has {len(body)} bytes")
    try:
        request = msgspec.json.decode(body[:end], type=InferRequest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"the request cannot be read: {error}") from error
    if len(request.inputs) != 1 or request.inputs[0].name != INPUT:
        raise ProtocolError(f"expected one input, {INPUT!r}, but got {[tensor.name for tensor in request.inputs]}")
    tensor = request.inputs[0]
    size = tensor.parameters.get("binary_data_size")
    if size is not None and (not isinstance(size, int) or size != len(body) - end):
        raise ProtocolError(f"binary_data_size is {size}, but {len(body) - end} bytes follow the JSON")
    binary = body[end:] if size is not None else None
    asked = Asked(request.id, None, None, _wanted(request))
    match tensor.datatype:
        case "BYTES":
            asked.file = _file(tensor, binary)
        case "UINT8":
            asked.rgb = _pixels(tensor, binary)
        case other:
            raise ProtocolError(f"{INPUT} must be BYTES (a picture file) or UINT8 (pixels), not {other}")
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
        raise ProtocolError(f"expected one picture, shape [1], not {tensor.shape}")
    if binary is not None:
        if len(binary) < 4 or struct.unpack_from("<I", binary)[0] != len(binary) - 4:
            raise ProtocolError("an element of BYTES must be its length (4 bytes, little-endian) followed by its bytes")
        return binary[4:]
    (value,) = _flat(tensor.data, 1)
    if not isinstance(value, str):
        raise ProtocolError("BYTES in JSON are text: send pictures as binary tensors")
    return value.encode("latin-1", "replace")


def _pixels(tensor: Tensor, binary: bytes | None) -> NDArray[np.uint8]:
    shape = tensor.shape[1:] if len(tensor.shape) == 4 and tensor.shape[0] == 1 else tensor.shape
    if len(shape) != 3 or shape[2] != 3 or min(shape) < 1:
        raise ProtocolError(f"pixels must have the shape [height, width, 3], not {tensor.shape}")
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
    """The elements of nested lists."""
    flat: list[Any] = data if isinstance(data, list) else []
    for _ in range(DIMENSIONS):
        if not (flat and isinstance(flat[0], list)):
            break
        flat = [element for inner in flat for element in (inner if isinstance(inner, list) else [inner])]
    if len(flat) != count:
        raise ProtocolError(f"expected {count} elements, but got {len(flat)}")
    return flat


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
    head = msgspec.json.encode(
        {"model_name": model, "model_version": "1", **({"id": asked.id} if asked.id else {}), "outputs": outputs}
    )
    return head + b"".join(blobs), len(head) if blobs else None


def _packed(names: list[str]) -> bytes:
    return b"".join(struct.pack("<I", len(encoded)) + encoded for encoded in (name.encode() for name in names))
