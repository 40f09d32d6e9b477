"""CPU and memory of processes, from /proc."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
MEMORY_S, LIMITED_S = 30.0, 5.0
"""Intervals at which memory is measured: usually, and where it is limited. The kernel walks all pages of a process."""
MOST, MOST_MEMORY = 200, 20
"""Number of processes that are measured at once, so that many of them delay nothing."""


class Usage:
    """Cores (`cpu`) and bytes of memory (`memory_bytes`, PSS) that the process `pid` uses."""

    def __init__(self, pid: int, *, limited: bool = False) -> None:
        self._proc = Path("/proc", str(pid))
        self._memory_s = LIMITED_S if limited else MEMORY_S
        self._measured: tuple[float, float] | None = None  # time and CPU seconds
        self.memory_at = float("-inf")
        self.cpu, self.memory_bytes = 0.0, 0

    def measure_cpu(self, now: float) -> None:
        """Measure the CPU time since the last call."""
        cpu_s = _cpu_s(self._proc)
        if self._measured and cpu_s is not None:
            at, before_s = self._measured
            self.cpu = (cpu_s - before_s) / (now - at) if now > at else self.cpu
        self._measured = None if cpu_s is None else (now, cpu_s)

    def is_memory_due(self, now: float) -> bool:
        """True if memory has not been measured for long."""
        return now - self.memory_at > self._memory_s

    def measure_memory(self, now: float) -> None:
        """Measure memory."""
        self.memory_at = now
        self.memory_bytes = _proportional_bytes(self._proc) or self.memory_bytes


class Measured(Protocol):
    """Something that is measured while it has a process."""

    usage: Usage | None


class Survey:
    """Measures processes in turn: up to `MOST` at a time, each as often as that allows."""

    def __init__(self) -> None:
        self._next = 0

    def measure(self, processes: Sequence[Measured]) -> None:
        """Measure the processes that are due; called once a second."""
        now = time.monotonic()
        self._next = 0 if self._next >= len(processes) else self._next
        usages = [process.usage for process in processes[self._next : self._next + MOST]]
        self._next += MOST
        running = [usage for usage in usages if usage]
        for usage in running:
            usage.measure_cpu(now)
        due = sorted((usage for usage in running if usage.is_memory_due(now)), key=lambda usage: usage.memory_at)
        for usage in due[:MOST_MEMORY]:
            usage.measure_memory(now)


def _cpu_s(proc: Path) -> float | None:
    """CPU time that a process has used; None if it is gone."""
    try:
        fields = (proc / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def _proportional_bytes(proc: Path) -> int:
    """PSS: memory of a process, where pages that it shares are divided among those who share them."""
    try:
        lines = (proc / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
