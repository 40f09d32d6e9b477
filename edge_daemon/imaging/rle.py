"""Masks as COCO's run-length encoding: a short string for a picture of zeros and ones, and back.

Runs are counted down the columns, from left to right, and begin with the zeros (which may be none). In the
string each run from the fourth on is the difference to the last run but one; numbers are signed, in groups of
five bits, lowest first, one character from "0" to "o" a group, of which bit 5 tells that more follow. The
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
    """Give the run lengths of a picture of `width` x `height` that is 0 but for `mask`, put at `left`, `top`.

    `mask` is h x w of bool or uint8, anything but 0 counts; what lies outside of the picture is cut off. Only
    the mask is looked at, so a small one costs little in a large picture. Raises PictureError.
    """
    check_size(width, height, MAX_PIXELS)
    crop, left, top = cut(mask, left, top, width, height)
    tall = crop.shape[0]
    # A row of zeros below ends a run at the foot of its column, but where columns touch one another.
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
    """Give the picture of `height` x `width` zeros and ones, uint8, that run lengths tell of.

    Raises PictureError for what is no run lengths, or those of a picture of another size.
    """
    check_size(width, height, MAX_PIXELS)
    runs = _unpack(counts)
    if (total := int(runs.sum())) != width * height:
        raise PictureError(f"run lengths of {total} pixels are none of a picture of {width}x{height}")
    values = np.arange(len(runs), dtype=np.uint8) & 1
    return np.ascontiguousarray(np.repeat(values, runs).reshape(width, height).T)


def area(counts: str | bytes) -> int:
    """Give the number of ones in run lengths; raises PictureError for what is none."""
    return int(_unpack(counts)[1::2].sum())


def cut(mask: Mask, left: int, top: int, width: int, height: int) -> tuple[NDArray[np.bool_], int, int]:
    """Give what of a mask lies within a picture, as bool, and where: its left and its top.

    It may be empty. Raises PictureError unless the mask is h x w of bool or uint8.
    """
    if mask.ndim != 2 or mask.dtype not in (np.bool_, np.uint8):
        raise PictureError(f"a mask is height x width of bool or uint8; this is {mask.dtype} {mask.shape}")
    tall, wide = mask.shape
    x1, y1 = (min(max(at, 0), side) for at, side in ((left, width), (top, height)))
    x2, y2 = max(x1, min(left + wide, width)), max(y1, min(top + tall, height))
    return mask[y1 - top : y2 - top, x1 - left : x2 - left] != 0, x1, y1


def _pack(runs: NDArray[np.int64]) -> str:
    numbers = runs.copy()
    numbers[3:] -= runs[1:-2]
    magnitudes = numbers ^ (numbers >> 63)
    group = np.arange(_LONGEST)
    # A number takes another group as long as its bits and its sign do not fit in those before.
    lengths = 1 + (magnitudes[:, None] >= _SIGN << _BITS * group[:-1]).sum(axis=1, keepdims=True)
    group = group[: lengths.max()]
    chars = (numbers[:, None] >> _BITS * group & (_MORE - 1)) + _MORE * (group + 1 < lengths) + _FIRST
    return str(chars[group < lengths].astype(np.uint8).tobytes(), "ascii")


def _unpack(counts: str | bytes) -> NDArray[np.int64]:
    text = counts.encode("utf-8", "surrogatepass") if isinstance(counts, str) else counts
    chars = np.frombuffer(text, np.uint8).astype(np.int64) - _FIRST
    if not chars.size or chars.min() < 0 or chars.max() >= 2 * _MORE or chars[-1] & _MORE:
        raise PictureError(f"these are no run lengths of a mask: {text[:40]!r}, {len(text)} characters")
    ends = np.flatnonzero(chars & _MORE == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > _LONGEST:
        raise PictureError("run lengths of a mask hold a number that is too large for any picture")
    group = np.arange(len(chars)) - np.repeat(starts, lengths)
    numbers = np.add.reduceat((chars & (_MORE - 1)) << _BITS * group, starts)
    numbers -= np.where(chars[ends] & _SIGN, 1 << _BITS * lengths, 0)
    for chain in (1, 2):
        numbers[chain::2] = np.cumsum(numbers[chain::2])
    if numbers.min() < 0:
        raise PictureError("run lengths of a mask hold a run of less than no pixels")
    return numbers
