"""Engines: what runs a session's model, here or elsewhere."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models import providers
from edge_daemon.models.binding import Bound
from edge_daemon.models.inputs import Declared
from edge_daemon.models.loading import load, reason
from edge_daemon.models.runtime import ERRORS, ort
from edge_daemon.settings import ModelSettings

Arrays = Mapping[str, NDArray[np.generic]]
"""Tensors (any shape and type) by name."""
LOG_FATAL = 4


class Engine(Protocol):
    """Runs one model. `metadata` is what the model says of itself, `provider` a short name of what computes it."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """The model's own metadata."""

    @property
    def provider(self) -> str:
        """Short name of what computes it."""

    @property
    def inputs(self) -> Sequence[Declared]:
        """The inputs as they are declared."""

    @property
    def outputs(self) -> Sequence[Declared]:
        """The outputs as they are declared."""

    def run(self, outputs: Sequence[str], feeds: Arrays) -> list[NDArray[np.generic]]:
        """These outputs (any shape and type) for `feeds`, inputs by name.

        Raises:
            ModelError: the model failed.
        """


class OnnxEngine:
    """A model file in ONNX Runtime. With `profile`, a folder, operators' times are recorded there, to be read with
    `operators`.

    Raises:
        ModelError: the file cannot be used; the message gives the cause and a remedy.
    """

    def __init__(self, path: Path, settings: ModelSettings, profile: Path | None = None) -> None:
        self._session = load(path, settings, profile)
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.inputs: Sequence[Declared] = self._session.get_inputs()
        self.outputs: Sequence[Declared] = self._session.get_outputs()
        self._quietly = ort.RunOptions()
        self._quietly.log_severity_level = LOG_FATAL  # failures are raised, and logged by the caller
        self._bound: tuple[Sequence[str], Bound | None] = ((), None)

    @property
    def provider(self) -> str:
        """Short name of the execution provider in use."""
        return providers.short(self._session.get_providers()[0])

    def run(self, outputs: Sequence[str], feeds: Arrays) -> list[NDArray[np.generic]]:
        """See `Engine.run`.

        Raises:
            ModelError: ONNX Runtime failed.
        """
        if outputs is not self._bound[0]:
            self._bound = outputs, _bound(self._session, outputs)
        try:
            if bound := self._bound[1]:
                return bound.run(feeds, self._quietly)
            made: list[NDArray[np.generic]] = self._session.run(outputs, feeds, self._quietly)
            return made
        except ERRORS as error:
            raise ModelError(f"ONNX Runtime failed to run it: {reason(error)}") from error

    def operators(self) -> dict[tuple[str, str], float]:
        """Total milliseconds in a profiled session, by operator and provider (short names)."""
        events = json.loads(Path(self._session.end_profiling()).read_bytes())
        took: Counter[tuple[str, str]] = Counter()
        for event in events:
            arguments = event.get("args", {})
            if event.get("cat") == "Node" and "op_name" in arguments and "provider" in arguments:
                took[arguments["op_name"], providers.short(arguments["provider"])] += event.get("dur", 0) / 1e3
        return dict(took)


def _bound(session: ort.InferenceSession, outputs: Sequence[str]) -> Bound | None:
    """A binding to GPU memory, for the providers that use CUDA's memory."""
    provider = session.get_providers()[0]
    if providers.short(provider) not in ("cuda", "tensorrt"):
        return None
    number = int(session.get_provider_options()[provider].get("device_id", 0))
    return Bound(session, outputs, "cuda", number)
