"""What a model is fed: one picture, of a size that the file states or leaves open."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edge_daemon.errors import ModelError

DEFAULT_SIDE = 640
"""Height and width where the model leaves them open and its metadata says nothing, as exporters do."""
_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16"}


class Declared(Protocol):
    """An input as ONNX Runtime tells it; `shape` has numbers, and names or None for what is open."""

    @property
    def name(self) -> str:
        """Its name in the graph."""

    @property
    def type(self) -> str:
        """Such as `tensor(float)`."""

    @property
    def shape(self) -> Sequence[int | str | None]:
        """Sizes of its axes."""


@dataclass(frozen=True)
class PictureInput:
    """An input of 1x3xHxW; `size` is height and width."""

    name: str
    dtype: np.dtype[np.generic]
    size: tuple[int, int]


def picture_input(inputs: Sequence[Declared], metadata: Mapping[str, str]) -> PictureInput:
    """The one input, with what it leaves open filled in: one picture, its size from the metadata or 640.

    Raises:
        ModelError: there are several, or it takes no colour picture.
    """
    seen = ", ".join(f"{i.name} {'x'.join(map(str, i.shape))} {i.type}" for i in inputs)
    if len(inputs) != 1:
        raise ModelError(f"it has {len(inputs)} inputs ({seen}), where one that takes a picture is needed")
    declared = inputs[0]
    if len(declared.shape) != 4 or declared.shape[1] != 3 or declared.type not in _DTYPES:
        raise ModelError(f"its input ({seen}) does not take 1x3xHxW floats, a colour picture channels first")
    batch, _, height, width = declared.shape
    if isinstance(batch, int) and batch != 1:
        raise ModelError(f"its input ({seen}) takes {batch} pictures at a time: export it for one")
    stated_height, stated_width = _stated_size(metadata)
    size = (
        height if isinstance(height, int) else stated_height,
        width if isinstance(width, int) else stated_width,
    )
    return PictureInput(declared.name, np.dtype(_DTYPES[declared.type]), size)


def _stated_size(metadata: Mapping[str, str]) -> tuple[int, int]:
    """Height and width in the metadata's `imgsz`, as Ultralytics writes it: `[384, 640]` or `640`."""
    text = metadata.get("imgsz", str(DEFAULT_SIDE))
    try:
        stated = ast.literal_eval(text)
        height, width = (stated, stated) if isinstance(stated, int) else map(int, stated)
    except (ValueError, TypeError, SyntaxError) as error:
        raise ModelError(f"cannot read the `imgsz` in its metadata, {text[:40]!r}") from error
    if min(height, width) < 1:
        raise ModelError(f"the `imgsz` in its metadata is no size, {text[:40]!r}")
    return height, width
