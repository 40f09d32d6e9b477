"""The models that ship with the package, so that everything runs with no download."""

from pathlib import Path

from edge_daemon.errors import ModelError

FOLDER = Path(__file__).parent


def path_of(name: str) -> Path:
    """The file of `builtin:NAME`.

    Raises:
        ModelError: no model of this name ships; names those that do.
    """
    path = FOLDER / f"{name}.onnx"
    if not name.isidentifier() or not path.is_file():
        there = ", ".join(sorted(f"builtin:{file.stem}" for file in FOLDER.glob("*.onnx")))
        raise ModelError(f"no model builtin:{name} ships with edge-daemon; there is {there}")
    return path
