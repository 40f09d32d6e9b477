"""ONNX Runtime execution providers by short name: `cpu`, `cuda`, `openvino`, ..."""

import difflib
from collections.abc import Sequence

from edge_daemon.errors import ModelError

_SUFFIX = "ExecutionProvider"


def short(provider: str) -> str:
    """`CPUExecutionProvider` as `cpu`."""
    return provider.removesuffix(_SUFFIX).lower()


def usable(wanted: Sequence[str], known: Sequence[str], available: Sequence[str]) -> list[str]:
    """ONNX Runtime's names for those of `wanted` that this installation has, in the order of preference.

    Raises:
        ModelError: one is none that ONNX Runtime knows, or none is available.
    """
    full = {short(name): name for name in (*known, *available)}
    for name in wanted:
        if name not in full:
            close = difflib.get_close_matches(name, full, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(full))}"
            raise ModelError(f"`providers` names {name!r}, which ONNX Runtime does not know: {hint}")
    chosen = [full[name] for name in wanted if full[name] in available]
    if not chosen:
        raise ModelError(
            f"the installed ONNX Runtime has no provider {' or '.join(wanted)}, only "
            f"{', '.join(map(short, available))}: install one that has, or add cpu to `providers`"
        )
    return chosen
