"""Distinguishes one state of a file from another without reading it."""

from pathlib import Path


def stamp(*paths: str | None) -> str:
    """Time of the last change, and size, of each file; empty for one that does not exist."""
    return " ".join(_stamp(path) for path in paths if path is not None)


def _stamp(path: str) -> str:
    try:
        about = Path(path).stat()
    except OSError:
        return ""
    return f"{about.st_mtime_ns}/{about.st_size}"
