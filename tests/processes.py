"""Processes that a test has started."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil

from tests.waiting import eventually


def children_like(text: str, of: psutil.Process | None = None) -> list[psutil.Process]:
    """Children of a process (this one) that run, and have `text` in their command line."""
    found = []
    for child in (of or psutil.Process()).children():
        with suppress(psutil.Error):  # it has ended, and may be a zombie
            if text in " ".join(child.cmdline()):
                found.append(child)
    return found


def freeze(process: int) -> None:
    """Stop a process, and wait until all its threads stand still: on a busy machine they may go on for a while."""
    os.kill(process, signal.SIGSTOP)
    eventually(lambda: _thread_states(process) == {"T"}, 10.0, what=f"process {process} stopped")


def _thread_states(process: int) -> set[str]:
    states = set()
    for stat in Path(f"/proc/{process}/task").glob("*/stat"):
        with suppress(FileNotFoundError):  # the thread has ended
            states.add(stat.read_text().rpartition(")")[2].split()[0])
    return states
