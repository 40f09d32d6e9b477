"""The one place that knows ONNX Runtime: a file becomes a session that runs on one input of fixed shape."""

import json
import logging
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models import providers
from edge_daemon.models.binding import Bound
from edge_daemon.models.inputs import understand
from edge_daemon.settings import ModelSettings

# Released builds can send usage events to their maker, and look at this when they are loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort  # type: ignore[import-untyped]
from onnxruntime.capi import onnxruntime_pybind11_state as state  # type: ignore[import-untyped]

logger = logging.getLogger(__name__)

LOG_ERRORS, LOG_FATAL = 3, 4
MAX_BYTES = 2 << 30
"""Of a file; weights beside it are not counted."""
_FRONT = re.compile(r"^(\[ONNXRuntimeError\] : \d+ : \w+ : )?(Load model from .*? failed:)?(\S+\.\w+:\d+ .*?\) )?")
_WANTED = re.compile(r"Failed to allocate memory for requested buffer of size (\d+)")
_LFS_POINTER = b"version https://git-lfs"
_NUMBERS = frozenset(f"tensor({kind})" for kind in ("float", "float16", "double", "int8", "uint8", "int32", "int64"))
_ERRORS = (
    state.EPFail,
    state.EngineError,
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.ModelRequiresCompilation,
    state.NoModel,
    state.NoSuchFile,
    state.NotImplemented,
    state.RuntimeException,
    RuntimeError,
)


class Session:
    """A session with its input: fill `tensor[i]` (float32 or uint8, CxHxW or HxWxC, the same array for good), `run`.

    `tensor` has room for as many pictures as the file fixes, or `batch` where it leaves that open. `metadata` is
    what the file says of itself: Ultralytics writes names, task and size there. With `profile`, a folder, what each
    operator takes is written there, to be read with `operators`.

    Raises:
        ModelError: the file cannot be used; says why and what to do.
    """

    def __init__(self, path: Path, settings: ModelSettings, *, batch: int = 1, profile: Path | None = None) -> None:
        check(path)
        self._session = _open(path, settings, profile)
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.producer: str = self._session.get_modelmeta().producer_name
        _check_outputs(self._session.get_outputs())
        self._names = [output.name for output in self._session.get_outputs()]
        self.inputs = understand(self._session.get_inputs(), self.metadata, settings.input)
        self.tensor: NDArray[np.generic] = np.zeros(
            self.inputs.shape(self.inputs.batch or batch),
            np.uint8 if self.inputs.dtype == np.uint8 else np.float32,
        )
        # What the session reads: the tensor itself unless the model wants another precision.
        self._fed = self.tensor.astype(self.inputs.dtype, copy=False)
        self._quietly = ort.RunOptions()
        self._quietly.log_severity_level = LOG_FATAL  # what fails is raised, and said by who catches it
        self._bound = _bound(self._session, self._names)

    @property
    def provider(self) -> str:
        """The execution provider that comes first, by its short name."""
        return providers.short(self._session.get_providers()[0])

    def run(self, pictures: int = 1) -> dict[str, NDArray[np.generic]]:
        """The outputs by name for what is in the first `pictures` of `tensor`; halves and doubles as float32.

        Raises:
            ModelError: ONNX Runtime failed.
        """
        fed = self._fed if self.inputs.batch else self._fed[:pictures]
        if self._fed is not self.tensor:
            np.copyto(fed, self.tensor[: len(fed)], casting="same_kind")
        feeds = {self.inputs.name: fed}
        feeds |= {name: np.repeat(row, len(fed), axis=0) for name, row in self.inputs.helpers.items()}
        try:
            outputs = self._infer(feeds)
        except _ERRORS as error:
            raise ModelError(f"ONNX Runtime failed to run it: {_reason(error)}") from error
        return {name: _plain(output) for name, output in zip(self._names, outputs, strict=True)}

    def _infer(self, feeds: Mapping[str, NDArray[np.generic]]) -> list[NDArray[np.generic]]:
        if self._bound:
            return self._bound.run(feeds, self._quietly)
        outputs: list[NDArray[np.generic]] = self._session.run(None, feeds, self._quietly)
        return outputs

    def takes(self, pictures: int) -> bool:
        """Whether so many pictures go in at once, and so many answers come out."""
        shape = self.inputs.shape(pictures)
        feeds: dict[str, NDArray[np.generic]] = {self.inputs.name: np.zeros(shape, self._fed.dtype)}
        feeds |= {name: np.repeat(row, pictures, axis=0) for name, row in self.inputs.helpers.items()}
        try:
            outputs = self._infer(feeds)
        except _ERRORS:
            return False
        return all(output.ndim and len(output) == pictures for output in outputs)

    def operators(self) -> dict[tuple[str, str], float]:
        """By operator and provider (short names), the milliseconds that all runs of a profiled session took."""
        events = json.loads(Path(self._session.end_profiling()).read_bytes())
        took: Counter[tuple[str, str]] = Counter()
        for event in events:
            told = event.get("args", {})
            if event.get("cat") == "Node" and "op_name" in told and "provider" in told:
                took[told["op_name"], providers.short(told["provider"])] += event.get("dur", 0) / 1e3
        return dict(took)


@dataclass(frozen=True)
class Declaration:
    """What a file says of itself: inputs and outputs as (name, type, shape), metadata, and who wrote it."""

    inputs: list[tuple[str, str, list[int | str | None]]]
    outputs: list[tuple[str, str, list[int | str | None]]]
    metadata: dict[str, str]
    producer: str


def declared(path: Path, settings: ModelSettings) -> Declaration:
    """What a file says of itself, whether it is understood or not.

    Raises:
        ModelError: ONNX Runtime cannot load it.
    """
    check(path)
    session = _open(path, settings, None)
    about = session.get_modelmeta()
    inputs = [(i.name, i.type, list(i.shape)) for i in session.get_inputs()]
    outputs = [(o.name, o.type, list(o.shape)) for o in session.get_outputs()]
    return Declaration(inputs, outputs, dict(about.custom_metadata_map), about.producer_name)


def _plain(output: NDArray[np.generic]) -> NDArray[np.generic]:
    floats = output.dtype in (np.float16, np.float64)
    return output.astype(np.float32) if floats else output


def check(path: Path) -> None:
    """See that a file can be a model, before it is given to ONNX Runtime.

    Raises:
        ModelError: it cannot be.
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(_LFS_POINTER))
    except OSError as error:
        raise ModelError(f"cannot read the file: {error.strerror}") from error
    if path.stat().st_size > MAX_BYTES:
        raise ModelError(f"the file has more than {MAX_BYTES >> 30} GiB, which no ONNX file can have")
    if not head:
        raise ModelError("the file is empty: fetch or export it again")
    if head == _LFS_POINTER:
        raise ModelError("the file is a Git LFS pointer, not the model: run `git lfs pull` where it came from")


def _open(path: Path, settings: ModelSettings, profile: Path | None) -> ort.InferenceSession:
    wanted = [provider.name for provider in settings.providers]
    told = {provider.name: dict(provider.options) for provider in settings.providers}
    chosen = providers.usable(wanted, ort.get_all_providers(), ort.get_available_providers())
    options = ort.SessionOptions()
    options.log_severity_level = LOG_ERRORS
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    if profile:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile / "profile")
    # An idle thread that spins takes the core from the other workers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(
            str(path),
            options,
            providers=chosen,
            provider_options=[told.get(providers.short(name), {}) for name in chosen],
        )
    except state.InvalidProtobuf as error:
        raise ModelError("the file is no ONNX model, or part of one: fetch or export it again") from error
    except _ERRORS as error:
        reason = _reason(error)
        raise ModelError(f"ONNX Runtime {ort.__version__} cannot load it ({reason}): {_remedy(reason)}") from error
    _check_started(session, chosen, wanted)
    return session


def _bound(session: ort.InferenceSession, outputs: Sequence[str]) -> Bound | None:
    """Inputs in the memory of a GPU, for the providers whose memory is CUDA's."""
    provider = session.get_providers()[0]
    if providers.short(provider) not in ("cuda", "tensorrt"):
        return None
    number = int(session.get_provider_options()[provider].get("device_id", 0))
    return Bound(session, outputs, "cuda", number)


def _remedy(reason: str) -> str:
    if any(clue in reason for clue in ("opset", "Op registered", "registered function", "implementation")):
        return "export it with standard operators, for an older opset (17, say)"
    if "escapes" in reason or "Absolute path" in reason:
        return "a model may only read files that lie beside it"
    if "External data" in reason:
        return "fetch the file that holds its weights too, and put it beside it"
    return "fetch or export it again"


def _check_started(session: ort.InferenceSession, chosen: Sequence[str], wanted: Sequence[str]) -> None:
    """A provider whose libraries are missing is left out without an error, and the CPU is always added."""
    first = session.get_providers()[0]
    if first not in chosen:
        raise ModelError(
            f"none of the providers {', '.join(wanted)} could be started, see the lines above: "
            "install the libraries they need, or add cpu to `providers`"
        )
    if providers.short(first) != providers.short(wanted[0]):
        logger.warning("the provider %s is not available: using %s", wanted[0], providers.short(first))


def _check_outputs(outputs: Sequence[ort.NodeArg]) -> None:
    for output in outputs:
        if output.type not in _NUMBERS:
            raise ModelError(f"its output {output.name} is {output.type}, where a tensor of numbers is needed")


def _reason(error: Exception) -> str:
    """The first line of ONNX Runtime's message, without the number, file and place in its source in front."""
    if wanted := _WANTED.search(str(error)):
        return f"it asks for {int(wanted[1]) / 1e9:.1f} GB of memory at once, which are not there"
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return _FRONT.sub("", line)[:200].rstrip(" .")
