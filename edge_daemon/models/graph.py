"""The graph in an ONNX file: operators, and small constants. ONNX Runtime does not show it.

Reading it takes 5 to 20 ms and no memory to speak of, since weights are passed over; the `onnx` package takes 60 ms and
25 MB to import, and parses the weights too.
"""

import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_daemon.protobuf import MalformedError, Value, fields, floats, text, whole_numbers

_REACH = 12
"""Operators that are looked at behind an output."""
MOST_NODES = 200_000
LARGEST = 1 << 20
"""Most values of a constant that is read."""
_MODEL_GRAPH, _GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 7, 1, 5, 11, 12
_MODEL_METADATA = 14
_DTYPES = {
    1: "<f4", 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?", 10: "<f2", 11: "<f8", 12: "<u4",
    13: "<u8",
}  # fmt: skip
_SHAPE_ONLY = frozenset(
    {"Cast", "Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "QuantizeLinear"}
    | {"DequantizeLinear", "Dropout", "Slice", "Gather", "Resize", "Upsample", "CastLike"}
)


class Node(NamedTuple):
    """An operator with the names of its inputs and outputs, and its attributes as yet undecoded."""

    op: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Sequence[memoryview]

    def has(self, name: str) -> bool:
        """True if it has this attribute."""
        return any(_name(attribute, 1) == name for attribute in self.attributes)

    def whole(self, name: str) -> list[int]:
        """The whole numbers of an attribute; none if it is absent."""
        return [n for number, value in self._values_of(name) if number in (3, 8) for n in whole_numbers(value)]

    def real(self, name: str, default: float) -> float:
        """The number of an attribute."""
        return next((floats(value)[0] for number, value in self._values_of(name) if number == 2), default)

    def tensor(self, name: str) -> memoryview | None:
        """The tensor of an attribute."""
        return next((v for number, v in self._values_of(name) if number == 5 and isinstance(v, memoryview)), None)

    def _values_of(self, name: str) -> Sequence[tuple[int, Value]]:
        return next((list(fields(one)) for one in self.attributes if _name(one, 1) == name), [])


@dataclass
class Graph:
    """Nodes in order, tensors that the file contains (undecoded), and the names of outputs.

    An empty graph stands for a file that could not be read.
    """

    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, memoryview] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)

    @cached_property
    def operators(self) -> frozenset[str]:
        """The kinds of operators."""
        return frozenset(node.op for node in self.nodes)

    @cached_property
    def makers(self) -> Mapping[str, Node]:
        """The node that makes each tensor."""
        return {name: node for node in self.nodes for name in node.outputs}

    @cached_property
    def users(self) -> Mapping[str, list[Node]]:
        """The nodes that take each tensor."""
        users: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in node.inputs:
                users.setdefault(name, []).append(node)
        return users

    def constant(self, name: str) -> NDArray[np.generic] | None:
        """A constant (any shape and type) of the file; None if there is none of this name, or it is too large."""
        tensor = self.tensors.get(name)
        if tensor is None and (maker := self.makers.get(name)):
            if maker.op == "Constant":
                tensor = maker.tensor("value")
                if tensor is None and maker.has("value_float"):
                    return np.array(maker.real("value_float", 0), np.float32)
                if tensor is None and maker.has("value_int"):
                    return np.array(maker.whole("value_int")[0], np.int64)
            elif maker.op in ("Identity", "Cast") and maker.inputs:
                return self.constant(maker.inputs[0])
            elif maker.op == "DequantizeLinear":
                return self._dequantized(maker)
        return None if tensor is None else _array(tensor)

    def _dequantized(self, node: Node) -> NDArray[np.generic] | None:
        values, scale, *zero = (self.constant(name) for name in node.inputs)
        if values is None or scale is None:
            return None
        along = [1] * values.ndim
        if scale.size > 1:
            along[(node.whole("axis") or [1])[0]] = scale.size
        less = zero[0] if zero and zero[0] is not None else np.zeros(1)
        shifted = values.astype(np.float32) - less.astype(np.float32).reshape(
            along if less.size > 1 else [1] * values.ndim
        )
        made: NDArray[np.float32] = shifted * scale.astype(np.float32).reshape(along)
        return made

    def modulus(self, output: str) -> int | None:
        """The number of classes C, where class numbers come from flat indices: `i % C`, or `i - i // C * C`."""
        node = self._maker(output)
        if node is not None and node.op == "Mod":
            return self._whole(node.inputs[1])
        if node is None or node.op != "Sub":
            return None
        product = self._maker(node.inputs[1])
        quotient = self._maker(product.inputs[0]) if product is not None and product.op == "Mul" else None
        if product is None or quotient is None or quotient.op != "Div":
            return None
        count = self._whole(product.inputs[1])
        return count if count == self._whole(quotient.inputs[1]) else None

    def _whole(self, name: str) -> int | None:
        constant = self.constant(name)
        is_whole = constant is not None and constant.size == 1 and np.issubdtype(constant.dtype, np.integer)
        return int(constant.ravel()[0]) if constant is not None and is_whole else None

    def _maker(self, name: str) -> Node | None:
        """The node that gives a tensor its values, passing over those that only arrange them."""
        for _ in range(_REACH):
            node = self.makers.get(name)
            if node is None or node.op not in _SHAPE_ONLY | {"Floor"} or not node.inputs:
                return node
            name = node.inputs[0]
        return None

    def last(self, output: str) -> str:
        """The operator that gives an output its values, other than those that only arrange them; empty if unknown."""
        node = self._maker(output)
        return "" if node is None else node.op


def read_graph(path: Path) -> Graph:
    """The graph in a file; an empty one if the file is not what it seems, which ONNX Runtime reports better."""
    try:
        with path.open("rb") as file:
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        return _graph(content)
    except (OSError, ValueError, IndexError, KeyError):
        return Graph()


def metadata_in(path: Path) -> dict[str, str]:
    """The metadata in a file; none if it is no model."""
    try:
        content = memoryview(path.read_bytes())
        entries = [one for number, one in fields(content) if number == _MODEL_METADATA and not isinstance(one, int)]
        pairs = [dict(fields(entry)) for entry in entries]
        return {text(pair[1]): text(pair.get(2, 0)) for pair in pairs}
    except (OSError, ValueError, IndexError, KeyError, TypeError):
        return {}


def _graph(model: memoryview) -> Graph:
    graph = Graph()
    for number, value in fields(model):
        if number == _MODEL_GRAPH and isinstance(value, memoryview):
            for kind, part in fields(value):
                if isinstance(part, memoryview):
                    _take(graph, kind, part)
    return graph


def _take(graph: Graph, kind: int, part: memoryview) -> None:
    if kind == _GRAPH_NODE:
        if len(graph.nodes) >= MOST_NODES:
            raise MalformedError
        graph.nodes.append(_node(part))
    elif kind == _GRAPH_INITIALIZER:
        graph.tensors[_name(part, 8)] = part
    elif kind == _GRAPH_OUTPUT:
        graph.outputs.append(_name(part, 1))


def _name(message: memoryview, number: int) -> str:
    return next((text(value) for found, value in fields(message) if found == number), "")


def _node(message: memoryview) -> Node:
    inputs, outputs, op, attributes = [], [], "", []
    for number, value in fields(message):
        if number == 1:
            inputs.append(text(value))
        elif number == 2:
            outputs.append(text(value))
        elif number == 4:
            op = text(value)
        elif number == 5 and isinstance(value, memoryview):
            attributes.append(value)
    return Node(op, inputs, outputs, attributes)


def _array(tensor: memoryview) -> NDArray[np.generic] | None:
    """A tensor of the file, with a copy of its values; None if they lie elsewhere, are unusual or damaged."""
    try:
        return _values(tensor)
    except (MalformedError, ValueError, OverflowError):
        return None


def _values(tensor: memoryview) -> NDArray[np.generic] | None:
    dims: list[int] = []
    kind, raw = 0, None
    listed: list[float] = []
    for number, value in fields(tensor):
        if number == 1:
            dims += whole_numbers(value)
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number == 4:
            listed += floats(value)
        elif number in (5, 7):
            listed += whole_numbers(value)
        elif number == 9:
            raw = value
    size = int(np.prod(dims, dtype=np.int64)) if dims else 1
    if kind not in _DTYPES or not 0 <= size <= LARGEST:
        return None
    if isinstance(raw, memoryview):
        values: NDArray[np.generic] = np.frombuffer(raw, _DTYPES[kind])
    elif kind == 10:
        values = np.array(listed, np.uint16).view(np.float16)  # half precision is listed as its bits
    else:
        values = np.array(listed, _DTYPES[kind])
    return values.reshape(dims).copy() if values.size == size else None
