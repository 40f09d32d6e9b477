"""Distinguishes one state of a file from another without reading it."""

from pathlib import Path

from edge_daemon.runtime import disk


def stamp(*paths: str | Path | None) -> str:
    """Time of the last change, and size, of each file; empty for one that does not exist."""
    return " ".join(disk.look(Path(path)).stamp for path in paths if path is not None)
