"""Watches a process and all that it started: frames a second, CPU, memory and latency."""

import time
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import psutil

EVERY = 16
"""Results from one reading to the next. The first and the last so many are left out: queues fill and drain then."""
PSS_AT = 4 * EVERY


class Run(NamedTuple):
    """What one contender did; latency is from a frame's reading to its result, where that can be told."""

    fps: float
    cpu_ms: float
    pss_mb: float
    p50_ms: float | None
    p99_ms: float | None


def gauge(process: psutil.Process, latencies_ms: Iterable[float | None]) -> Run:
    """Watch a process while its results come, each told by its latency, until it has no more."""
    readings: list[tuple[int, float, float]] = []
    told: list[float] = []
    pss_mb = 0.0
    for number, latency_ms in enumerate(latencies_ms, 1):
        if latency_ms is not None:
            told.append(latency_ms)
        if number % EVERY == 0:
            readings.append((number, time.perf_counter(), cpu_s(process)))
        if number == PSS_AT:
            pss_mb = pss(process)
    (first, began_s, cpu_began_s), (last, ended_s, cpu_ended_s) = readings[0], readings[-2]
    count = last - first
    p50, p99 = np.percentile(told[first:last], [50, 99]) if told else (None, None)
    return Run(count / (ended_s - began_s), 1e3 * (cpu_ended_s - cpu_began_s) / count, pss_mb, p50, p99)


def family(process: psutil.Process) -> list[psutil.Process]:
    """A process and all that it started."""
    return [process, *process.children(recursive=True)]


def cpu_s(process: psutil.Process) -> float:
    """CPU seconds of it and all that it started."""
    return sum(sum(one.cpu_times()[:2]) for one in family(process))


def pss(process: psutil.Process) -> float:
    """Proportional memory in MB of it and all that it started."""
    return sum(one.memory_full_info().pss for one in family(process)) / 1e6
