"""PP-YOLOE and YOLO-NAS without NMS: finished boxes (1xNx4, left, top, right, bottom in pixels) for each cell, and
probabilities: 1xCxN as PaddleDetection exports them (`exclude_nms`; PicoDet too), 1xNxC as super-gradients does.

PaddleDetection's `exclude_post_process` puts both into one output, 1xNx(4+C).
"""

from collections.abc import Iterator
from typing import Self

from edge_daemon.models import tables
from edge_daemon.models.decoders.decoder import (
    IMAGENET,
    RGB_SHARE,
    Array,
    Decoder,
    Outputs,
    Seen,
    best_of,
    finite,
    floats,
    found,
    is_share,
    quiet,
)
from edge_daemon.models.decoders.grid import Grid, cornered, grid_of
from edge_daemon.models.detections import Findings
from edge_daemon.models.preprocess import Recipe

_STRETCHED = Recipe(fit="stretch", color="rgb", scale=1 / 255)


class Ppyoloe(Decoder):
    """Decodes such boxes; `transposed`: one row of scores per class. Equal names mean a single output."""

    name = "ppyoloe"

    def __init__(self, grid: Grid, boxes: str, scores: str, classes: int, *, transposed: bool) -> None:
        self.classes: int = classes
        paddle = transposed or boxes == scores
        # PaddleDetection's PicoDet has a fourth level, PP-YOLOE has three.
        self.recipe = (IMAGENET if len(grid.strides) == 4 else _STRETCHED) if paddle else RGB_SHARE
        self._boxes, self._scores, self._transposed = boxes, scores, transposed
        where = "above" if transposed else "behind" if boxes == scores else "beside"
        self.why = f"finished boxes for each cell, and {classes} probabilities {where}, {grid}"

    @classmethod
    def recognise(cls, seen: Seen) -> Iterator[Self]:
        """See `Decoder.recognise`."""
        arrays = {name: tables.table(array) for name, array in tables.tables(seen.outputs).items()}
        if len(arrays) not in (1, 2) or len(seen.outputs) != len(arrays) or not floats(seen.outputs):
            return
        names = tuple(arrays)
        for boxes, scores in ((names[0], names[-1]), (names[-1], names[0]))[: len(names)]:
            xyxy, shares = arrays[boxes], arrays[scores]
            if boxes == scores:
                xyxy, shares = xyxy[:, :4], xyxy[:, 4:]
            grid = grid_of(len(xyxy), seen.size) if xyxy.shape[1] == 4 else None
            if not grid or not is_share(shares) or not cornered(xyxy, grid) or len(xyxy) not in shares.shape:
                continue
            transposed = shares.shape[1] == len(xyxy)
            quiet(shares.max(axis=0 if transposed else 1))
            yield cls(grid, boxes, scores, shares.shape[0 if transposed else 1], transposed=transposed)

    def decode(self, outputs: Outputs, confidence: float) -> Findings:
        """See `Decoder.decode`."""
        boxes, scores = (finite(tables.table(outputs[name])) for name in (self._boxes, self._scores))
        if self._boxes == self._scores:
            scores = scores[:, 4:]
        by_row: Array = scores.T if self._transposed else scores
        kept, top, best = best_of(by_row, confidence)
        return found(boxes[kept, :4], top, best)
