"""How much memory a process that runs a model may take, and keeps."""

import ctypes
import resource
from collections.abc import Iterable
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_HOST_ONLY = {"cpu", "xnnpack"}
"""Providers that map no device's memory, which would count too."""


def limit_memory(providers: Iterable[str]) -> None:
    """Let this process take what is free now, and no more.

    A model that asks for a terabyte then fails by itself, and does not push others out of memory.
    """
    if not _HOST_ONLY.issuperset(providers):
        return
    fields = dict(line.split(":") for line in _MEMINFO.read_text().splitlines())
    available = int(fields["MemAvailable"].split()[0]) * 1024
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = available if hard == resource.RLIM_INFINITY else min(available, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def give_back() -> None:
    """Return to the system what loading a model took for a while."""
    ctypes.CDLL(None).malloc_trim(0)
