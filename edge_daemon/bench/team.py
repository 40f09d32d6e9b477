"""Runs the same measurement in several processes at once."""

import os
import signal
import statistics
import subprocess
import sys
import threading
from collections.abc import Sequence

import msgspec

from edge_daemon.bench.measuring import Task, Took
from edge_daemon.errors import StartError

LIMIT_S = 120.0
"""Limit for loading a model, and for measuring it; beyond it the process hangs or the model is too slow."""
ALONE = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_LOG_LEVEL": "SILENT",
}

NUMBERS = [name for name in Took.__struct_fields__ if name != "error"]


def measure(task: Task, processes: int) -> Took:
    """The mean result of this number of processes at the task.

    Raises:
        StartError: the task cannot be done, took too long, or crashed its process.
    """
    command = [sys.executable, "-P", "-m", "edge_daemon.bench.measuring"]
    pipe = subprocess.PIPE
    members = [subprocess.Popen(command, stdin=pipe, stdout=pipe, env=os.environ | ALONE) for _ in range(processes)]
    hung = threading.Timer(LIMIT_S, _kill, [members])
    hung.start()
    try:
        _tell(members, msgspec.json.encode(task) + b"\n")
        ready = [_line(member, task) for member in members]
        _raise_first(ready)
        _tell(members, b"\n")
        done = [_line(member, task) for member in members]
    finally:
        hung.cancel()
        _kill(members)
        for member in members:
            member.communicate()
    _raise_first(done)
    means = {name: statistics.fmean(getattr(one, name) for one in done) for name in NUMBERS}
    return msgspec.convert(means, Took)


def _tell(members: Sequence[subprocess.Popen[bytes]], line: bytes) -> None:
    for member in members:
        assert member.stdin
        member.stdin.write(line)
        member.stdin.flush()


def _line(member: subprocess.Popen[bytes], task: Task) -> Took:
    """The next answer of a process; empty if it only reports that it is ready."""
    assert member.stdout
    line = member.stdout.readline()
    if line:
        return msgspec.json.decode(line, type=Took) if line.strip() else Took()
    code = member.wait()
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    what = f"model {task.model.path}" if task.model else task.source
    raise StartError(f"{what}: it was not measured within {LIMIT_S:g} s, or brought down the process ({how})")


def _raise_first(answers: Sequence[Took]) -> None:
    for answer in answers:
        if answer.error:
            raise StartError(answer.error)


def _kill(members: Sequence[subprocess.Popen[bytes]]) -> None:
    for member in members:
        member.kill()
