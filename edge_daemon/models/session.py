"""A loaded model: one input tensor for pictures, and outputs by name for each picture."""

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models import providers
from edge_daemon.models.batches import OfBatch
from edge_daemon.models.binding import Bound
from edge_daemon.models.inputs import Inputs, understand
from edge_daemon.models.loading import load, reason
from edge_daemon.models.runtime import ERRORS, ort
from edge_daemon.settings import ModelSettings

Outputs = Mapping[str, NDArray[np.generic]]
LOG_FATAL = 4
INT8 = (-128, 127)
_NUMBERS = frozenset(f"tensor({kind})" for kind in ("float", "float16", "double", "int8", "uint8", "int32", "int64"))


class Session:
    """A session with its input: fill `tensor[i]` (float32 or uint8, channels x height x width or height x width x
    channels; the same array for every run), then call `run`.

    `tensor` has room for the number of pictures that the file fixes, or else for `batch`. `metadata` is the file's own:
    Ultralytics writes names, task and size there. With `profile`, a folder, operators' times are recorded there, to be
    read with `operators`.

    Raises:
        ModelError: the file cannot be used; the message gives the cause and a remedy.
    """

    def __init__(self, path: Path, settings: ModelSettings, *, batch: int = 1, profile: Path | None = None) -> None:
        self._session = load(path, settings, profile)
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.producer: str = self._session.get_modelmeta().producer_name
        outputs = self._session.get_outputs()
        self._names = [output.name for output in outputs if output.type in _NUMBERS]
        self.passed_over = {output.name: output.type for output in outputs if output.type not in _NUMBERS}
        """Outputs that are no numbers, such as text, and their types."""
        if not self._names:
            raise ModelError(f"its outputs are no tensors of numbers: {_listed(self.passed_over)}")
        self.declared = {output.name: tuple(output.shape) for output in outputs if output.name in self._names}
        self._settings, self._pictures = settings, batch
        self._take(understand(self._session.get_inputs(), self.metadata, settings.input))
        self._roles = settings.outputs
        self._quietly = ort.RunOptions()
        self._quietly.log_severity_level = LOG_FATAL  # failures are raised, and logged by the caller
        self._bound = _bound(self._session, self._names)

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
        inputs = understand(self._session.get_inputs(), self.metadata, asked)
        self._take(dataclasses.replace(inputs, assumed=True))

    @property
    def provider(self) -> str:
        """Short name of the execution provider in use."""
        return providers.short(self._session.get_providers()[0])

    def run(self, pictures: int = 1) -> list[Outputs]:
        """The outputs for each of the first `pictures` of `tensor`, renamed to the roles in the configuration.

        float16 and float64 outputs are converted to float32; the batch axis is kept.

        Raises:
            ModelError: ONNX Runtime failed, or the model lacks an output named in the configuration.
        """
        fed = self._fed if self.inputs.batch else self._fed[:pictures]
        if self._fed is not self.tensor:
            values = self.tensor[: len(fed)]
            np.copyto(fed, np.clip(np.rint(values), *INT8) if fed.dtype == np.int8 else values, casting="unsafe")
        feeds = {self.inputs.name: fed[0] if self.inputs.single else fed}
        feeds |= {name: np.repeat(row, len(fed), axis=0) for name, row in self.inputs.helpers.items()}
        try:
            outputs = self._infer(feeds)
        except ERRORS as error:
            raise ModelError(f"ONNX Runtime failed to run it: {reason(error)}") from error
        named = self._renamed({name: _plain(output) for name, output in zip(self._names, outputs, strict=True)})
        return [self._of(named, number, len(fed)) for number in range(pictures)]

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
        self._bound = _bound(self._session, self._names)

    def _renamed(self, outputs: Outputs) -> Outputs:
        if self._roles is None:
            return outputs
        for role, name in self._roles.items():
            if name not in outputs:
                raise ModelError(f"`outputs.{role}` is {name}, but its outputs are {', '.join(outputs)}")
        return {role: outputs[name] for role, name in self._roles.items()}

    def _infer(self, feeds: Outputs) -> list[NDArray[np.generic]]:
        if self._bound:
            return self._bound.run(feeds, self._quietly)
        outputs: list[NDArray[np.generic]] = self._session.run(self._names, feeds, self._quietly)
        return outputs

    def takes(self, pictures: int) -> bool:
        """True if the model accepts this number of pictures at once and returns an answer for each."""
        shape = self.inputs.shape(pictures)
        feeds: dict[str, NDArray[np.generic]] = {self.inputs.name: np.zeros(shape, self._fed.dtype)}
        feeds |= {name: np.repeat(row, pictures, axis=0) for name, row in self.inputs.helpers.items()}
        try:
            outputs = self._infer(feeds)
        except ERRORS:
            return False
        return all(output.ndim and len(output) == pictures for output in outputs)

    def operators(self) -> dict[tuple[str, str], float]:
        """Total milliseconds in a profiled session, by operator and provider (short names)."""
        events = json.loads(Path(self._session.end_profiling()).read_bytes())
        took: Counter[tuple[str, str]] = Counter()
        for event in events:
            arguments = event.get("args", {})
            if event.get("cat") == "Node" and "op_name" in arguments and "provider" in arguments:
                took[arguments["op_name"], providers.short(arguments["provider"])] += event.get("dur", 0) / 1e3
        return dict(took)


def _plain(output: NDArray[np.generic]) -> NDArray[np.generic]:
    floats = output.dtype in (np.float16, np.float64)
    return output.astype(np.float32) if floats else output


def _bound(session: ort.InferenceSession, outputs: Sequence[str]) -> Bound | None:
    """A binding to GPU memory, for the providers that use CUDA's memory."""
    provider = session.get_providers()[0]
    if providers.short(provider) not in ("cuda", "tensorrt"):
        return None
    number = int(session.get_provider_options()[provider].get("device_id", 0))
    return Bound(session, outputs, "cuda", number)


def _listed(outputs: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in outputs.items())
