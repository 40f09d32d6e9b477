"""How a picture is prepared for a model: order of channels, values and fit, from the surest source for each."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from edge_daemon.errors import ModelError
from edge_daemon.models.evidence import Fact, Sign, Sure, fact, weigh
from edge_daemon.models.graph_input import HEAVY, LIGHT, Start
from edge_daemon.models.inputs import Inputs
from edge_daemon.models.preprocess import Color, Fit, Recipe
from edge_daemon.settings import InputSettings

Values = tuple[float, tuple[float, ...], tuple[float, ...]]
"""Scale, mean and standard deviation: a value is `(pixel * scale - mean) / std`."""
BYTES: Values = (1.0, (0.0,), (1.0,))
SHARES: Values = (1 / 255, (0.0,), (1.0,))
SIGNED: Values = (1.0, (128.0,), (1.0,))
BOTH_SIDES: Values = (1 / 127.5, (1.0,), (1.0,))
_RANGES = {
    "NominalRange_0_255": BYTES,
    "NominalRange_16_235": BYTES,
    "Normalized_0_1": SHARES,
    "Normalized_1_1": BOTH_SIDES,
}
_ORDERS: Mapping[str, Color] = {"bgr8": "bgr", "rgb8": "rgb", "bgra8": "bgr", "rgba8": "rgb", "gray8": "gray"}
_OTHER: Mapping[Color, Color] = {"rgb": "bgr", "bgr": "rgb", "gray": "gray"}


STATED_INPUT = "edge-daemon.input"
"""Key of the metadata in which an edge-daemon states how it prepares pictures."""


class _StatedInput(msgspec.Struct):
    color: Color
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: Fit
    pad: int


@dataclass(frozen=True)
class Stated:
    """Properties of the input that one source states."""

    because: str
    sure: Sure
    color: Color | None = None
    values: Values | None = None
    fit: Fit | None = None
    pad: int | None = None


def in_metadata(metadata: Mapping[str, str]) -> Iterator[Stated]:
    """The properties in ONNX's image metadata, as Windows ML and Azure write them, or as another edge-daemon states
    them.
    """
    if STATED_INPUT in metadata:
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            one = msgspec.json.decode(metadata[STATED_INPUT], type=_StatedInput)
            yield Stated("the server states it", "known", one.color, (one.scale, one.mean, one.std), one.fit, one.pad)
    order, values = metadata.get("Image.BitmapPixelFormat", ""), metadata.get("Image.NominalPixelRange", "")
    color, known = _ORDERS.get(order.lower()), _RANGES.get(values)
    if color or known:
        yield Stated("its image metadata", "known", color, known)


def in_graph(start: Start, inputs: Inputs, usual: Recipe) -> Iterator[Stated]:
    """The properties that follow from the graph and the type of the input, for a model that `usual` would suit."""
    if inputs.dtype == np.uint8 or inputs.dtype == np.int32:
        yield Stated("its input takes whole numbers", "known", values=BYTES)
    elif inputs.dtype == np.int8:
        yield Stated("its input takes whole numbers from -128 to 127", "likely", values=SIGNED)
    elif start.takes_bytes is not None:
        steps = ", ".join(start.steps)
        yield Stated(f"its graph begins with {steps}", "known", values=BYTES if start.takes_bytes else SHARES)
    elif start.filters is not None and (values := _by_filters(start.filters, usual)):
        yield Stated(
            f"the filters of its first convolution have a size of {start.filters:.2g}", "likely", values=values
        )
    if start.is_rgb is not None:
        yield Stated("its graph subtracts ImageNet's means", "known", color="rgb" if start.is_rgb else "bgr")
    elif start.reversed:
        yield Stated("its graph turns the channels round", "likely", color=_OTHER[usual.color])


def _by_filters(filters: float, usual: Recipe) -> Values | None:
    """Values that suit the size of the filters better than the usual ones; None if those suit."""
    takes_bytes = usual.scale / float(np.mean(usual.std)) > 0.5
    if filters < HEAVY and not takes_bytes:
        return BYTES
    return SHARES if filters > LIGHT and takes_bytes else None


def prepared(
    usual: Recipe, because: str, sources: Sequence[Stated], asked: InputSettings, channels: int
) -> tuple[Recipe, list[Fact]]:
    """The recipe for an input with this number of channels, and what each part of it rests on.

    `usual` is the one of the decoder's family, as `because` describes. Of two sources as sure, the first counts.

    Raises:
        ModelError: the configuration does not fit the channels.
    """
    configured = Stated("`input` states it", "known", asked.color, None, asked.resize, asked.pad)
    family = Stated(because, "likely", usual.color, (usual.scale, usual.mean, usual.std), usual.fit, usual.pad)
    if channels == 1 and not asked.color:
        sources = [Stated("its input has one channel", "known", color="gray"), *sources]
    every = [configured, *sources, family]
    color = _surest(Sign(one.color, one.because, one.sure) for one in every if one.color)
    values = _surest(Sign(one.values, one.because, one.sure) for one in every if one.values)
    fit = _surest(Sign(one.fit, one.because, one.sure) for one in every if one.fit)
    pad = _surest(Sign(one.pad, one.because, one.sure) for one in every if one.pad is not None)
    scale, mean, std = values.value
    made = replace(
        usual,
        fit=fit.value,
        color=color.value,
        scale=asked.scale or scale,
        mean=tuple(asked.mean) if asked.mean else _in_order(mean, color.value, channels),
        std=tuple(asked.std) if asked.std else _in_order(std, color.value, channels),
        pad=pad.value,
        zoom=usual.zoom if fit.value == usual.fit else 1.0,
    )
    _check(made, asked, channels)
    if asked.scale and asked.mean and asked.std:
        values = Sign(values.value, "`input` states it", "known")
    return made, [
        fact("colour", color, color.value.upper(), f"input: {{color: {color.value}}}"),
        fact("values", values, in_words(made), f"input: {{{_yaml(made)}}}"),
        fact("fit", fit, key=f"input: {{resize: {fit.value}}}"),
    ]


def _surest(signs: Iterator[Sign]) -> Sign:  # type: ignore[type-arg]
    sign = weigh(signs)
    assert sign  # the decoder's family always states something
    return sign


def _in_order(numbers: tuple[float, ...], color: Color, channels: int) -> tuple[float, ...]:
    return (float(np.mean(numbers)),) if channels == 1 else numbers


def _check(made: Recipe, asked: InputSettings, channels: int) -> None:
    if (made.color == "gray") != (channels == 1):
        raise ModelError(f"`input.color` is {made.color}, but its input has {channels} channels")
    for name, values in (("mean", made.mean), ("std", made.std)):
        if len(values) not in (1, channels):
            raise ModelError(f"`input.{name}` has {len(values)} numbers, for {channels} channels")


def in_words(recipe: Recipe) -> str:
    """The values for black and white in a few words: `0 to 1`."""
    a, b = recipe.factors()
    low, high = b.astype(float), (255 * a + b).astype(float)
    if len(set(np.round(low, 3))) == len(set(np.round(high, 3))) == 1:
        return f"{round(low[0], 3) + 0:g} to {round(high[0], 3):g}"
    return f"normalised, {low.min():.1f} to {high.max():.1f}"


def _yaml(recipe: Recipe) -> str:
    mean, std = (list(map(float, values)) for values in (recipe.mean, recipe.std))
    return f"scale: {recipe.scale:.6g}, mean: {[round(v, 5) for v in mean]}, std: {[round(v, 5) for v in std]}"
