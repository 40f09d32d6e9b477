"""NanoDet, NanoDet-Plus and PicoDet without NMS: for each cell class probabilities, and for each side of the box a
distribution over distances in strides (generalised focal loss, arXiv:2006.04388).

NanoDet exports one output of scores (1xNxC) and one of distributions (1xNx4R) per level; NanoDet-Plus has everything
in one, 1xMx(C+4R); PicoDet (`export.benchmark`) has two per level. Probabilities have passed a sigmoid.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import numpy as np

from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import (
    IMAGENET,
    Array,
    Decoder,
    Outputs,
    Seen,
    best_of,
    checked,
    finite,
    floats,
    found,
    is_share,
    quiet,
    softmax,
)
from edge_daemon.models.decoders.grid import Grid, grid_of
from edge_daemon.models.detections import Findings
from edge_daemon.models.preprocess import Recipe

_NANODET = Recipe(
    fit="letterbox", color="bgr", scale=1.0, mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395), pad=0
)
_PICODET = IMAGENET
"""PaddleDetection's `picodet_320_reader.yml`; PicoDet has four levels where NanoDet has three."""
_REACH = (8, 7, 16, 17)
"""Number of distances in each side's distribution: NanoDet and PicoDet 8, others 7, 16 or 17."""


class Nanodet(Decoder):
    """Decodes levels, each a pair of outputs (scores, distributions), or one output with both."""

    name = "nanodet"

    def __init__(self, grid: Grid, classes: int, reach: int, names: Sequence[tuple[str, str]], *, half: bool) -> None:
        self.classes: int = classes
        self.recipe = _PICODET if half and len(grid.strides) == 4 else _NANODET
        self._centre = grid.centre if half else grid.centre - grid.stride[:, None] / 2
        self._stride, self._names, self._reach = grid.stride[:, None], names, reach
        self.why = f"{classes} scores and 4x{reach} distances a cell, {grid}"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        arrays = {name: tables.table(array) for name, array in tables.tables(seen.outputs).items()}
        if len(arrays) != len(seen.outputs) or not floats(seen.outputs):
            return
        if len(arrays) == 1:
            yield from cls._plus(seen, next(iter(arrays)))
        elif len(arrays) in (6, 8):
            yield from cls._levels(seen, arrays)

    @classmethod
    def _plus(cls, seen: Seen, name: str) -> Iterator[Self]:
        array = tables.table(seen.outputs[name])
        rows, columns = array.shape
        grid = grid_of(rows, seen.size)
        if not grid:
            return
        for reach in _REACH:
            classes = columns - 4 * reach
            if classes < 1 or (seen.named or 80) != classes:
                continue
            scores, spread = array[:, :classes], array[:, classes:]
            # Unlike probabilities, distances are unbounded.
            if is_share(scores) and not is_share(spread):
                quiet(scores.max(axis=1))
                yield cls(grid, classes, reach, [(name, name)], half=False)

    @classmethod
    def _levels(cls, seen: Seen, arrays: Mapping[str, Array]) -> Iterator[Self]:
        by_rows: dict[int, list[str]] = {}
        for name, array in arrays.items():
            by_rows.setdefault(len(array), []).append(name)
        grid = grid_of(sum(by_rows), seen.size)
        if not grid or any(len(names) != 2 for names in by_rows.values()):
            return
        pairs = []
        for _, names in sorted(by_rows.items(), reverse=True):
            shares = [is_share(arrays[name]) for name in names]
            if shares.count(True) != 1:
                return
            scores, spread = (names[0], names[1]) if shares[0] else (names[1], names[0])
            pairs.append((scores, spread))
            quiet(arrays[scores].max(axis=1))
        classes = {arrays[scores].shape[1] for scores, _ in pairs}
        widths = {arrays[spread].shape[1] for _, spread in pairs}
        if len(classes) == 1 and len(widths) == 1 and (width := widths.pop()) % 4 == 0 and width > 4:
            yield cls(grid, classes.pop(), width // 4, pairs, half=True)

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`. A distance is the mean of its distribution."""
        scores = np.concatenate([tables.table(outputs[name]) for name, _ in self._names])
        spread = np.concatenate([tables.table(outputs[name]) for _, name in self._names])
        scores, spread = scores[:, : self.classes], spread[:, -4 * self._reach :]
        kept, top, best = best_of(checked(finite(scores)), confidence)
        distances = self._distances(finite(spread[kept])) * self._stride[kept]
        centre = self._centre[kept]
        return found(np.hstack((centre - distances[:, :2], centre + distances[:, 2:])), top, best)

    def _distances(self, spread: Array) -> Array:
        """Distributions (float32 Nx4R) to distances (Nx4), in strides."""
        shares = softmax(spread.reshape(-1, 4, self._reach))
        mean: Array = np.matmul(shares, np.arange(self._reach, dtype=np.float32))
        return mean
