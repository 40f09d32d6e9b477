"""From a file to ONNX Runtime's session, or to a sentence that says what is wrong with it."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_daemon.errors import ModelError
from edge_daemon.models import providers
from edge_daemon.models.runtime import ERRORS, ort, state
from edge_daemon.settings import ModelSettings

logger = logging.getLogger(__name__)

LOG_ERRORS = 3
MAX_BYTES = 2 << 30
"""Of a file; weights beside it are not counted."""
_FRONT = re.compile(r"^(\[ONNXRuntimeError\] : \d+ : \w+ : )?(Load model from .*? failed:)?(\S+\.\w+:\d+ .*?\) )?")
_WANTED = re.compile(r"Failed to allocate memory for requested buffer of size (\d+)")
_LFS_POINTER = b"version https://git-lfs"


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
    session = load(path, settings)
    about = session.get_modelmeta()
    inputs = [(i.name, i.type, list(i.shape)) for i in session.get_inputs()]
    outputs = [(o.name, o.type, list(o.shape)) for o in session.get_outputs()]
    return Declaration(inputs, outputs, dict(about.custom_metadata_map), about.producer_name)


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


def load(path: Path, settings: ModelSettings, profile: Path | None = None) -> ort.InferenceSession:
    """Load a file; with `profile`, a folder, what each operator takes is written there.

    Raises:
        ModelError: the file cannot be used; says why and what to do.
    """
    check(path)
    wanted = [provider.name for provider in settings.providers]
    told = {provider.name: dict(provider.options) for provider in settings.providers}
    chosen = providers.usable(wanted, ort.get_all_providers(), ort.get_available_providers())
    options = ort.SessionOptions()
    options.log_severity_level = LOG_ERRORS
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # a plan of all buffers takes more memory, and no less time
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
    except ERRORS as error:
        why = reason(error)
        raise ModelError(f"ONNX Runtime {ort.__version__} cannot load it ({why}): {_remedy(why)}") from error
    _check_started(session, chosen, wanted)
    return session


def _remedy(why: str) -> str:
    if any(clue in why for clue in ("opset", "Op registered", "registered function", "implementation")):
        return "export it with standard operators, for an older opset (17, say)"
    if "escapes" in why or "Absolute path" in why:
        return "a model may only read files that lie beside it"
    if "External data" in why:
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


def reason(error: Exception) -> str:
    """The first line of ONNX Runtime's message, without the number, file and place in its source in front."""
    if wanted := _WANTED.search(str(error)):
        return f"it asks for {int(wanted[1]) / 1e9:.1f} GB of memory at once, which are not there"
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return _FRONT.sub("", line)[:200].rstrip(" .")
