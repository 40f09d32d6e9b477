"""Shapes of outputs, with or without an axis for the batch: decoders ask here, and count no axes themselves."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError

Array: TypeAlias = NDArray[np.float32]
Any: TypeAlias = NDArray[np.generic]
Outputs: TypeAlias = Mapping[str, Any]


def rows(array: Any) -> int | None:
    """The number of rows of a table (...xNxK, all other axes 1); None if the array is no table.

    A table of a single row looks like one with more axes; both have one row.
    """
    if array.ndim < 2:
        return None
    longer = [length for length in array.shape[:-1] if length != 1]
    return None if len(longer) > 1 else longer[0] if longer else 1


def table(array: Any) -> Array:
    """A table as float32 NxK.

    Raises:
        ModelError: the array is no table.
    """
    count = rows(array)
    if count is None:
        raise ModelError(f"an output of {'x'.join(map(str, array.shape))} is no table of one picture")
    return np.asarray(array, np.float32).reshape(count, array.shape[-1])


def tables(outputs: Outputs, *columns: int) -> dict[str, Any]:
    """The outputs that are tables, with one of these numbers of columns if given."""
    return {
        name: array
        for name, array in outputs.items()
        if rows(array) is not None and (not columns or array.shape[-1] in columns)
    }


def length(array: Any) -> int | None:
    """The length of a list (all axes but one are 1, or a scalar); None if the array is no list."""
    longer = [axis for axis in array.shape if axis != 1]
    return None if len(longer) > 1 else longer[0] if longer else 1


def flat(array: Any) -> Array:
    """A list as float32 N."""
    return np.asarray(array, np.float32).ravel()


def planes(array: Any) -> Any | None:
    """A stack of maps as CxHxW, or one map as 1xHxW, without the axis of the batch; None if it is neither."""
    if array.ndim == 4 and array.shape[0] == 1:
        return array.reshape(array.shape[1:])
    if array.ndim == 3:
        return array
    return array.reshape(1, *array.shape) if array.ndim == 2 else None


def matrix(array: Any) -> Any | None:
    """An array of two axes, without the axis of the batch (1); None if it has more."""
    squeezed = array.reshape(array.shape[1:]) if array.ndim == 3 and array.shape[0] == 1 else array
    return squeezed if squeezed.ndim == 2 else None


def empty(array: Any) -> bool:
    """True if an array has no values, whatever its shape."""
    return array.size == 0
