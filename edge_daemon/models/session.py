"""A loaded model: one input tensor for pictures, and outputs by name for each picture."""

import dataclasses
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models.batches import OfBatch
from edge_daemon.models.engine import Arrays, Engine
from edge_daemon.models.inputs import Inputs, understand
from edge_daemon.settings import ModelSettings

Outputs = Mapping[str, NDArray[np.generic]]
INT8 = (-128, 127)
NUMBERS = frozenset(f"tensor({kind})" for kind in ("float", "float16", "double", "int8", "uint8", "int32", "int64"))


class Session:
    """An engine with its input: fill `tensor[i]` (float32 or uint8, channels x height x width or height x width x
    channels; the same array for every run), then call `run`; or let something else run `feeds` and read the result with
    `outputs_of`.

    `tensor` has room for the number of pictures that the model fixes, or else for `batch`. `metadata` is the model's
    own: Ultralytics writes names, task and size there.

    Raises:
        ModelError: the model cannot be used; the message gives the cause and a remedy.
    """

    def __init__(self, engine: Engine, settings: ModelSettings, *, batch: int = 1) -> None:
        self.engine = engine
        self.metadata = engine.metadata
        outputs = engine.outputs
        self._names = [output.name for output in outputs if output.type in NUMBERS]
        self.passed_over = {output.name: output.type for output in outputs if output.type not in NUMBERS}
        """Outputs that are no numbers, such as text, and their types."""
        if not self._names:
            raise ModelError(f"its outputs are no tensors of numbers: {_listed(self.passed_over)}")
        self.declared = {output.name: tuple(output.shape) for output in outputs if output.name in self._names}
        self._settings, self._pictures = settings, batch
        self._take(understand(self.engine.inputs, self.metadata, settings.input))
        self._roles = settings.outputs

    def _take(self, inputs: Inputs) -> None:
        """Make the tensor for these inputs."""
        self.inputs = inputs
        self.tensor: NDArray[np.generic] = np.zeros(
            inputs.shape(inputs.batch or self._pictures), np.uint8 if inputs.dtype == np.uint8 else np.float32
        )
        # The array that the session reads: the tensor itself unless the model needs another precision.
        self._fed = self.tensor.astype(inputs.dtype, copy=False)

    def assume(self, size: tuple[int, int]) -> None:
        """Take another height and width, where the file leaves both open."""
        asked = msgspec.structs.replace(self._settings.input, size=size[::-1])
        inputs = understand(self.engine.inputs, self.metadata, asked)
        self._take(dataclasses.replace(inputs, assumed=True))

    @property
    def provider(self) -> str:
        """Short name of what computes it."""
        return self.engine.provider

    @property
    def names(self) -> Sequence[str]:
        """Names of the outputs that are computed."""
        return self._names

    def run(self, pictures: int = 1) -> list[Outputs]:
        """The outputs for each of the first `pictures` of `tensor`, renamed to the roles in the configuration.

        float16 and float64 outputs are converted to float32; the batch axis is kept.

        Raises:
            ModelError: the engine failed, or the model lacks an output named in the configuration.
        """
        return self.outputs_of(self.engine.run(self._names, self.feeds(pictures)), pictures)

    def feeds(self, pictures: int = 1) -> Arrays:
        """The model's inputs by name, for the first `pictures` of `tensor`; they change when that is filled again."""
        fed = self._fed if self.inputs.batch else self._fed[:pictures]
        if self._fed is not self.tensor:
            values = self.tensor[: len(fed)]
            np.copyto(fed, np.clip(np.rint(values), *INT8) if fed.dtype == np.int8 else values, casting="unsafe")
        feeds = {self.inputs.name: fed[0] if self.inputs.single else fed}
        return feeds | {name: np.repeat(row, len(fed), axis=0) for name, row in self.inputs.helpers.items()}

    def outputs_of(self, arrays: Sequence[NDArray[np.generic]], pictures: int = 1) -> list[Outputs]:
        """The `arrays` (any shape and type) that the engine made of `feeds`, as `run` returns them.

        Raises:
            ModelError: the model lacks an output named in the configuration.
        """
        named = self._renamed({name: _plain(output) for name, output in zip(self._names, arrays, strict=True)})
        return [self._of(named, number, self.inputs.batch or pictures) for number in range(pictures)]

    def _of(self, outputs: Outputs, picture: int, pictures: int) -> Outputs:
        """The outputs for one of several pictures: its part of those with an axis for the batch, the others whole."""
        if pictures == 1:
            return outputs
        parts = OfBatch(
            (name, array[picture : picture + 1] if self._is_by_picture(name, array, pictures) else array)
            for name, array in outputs.items()
        )
        parts.picture, parts.pictures, parts.whole = picture, pictures, outputs
        return parts

    def _is_by_picture(self, name: str, array: NDArray[np.generic], pictures: int) -> bool:
        """True if the first axis of an output is that of the batch."""
        first = (self.declared.get(name) or (None,))[0]
        if isinstance(first, int) and first > 0:
            return first == pictures == len(array)
        # Rows of all pictures may be as many as the pictures, by chance.
        lists_all = array.ndim == 2 and array.shape[1] in (6, 7) and bool(self.inputs.batch)
        return array.ndim > 0 and len(array) == pictures and not lists_all

    def leave_out(self, outputs: Sequence[str]) -> None:
        """Do not compute these outputs (names, or roles in the configuration) from now on."""
        roles = self._roles or {}
        left = {roles.get(name, name) for name in outputs}
        self._names = [name for name in self._names if name not in left]
        self._roles = {role: name for role, name in roles.items() if name not in left} if self._roles else None

    def _renamed(self, outputs: Outputs) -> Outputs:
        if self._roles is None:
            return outputs
        for role, name in self._roles.items():
            if name not in outputs:
                raise ModelError(f"`outputs.{role}` is {name}, but its outputs are {', '.join(outputs)}")
        return {role: outputs[name] for role, name in self._roles.items()}

    def takes(self, pictures: int) -> bool:
        """True if the model accepts this number of pictures at once and returns an answer for each."""
        shape = self.inputs.shape(pictures)
        feeds: dict[str, NDArray[np.generic]] = {self.inputs.name: np.zeros(shape, self._fed.dtype)}
        feeds |= {name: np.repeat(row, pictures, axis=0) for name, row in self.inputs.helpers.items()}
        try:
            outputs = self.engine.run(self._names, feeds)
        except ModelError:
            return False
        return all(output.ndim and len(output) == pictures for output in outputs)


def _plain(output: NDArray[np.generic]) -> NDArray[np.generic]:
    floats = output.dtype in (np.float16, np.float64)
    return output.astype(np.float32) if floats else output


def _listed(outputs: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in outputs.items())
