"""Processes that a test has started."""

from contextlib import suppress

import psutil


def children_like(text: str) -> list[psutil.Process]:
    """Children of this process that run, and have `text` in their command line."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.Error):  # it has ended, and may be a zombie
            if text in " ".join(child.cmdline()):
                found.append(child)
    return found
