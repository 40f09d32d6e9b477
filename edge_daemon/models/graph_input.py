"""The first steps of a graph: scaling, normalisation and reordering of channels that it does to the picture itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_daemon.models.graph import Graph, Node

Reals = NDArray[np.float64]
_PASSED = frozenset(
    {
        "Cast",
        "CastLike",
        "Clip",
        "DequantizeLinear",
        "Identity",
        "Pad",
        "QuantizeLinear",
        "Reshape",
        "Resize",
        "Squeeze",
    }
    | {"Transpose", "Unsqueeze"}
)
_ASIDE = frozenset({"Shape", "Size"})
_STEPS = 40
BYTES_FACTOR = 0.05
"""A picture that is multiplied by less than this is one of bytes: 1/255 is 0.004, 1/58 is 0.017, 1/0.225 is 4.4."""
BYTES_MEAN = 20.0
"""A mean above this is one of bytes."""
LIGHT, HEAVY = 0.12, 0.05
"""Usual size of a filter of the first convolution: above LIGHT for values around 1, below HEAVY for bytes.

Of 20 trained models, seven that take 0..255 have 0.001 to 0.03 (median Euclidean length of a filter), and the others,
which take 0..1 or normalised values, 0.17 to 19.
"""


@dataclass(frozen=True)
class Start:
    """The steps before the first operator that learns: a value is `fed * factor + offset`, per channel or for all,
    and with `reversed` the channels are turned round before. `steps` are the operators; none if there is nothing.
    """

    factor: Reals
    offset: Reals
    reversed: bool
    steps: tuple[str, ...]
    filters: float | None = None

    @property
    def takes_bytes(self) -> bool | None:
        """True if the steps are for values in 0..255, False for 0..1; None if none shows it."""
        factor, offset = float(np.abs(self.factor).mean()), float(np.abs(self.offset).max())
        if factor == 1 and offset == 0:
            return None
        return factor < BYTES_FACTOR or (offset > BYTES_MEAN and factor <= 2)

    @property
    def is_rgb(self) -> bool | None:
        """True if RGB is fed, by ImageNet's means, which fall from red to blue; None if they do not show it."""
        if self.offset.size != 3 or self.factor.size not in (1, 3):
            return None
        red, green, blue = (-self.offset / self.factor).tolist()
        if red > green > blue or red < green < blue:
            return bool(red > blue)
        return None


def start_of(graph: Graph, picture: str) -> Start:
    """The first steps for the input `picture`."""
    factor, offset, is_reversed = np.ones(1), np.zeros(1), False
    steps: list[str] = []
    name = picture
    for _ in range(_STEPS):
        users = [node for node in graph.users.get(name, ()) if node.op not in _ASIDE]
        if len(users) != 1 or not users[0].outputs:
            break
        node = users[0]
        if changed := _normalised(graph, node) or _arithmetic(graph, node, name):
            factor, offset = factor * changed[0], offset * changed[0] + changed[1]
            steps.append(node.op)
        elif _turns_round(graph, node):
            is_reversed = not is_reversed
            factor, offset = factor[::-1], offset[::-1]
            steps.append(node.op)
        elif node.op not in _PASSED and not _selects_picture(graph, node):
            break
        name = node.outputs[0]
    # Per channel as fed: means that are subtracted after the channels are turned round belong to the other end.
    if is_reversed:
        factor, offset = factor[::-1], offset[::-1]
    return Start(factor, offset, is_reversed, tuple(steps), _filters(graph))


def _arithmetic(graph: Graph, node: Node, name: str) -> tuple[Reals, Reals] | None:
    """Factor and offset of an operator with a constant; None for any other."""
    if node.op not in ("Add", "Sub", "Mul", "Div") or len(node.inputs) != 2:
        return None
    first = node.inputs[0] == name
    value = _per_channel(graph.constant(node.inputs[1 if first else 0]))
    if value is None or (node.op == "Div" and (not first or not value.all())):
        return None
    one, nought = np.ones(1), np.zeros(1)
    if node.op == "Add":
        return one, value
    if node.op == "Sub":
        return (one, -value) if first else (-one, value)
    return (value, nought) if node.op == "Mul" else (1 / value, nought)


def _per_channel(constant: NDArray[np.generic] | None) -> Reals | None:
    """A constant for all channels, or one per channel of a picture."""
    if constant is None or constant.size not in (1, 3) or constant.dtype == bool:
        return None
    values = np.asarray(constant, np.float64).ravel()
    return values if np.isfinite(values).all() else None


def _normalised(graph: Graph, node: Node) -> tuple[Reals, Reals] | None:
    """Factor and offset of a batch normalisation; None for any other operator."""
    if node.op != "BatchNormalization" or len(node.inputs) != 5:
        return None
    scale, bias, mean, variance = (_per_channel(graph.constant(name)) for name in node.inputs[1:5])
    if scale is None or bias is None or mean is None or variance is None:
        return None
    factor = scale / np.sqrt(variance + node.real("epsilon", 1e-5))
    return factor, bias - mean * factor


def _turns_round(graph: Graph, node: Node) -> bool:
    """True if an operator turns three channels round."""
    if node.op == "Gather" and len(node.inputs) == 2:
        index = graph.constant(node.inputs[1])
        return index is not None and _numbers(index) == [2, 1, 0]
    if node.op == "Slice" and len(node.inputs) == 5:
        step = graph.constant(node.inputs[4])
        return step is not None and _numbers(step) == [-1]
    return False


def _selects_picture(graph: Graph, node: Node) -> bool:
    """True if an operator takes the one picture out of its batch, as torchvision's detectors do."""
    if node.op == "Split":
        return len(node.outputs) == 1
    index = graph.constant(node.inputs[1]) if node.op == "Gather" and len(node.inputs) == 2 else None
    return index is not None and index.size == 1


def _numbers(array: NDArray[np.generic]) -> Sequence[int]:
    return [int(value) for value in np.asarray(array).ravel()]


def _filters(graph: Graph) -> float | None:
    """The usual size of the filters of the first convolution, if it is one over pictures."""
    for node in graph.nodes:
        if node.op == "Conv" and len(node.inputs) > 1:
            weights = graph.constant(node.inputs[1])
            if weights is None or weights.ndim != 4 or weights.shape[1] not in (1, 3, 12) or len(weights) < 4:
                return None
            sizes = np.sort(np.sqrt((np.asarray(weights, np.float64) ** 2).sum(axis=(1, 2, 3))))
            return float(sizes[len(sizes) // 2])  # np.median imports np.ma, which takes as long as all of this
    return None
