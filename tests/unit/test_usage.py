"""CPU and memory are measured in turn, of real processes."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass

import psutil
import pytest

from edge_daemon.supervisor import usage
from edge_daemon.supervisor.usage import Survey, Usage


@dataclass
class Process:
    usage: Usage | None


def test_cpu_and_memory_are_those_that_the_kernel_counts() -> None:
    ours = Usage(os.getpid())
    ours.measure_cpu(time.monotonic())
    began = time.process_time()
    while time.process_time() - began < 0.3:
        pass
    now = time.monotonic() + 10.0  # as if ten seconds had passed since the first
    ours.measure_cpu(now)
    assert 0.02 <= ours.cpu <= 0.1
    ours.measure_memory(now)
    assert ours.memory_bytes == pytest.approx(psutil.Process().memory_full_info().pss, rel=0.2)


def test_a_process_that_is_gone_keeps_its_last_figures() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        theirs = Usage(process.pid)
        theirs.measure_memory(1.0)
        process.communicate(b"\n")
    measured = theirs.memory_bytes
    theirs.measure_cpu(2.0)
    theirs.measure_memory(2.0)
    assert theirs.memory_bytes == measured > 0
    assert theirs.cpu == 0.0


def test_a_process_whose_memory_is_limited_is_measured_more_often() -> None:
    free, limited = Usage(1), Usage(1, limited=True)
    for one in (free, limited):
        one.memory_at = 100.0
    assert [one.is_memory_due(110.0) for one in (free, limited)] == [False, True]
    assert [one.is_memory_due(131.0) for one in (free, limited)] == [True, True]


def test_many_processes_are_measured_in_turn_and_each_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "MOST", 4)
    monkeypatch.setattr(usage, "MOST_MEMORY", 2)
    processes = [Process(Usage(os.getpid()) if number % 5 else None) for number in range(10)]
    survey, never = Survey(), float("-inf")
    for rounds in range(1, 10):
        survey.measure(processes)
        measured = [one for one in processes if one.usage and one.usage.memory_at > never]
        assert len(measured) <= 2 * rounds
    assert len(measured) == 8
    assert all(one.usage.memory_bytes for one in processes if one.usage)
