"""Opens a model file as a session of ONNX Runtime; errors say what is wrong and what to do."""

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
"""Largest file, not counting external weights."""
_FRONT = re.compile(r"^(\[ONNXRuntimeError\] : \d+ : \w+ : )?(Load model from .*? failed:)?(\S+\.\w+:\d+ .*?\) )?")
_WANTED = re.compile(r"Failed to allocate memory for requested buffer of size (\d+)")
_LFS_POINTER = b"version https://git-lfs"
_OTHERS = (
    (b"tfl3", 4, "a TensorFlow Lite model: convert it to ONNX"),
    (b"pk", 0, "an archive, such as a PyTorch checkpoint: export it to ONNX"),
    (b"<?xml", 0, "XML, as OpenVINO's models are: export it to ONNX"),
    (b"<!doctype", 0, "a web page: download the model again"),
    (b"<html", 0, "a web page: download the model again"),
    (b"ftrt", 0, "a TensorRT engine: use the ONNX file that it was built from"),
    (b"ptrt", 0, "a TensorRT engine: use the ONNX file that it was built from"),
)
"""First bytes of files that are taken for ONNX models, in lower case, their place, and what such a file is."""


@dataclass(frozen=True)
class Declaration:
    """A file's own description: inputs and outputs as (name, type, shape), metadata, and the exporter."""

    inputs: list[tuple[str, str, list[int | str | None]]]
    outputs: list[tuple[str, str, list[int | str | None]]]
    metadata: dict[str, str]
    producer: str


def declared(path: Path, settings: ModelSettings) -> Declaration:
    """The description in a file, without interpreting it.

    Raises:
        ModelError: ONNX Runtime cannot load it.
    """
    session = load(path, settings)
    about = session.get_modelmeta()
    inputs = [(i.name, i.type, list(i.shape)) for i in session.get_inputs()]
    outputs = [(o.name, o.type, list(o.shape)) for o in session.get_outputs()]
    return Declaration(inputs, outputs, dict(about.custom_metadata_map), about.producer_name)


def check(path: Path) -> None:
    """Check that a file can be a model before ONNX Runtime gets it.

    Raises:
        ModelError: the file is missing, unreadable, empty, too large or a Git LFS pointer.
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(_LFS_POINTER))
    except FileNotFoundError as error:
        from edge_daemon.config.near import near  # only for this sentence

        raise ModelError(f"cannot read the file: {error.strerror}{near(path)}") from error
    except OSError as error:
        raise ModelError(f"cannot read the file: {error.strerror}") from error
    if path.stat().st_size > MAX_BYTES:
        raise ModelError(f"the file is larger than {MAX_BYTES >> 30} GiB, the limit of ONNX files")
    if not head:
        raise ModelError("the file is empty: download or export it again")
    if head == _LFS_POINTER:
        raise ModelError("the file is a Git LFS pointer, not the model: run `git lfs pull` in its repository")


def load(path: Path, settings: ModelSettings, profile: Path | None = None) -> ort.InferenceSession:
    """Load a file. With `profile`, a folder, the time of each operator is recorded there.

    Raises:
        ModelError: the file cannot be used; the message gives the cause and a remedy.
    """
    check(path)
    wanted = [provider.name for provider in settings.providers]
    options_of = {provider.name: dict(provider.options) for provider in settings.providers}
    chosen = providers.usable(wanted, ort.get_all_providers(), ort.get_available_providers())
    options = ort.SessionOptions()
    options.log_severity_level = LOG_ERRORS
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # a plan of all buffers takes more memory and saves no time
    if profile:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile / "profile")
    # Idle threads that spin would take the core from other workers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(
            str(path),
            options,
            providers=chosen,
            provider_options=[options_of.get(providers.short(name), {}) for name in chosen],
        )
    except state.InvalidProtobuf as error:
        raise ModelError(f"the file is {_seems(path)}") from error
    except ERRORS as error:
        why = reason(error)
        raise ModelError(f"ONNX Runtime {ort.__version__} cannot load it ({why}): {_remedy(why)}") from error
    _check_started(session, chosen, wanted)
    return session


def _seems(path: Path) -> str:
    """The format of a file that is no ONNX model, by its first bytes, and a remedy."""
    with path.open("rb") as file:
        head = file.read(16).lower()
    for mark, at, what in _OTHERS:
        if head[at:].startswith(mark):
            return what
    return "not a complete ONNX model (cut off, damaged or encrypted): download or export it again"


def _remedy(why: str) -> str:
    if "IR version" in why:
        return "export it for an older opset (such as 17), or install a newer onnxruntime"
    if any(clue in why for clue in ("opset", "Op registered", "registered function", "implementation")):
        return "export it with standard operators, for an older opset (such as 17)"
    if "escapes" in why or "Absolute path" in why:
        return "a model may only read files in its own folder"
    if "xternal data" in why or "External initializer" in why:
        return "download the file with its weights too, and put it beside the model"
    return "download or export it again"


def _check_started(session: ort.InferenceSession, chosen: Sequence[str], wanted: Sequence[str]) -> None:
    """Check the providers in use: ONNX Runtime drops one whose libraries are missing, and always adds the CPU."""
    first = session.get_providers()[0]
    if first not in chosen:
        raise ModelError(
            f"none of the providers {', '.join(wanted)} could be started (see the log above): "
            "install their libraries, or add cpu to `providers`"
        )
    if providers.short(first) != providers.short(wanted[0]):
        logger.warning("the provider %s is not available: using %s", wanted[0], providers.short(first))


def reason(error: Exception) -> str:
    """The first line of ONNX Runtime's message, without the leading error number and source position."""
    if wanted := _WANTED.search(str(error)):
        return f"it needs {int(wanted[1]) / 1e9:.1f} GB of memory at once, more than is available"
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return _FRONT.sub("", line)[:200].rstrip(" .")
