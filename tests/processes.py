"""Processes that a test has started."""

from contextlib import suppress

import psutil


def children_like(text: str, of: psutil.Process | None = None) -> list[psutil.Process]:
    """Children of a process (this one) that run, and have `text` in their command line."""
    found = []
    for child in (of or psutil.Process()).children():
        with suppress(psutil.Error):  # it has ended, and may be a zombie
            if text in " ".join(child.cmdline()):
                found.append(child)
    return found
