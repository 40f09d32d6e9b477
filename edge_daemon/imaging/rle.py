"""Masks in COCO's run-length encoding: a short string for a picture of zeros and ones.

Runs are counted down the columns, from left to right, beginning with the zeros (a run that may be empty). In the
string, each run from the fourth on is stored as the difference to the run two before; numbers are signed, in groups of
five bits, lowest first, one character from "0" to "o" per group, whose bit 5 is set if more groups follow. The
layout is that of `maskApi.c` in pycocotools 2.0, which reads and writes the same strings.
"""

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import PictureError
from edge_daemon.imaging.pictures import MAX_PIXELS, check_size

Mask = NDArray[np.bool_] | NDArray[np.uint8]

_FIRST = ord("0")
_BITS = 5
_MORE = 1 << _BITS
_SIGN = 1 << (_BITS - 1)
_LONGEST = 7  # groups of a number: 35 bits, one group more than MAX_PIXELS needs


def encode(mask: Mask, left: int, top: int, width: int, height: int) -> str:
    """Run lengths of a picture of `width` x `height` that is 0 except for `mask`, placed at `left`, `top`.

    `mask` is bool or uint8, h x w, set where it is not 0; parts outside the picture are cut off. The cost depends on
    the size of the mask, not of the picture.

    Raises:
        PictureError: the mask has another shape or type, or the picture is too large.
    """
    check_size(width, height, MAX_PIXELS)
    crop, left, top = cut(mask, left, top, width, height)
    tall = crop.shape[0]
    # A row of zeros below ends a run at the foot of its column, except where columns touch one another.
    rows = tall if tall == height else tall + 1
    columns = np.zeros((crop.shape[1], rows), np.bool_)
    columns[:, :tall] = crop.T
    flat = columns.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if flat.size:
        edges = np.concatenate([np.flatnonzero(flat[:1]), edges, np.flatnonzero(flat[-1:]) + flat.size])
    column, row = np.divmod(edges, max(rows, 1))
    places = (left + column) * height + top + row
    runs = np.diff(places, prepend=0, append=width * height)
    return _pack(runs if runs[-1] else runs[:-1])


def decode(counts: str | bytes, width: int, height: int) -> NDArray[np.uint8]:
    """The picture (uint8, height x width, zeros and ones) for run lengths.

    Raises:
        PictureError: the text is not valid, or describes a picture of another size.
    """
    check_size(width, height, MAX_PIXELS)
    runs = _unpack(counts)
    if (total := int(runs.sum())) != width * height:
        raise PictureError(f"run lengths of {total} pixels do not fit a picture of {width}x{height}")
    values = np.arange(len(runs), dtype=np.uint8) & 1
    return np.ascontiguousarray(np.repeat(values, runs).reshape(width, height).T)


def area(counts: str | bytes) -> int:
    """Number of ones in run lengths.

    Raises:
        PictureError: the text is not valid.
    """
    return int(_unpack(counts)[1::2].sum())


def cut(mask: Mask, left: int, top: int, width: int, height: int) -> tuple[NDArray[np.bool_], int, int]:
    """The part of a mask within a picture (bool, h x w, possibly empty), and its left and top.

    Raises:
        PictureError: the mask is not h x w of bool or uint8.
    """
    if mask.ndim != 2 or mask.dtype not in (np.bool_, np.uint8):
        raise PictureError(f"a mask must be height x width of bool or uint8, not {mask.dtype} {mask.shape}")
    tall, wide = mask.shape
    x1, y1 = (min(max(at, 0), side) for at, side in ((left, width), (top, height)))
    x2, y2 = max(x1, min(left + wide, width)), max(y1, min(top + tall, height))
    return mask[y1 - top : y2 - top, x1 - left : x2 - left] != 0, x1, y1


def _pack(runs: NDArray[np.int64]) -> str:
    numbers = runs.copy()
    numbers[3:] -= runs[1:-2]
    magnitudes = numbers ^ (numbers >> 63)
    group = np.arange(_LONGEST)
    # A number needs another group if its bits and its sign do not fit in the previous ones.
    lengths = 1 + (magnitudes[:, None] >= _SIGN << _BITS * group[:-1]).sum(axis=1, keepdims=True)
    group = group[: lengths.max()]
    chars = (numbers[:, None] >> _BITS * group & (_MORE - 1)) + _MORE * (group + 1 < lengths) + _FIRST
    return str(chars[group < lengths].astype(np.uint8).tobytes(), "ascii")


def _unpack(counts: str | bytes) -> NDArray[np.int64]:
    text = counts.encode("utf-8", "surrogatepass") if isinstance(counts, str) else counts
    chars = np.frombuffer(text, np.uint8).astype(np.int64) - _FIRST
    if not chars.size or chars.min() < 0 or chars.max() >= 2 * _MORE or chars[-1] & _MORE:
        raise PictureError(f"not valid run lengths of a mask: {text[:40]!r}, {len(text)} characters")
    ends = np.flatnonzero(chars & _MORE == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _LONGEST:
        raise PictureError("run lengths of a mask contain a number that is too large for any picture")
    group = np.arange(len(chars)) - np.repeat(starts, lengths)
    numbers = np.add.reduceat((chars & (_MORE - 1)) << _BITS * group, starts)
    numbers -= np.where(chars[ends] & _SIGN, 1 << _BITS * lengths, 0)
    for chain in (1, 2):
        numbers[chain::2] = np.cumsum(numbers[chain::2])
    if numbers.min() < 0:
        raise PictureError("run lengths of a mask contain a negative run")
    return numbers
