"""Limits of memory for a process that runs a model."""

import ctypes
import resource
from collections.abc import Iterable
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_HOST_ONLY = {"cpu", "xnnpack"}
"""Providers that map no device memory, which RLIMIT_AS would count too."""


def limit_memory(providers: Iterable[str]) -> None:
    """Limit this process to the memory that is free now.

    An allocation of a terabyte then fails in the model's own process instead of starving others.
    """
    if not _HOST_ONLY.issuperset(providers):
        return
    fields = dict(line.split(":") for line in _MEMINFO.read_text().splitlines())
    available = int(fields["MemAvailable"].split()[0]) * 1024
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = available if hard == resource.RLIM_INFINITY else min(available, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def give_back() -> None:
    """Return memory that was needed only while loading to the system."""
    ctypes.CDLL(None).malloc_trim(0)
