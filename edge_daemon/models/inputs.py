"""A model's inputs: the one for pictures, of fixed or open size, and constant ones beside it."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.settings import InputSettings

DEFAULT_SIDE = 640
"""Height and width if neither the file nor its metadata gives them; exporters use the same."""
MAX_VALUES = 1 << 28
"""Most values of an input (1 GB as float32); a file with more is wrong or hostile."""
_DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int32)": "int32",
}
_HELPER_DTYPES = {
    "tensor(float)": "float32", "tensor(int64)": "int64", "tensor(int32)": "int32", "tensor(bool)": "bool",
}  # fmt: skip
_WIDTH_FIRST = ("orig_target_sizes", "target_sizes")
_HEIGHT_FIRST = ("im_shape", "image_shape", "image_size", "img_shape")
_ONES = ("scale_factor", "im_scale", "scale_factors")
_MASKS = ("pixel_mask", "mask")
"""Inputs that mark the pixels of pictures, as opposed to padding: all of them here."""
_CHANNELS = ("channel", "chan", "num_channels")


class Declared(Protocol):
    """An input as ONNX Runtime describes it; `shape` has numbers, and names or None for open axes."""

    @property
    def name(self) -> str:
        """Name in the graph."""

    @property
    def type(self) -> str:
        """Element type, such as `tensor(float)`."""

    @property
    def shape(self) -> Sequence[int | str | None]:
        """Sizes of the axes."""


@dataclass(frozen=True)
class Inputs:
    """The input for pictures, and the constant inputs beside it.

    `size` is height and width; `batch` is the number of pictures that the file fixes, or None. `helpers` are constant
    inputs by name, one row per picture. `assumed` is true if the size is a guess, `single` if the input is one picture,
    without an axis for the batch.
    """

    name: str
    dtype: np.dtype[np.generic]
    size: tuple[int, int]
    channels: int
    channels_last: bool
    batch: int | None
    assumed: bool
    single: bool = False
    helpers: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)

    def shape(self, pictures: int) -> tuple[int, ...]:
        """The shape of the input for this number of pictures."""
        if self.channels_last:
            return (pictures, *self.size, self.channels)
        return (pictures, self.channels, *self.size)


def understand(declared: Sequence[Declared], metadata: Mapping[str, str], asked: InputSettings) -> Inputs:
    """The inputs of a model; open sizes come from the configuration, the metadata, or are 640.

    Raises:
        ModelError: no input takes pictures, or the purpose of one is not known.
    """
    seen = ", ".join(f"{i.name} {'x'.join(map(str, i.shape))} {i.type}" for i in declared)
    picture = _for_pictures(declared, seen)
    single = len(picture.shape) == 3
    batch, *axes = [1, *picture.shape] if single else picture.shape
    channels_last = _channels_last(axes, asked, seen)
    channels, *sides = [axes[2], *axes[:2]] if channels_last else axes
    size, assumed = _size(sides, metadata, asked)
    count = channels if isinstance(channels, int) else (1 if asked.color == "gray" else 3)
    inputs = Inputs(
        name=picture.name,
        dtype=np.dtype(_DTYPES[picture.type]),
        size=size,
        channels=count,
        channels_last=channels_last,
        batch=batch if isinstance(batch, int) and batch > 0 else None,
        assumed=assumed,
        single=single,
        helpers={i.name: _helper(i, size, seen) for i in declared if i is not picture},
    )
    if np.prod(inputs.shape(inputs.batch or 1)) > MAX_VALUES:
        raise ModelError(f"its input ({seen}) is too large for pictures")
    return inputs


def _for_pictures(declared: Sequence[Declared], seen: str) -> Declared:
    """The input for pictures: the only one with four axes, or else the only one with three."""
    for axes in (4, 3):
        pictures = [
            i for i in declared if len(i.shape) == axes and i.type in _DTYPES and i.name.lower() not in _MASKS
        ]  # fmt: skip
        if len(pictures) == 1:
            return pictures[0]
    raise ModelError(f"its inputs ({seen or 'none'}) include no single one for pictures (1x3xHxW or 1xHxWx3)")


def _channels_last(axes: Sequence[int | str | None], asked: InputSettings, seen: str) -> bool:
    """True if the last of three axes has the channels."""
    first, last = axes[0], axes[2]
    if asked.layout:
        channels = last if asked.layout == "nhwc" else first
        if isinstance(channels, int) and channels not in (1, 3):
            raise ModelError(f"`input.layout` is {asked.layout}, but its input ({seen}) has no 1 or 3 channels there")
        return asked.layout == "nhwc"
    if first in (1, 3):
        return False
    if last in (1, 3):
        return True
    if isinstance(first, int) and isinstance(last, int):
        raise ModelError(f"its input ({seen}) has neither 3 channels (colour) nor 1 (grey)")
    if _is_channels(first) != _is_channels(last):
        return _is_channels(last)
    if all(not isinstance(axis, int) for axis in (first, last)):
        raise ModelError(f"the axis of the channels in its input ({seen}) is open: add `input: {{layout: nchw}}`")
    return isinstance(first, int)


def _is_channels(axis: int | str | None) -> bool:
    """True if an open axis is named after channels, as optimum does."""
    return isinstance(axis, str) and any(word in axis.lower() for word in _CHANNELS)


def _size(
    sides: Sequence[int | str | None], metadata: Mapping[str, str], asked: InputSettings
) -> tuple[tuple[int, int], bool]:
    """Height and width, and true if they are a guess."""
    fixed = [side if isinstance(side, int) and side > 0 else None for side in sides]
    stated = None if all(fixed) or asked.size else _stated_size(metadata)
    size = []
    for number, side in enumerate(fixed):
        wanted = asked.size[1 - number] if asked.size else None
        if side and wanted and side != wanted:
            raise ModelError(
                f"`input.size` is {asked.size[0]}x{asked.size[1]}, but the file fixes its input at "  # type: ignore[index]
                f"{fixed[1] or 'any'}x{fixed[0] or 'any'} (width x height)"
            )
        size.append(side or wanted or (stated[number] if stated else DEFAULT_SIDE))
    assumed = not all(fixed) and not asked.size and not stated
    return (size[0], size[1]), assumed


def _stated_size(metadata: Mapping[str, str]) -> tuple[int, int] | None:
    """Height and width in the metadata's `imgsz`, as Ultralytics writes it: `[384, 640]` or `640`."""
    text = metadata.get("imgsz")
    if not text:
        return None
    try:
        stated = ast.literal_eval(text)
        height, width = (stated, stated) if isinstance(stated, int) else map(int, stated)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise ModelError(f"cannot read the `imgsz` in its metadata, {text[:40]!r}: set `input.size`") from error
    if min(height, width) < 1:
        raise ModelError(f"the `imgsz` in its metadata is not a size, {text[:40]!r}: set `input.size`")
    return height, width


def unreadable(metadata: Mapping[str, str]) -> Iterator[str]:
    """A sentence for a size in the metadata that cannot be read, and is not needed."""
    try:
        _stated_size(metadata)
    except ModelError:
        yield f"the `imgsz` in its metadata cannot be read ({metadata['imgsz'][:40]!r}), and is not needed"


def _helper(declared: Declared, size: tuple[int, int], seen: str) -> NDArray[np.generic]:
    """One row for an input beside the picture: the size of the model's own input, or a mask of ones.

    Boxes are then in pixels of that input. RT-DETR, D-FINE and DEIM take width and height; PaddleDetection takes height
    and width, and the factor by which a picture was resized.
    """
    height, width = size
    name, dtype = declared.name.lower(), _HELPER_DTYPES.get(declared.type)
    if dtype and name in _MASKS and len(declared.shape) == 3:
        sides = [axis if isinstance(axis, int) else side for axis, side in zip(declared.shape[1:], size, strict=True)]
        return np.ones((1, *sides), dtype)
    values = next(
        (
            row
            for names, row in ((_WIDTH_FIRST, (width, height)), (_HEIGHT_FIRST, (height, width)), (_ONES, (1, 1)))
            if name in names and len(declared.shape) == 2 and declared.shape[1] == 2
        ),
        None,
    )
    if values is None or not dtype:
        raise ModelError(f"the purpose of its input {declared.name} is not known ({seen}): export it without it")
    return np.array([values], dtype)
