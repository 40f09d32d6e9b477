"""Inputs kept in an accelerator's memory, allocated once and filled with each picture."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edge_daemon.models.runtime import ort

Arrays = Mapping[str, NDArray[np.generic]]


class Bound:
    """A session whose inputs are bound to memory of `device` (`cuda`; `cpu` works too, without a gain)."""

    def __init__(self, session: ort.InferenceSession, outputs: Sequence[str], device: str, number: int = 0) -> None:
        self._session, self._outputs, self._device, self._number = session, outputs, device, number
        self._binding = session.io_binding()
        self._inputs: dict[str, ort.OrtValue] = {}

    def run(self, feeds: Arrays, options: ort.RunOptions | None = None) -> list[NDArray[np.generic]]:
        """The outputs (any shape and type) for `feeds`, inputs by name with the shapes and types of the model."""
        for name, array in feeds.items():
            self._feed(name, array)
        # Outputs are bound again for each run: a buffer of the last run may be too small for the next.
        self._binding.clear_binding_outputs()
        for name in self._outputs:
            self._binding.bind_output(name, "cpu")
        self._session.run_with_iobinding(self._binding, options)
        outputs: list[NDArray[np.generic]] = self._binding.copy_outputs_to_cpu()
        return outputs

    def _feed(self, name: str, array: NDArray[np.generic]) -> None:
        value = self._inputs.get(name)
        if value is None or tuple(value.shape()) != array.shape:
            value = ort.OrtValue.ortvalue_from_numpy(array, self._device, self._number)
            self._inputs[name] = value
            self._binding.bind_ortvalue_input(name, value)
        else:
            value.update_inplace(np.ascontiguousarray(array))
