"""ONNX Runtime execution providers by short name: `cpu`, `cuda`, `openvino`, ..."""

import difflib
from collections.abc import Sequence

from edge_daemon.errors import ModelError

_SUFFIX = "ExecutionProvider"


def short(provider: str) -> str:
    """The short name of a provider: `CPUExecutionProvider` as `cpu`."""
    return provider.removesuffix(_SUFFIX).lower()


def usable(wanted: Sequence[str], known: Sequence[str], available: Sequence[str]) -> list[str]:
    """ONNX Runtime's names of those of `wanted` that are installed, in order of preference.

    Raises:
        ModelError: a name is not known to ONNX Runtime, or none of the providers is installed.
    """
    full = {short(name): name for name in (*known, *available)}
    for name in wanted:
        if name not in full:
            close = difflib.get_close_matches(name, full, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(full))}"
            raise ModelError(f"`providers` names {name!r}, which ONNX Runtime does not know: {hint}")
    chosen = [full[name] for name in wanted if full[name] in available]
    if not chosen:
        raise ModelError(
            f"the installed ONNX Runtime has no provider {' or '.join(wanted)}, only "
            f"{', '.join(map(short, available))}: install one that has it, or add cpu to `providers`"
        )
    return chosen
