"""Runs the same measurement in several processes at once."""

import statistics
from contextlib import ExitStack

import msgspec

from edge_daemon.bench import isolated as bench
from edge_daemon.bench.isolated import Task, Took
from edge_daemon.errors import EdgeError, StartError
from edge_daemon.runtime.isolated import Call, DiedError, TimedOutError

LIMIT_S = 120.0
"""Time limit for loading a model and measuring it: one that takes longer hangs, or is too slow for this machine."""
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OPENCV_LOG_LEVEL": "SILENT",
}


def measure(task: Task, processes: int) -> Took:
    """The mean result of this number of processes at the task.

    Raises:
        StartError: the task cannot be done, took too long, or crashed its process.
    """
    with ExitStack() as stack:
        members = [stack.enter_context(Call(bench.measure, task, LIMIT_S, ENVIRONMENT)) for _ in range(processes)]
        try:
            for member in members:
                member.wait_until_ready()
            for member in members:
                member.go()
            done = [member.answer() for member in members]
        except (TimedOutError, DiedError) as error:
            what = f"model {task.model.path}" if task.model else task.source
            raise StartError(
                f"{what}: it was not measured within {LIMIT_S:g} s, or brought down the process ({error})"
            ) from error
        except EdgeError as error:
            raise StartError(str(error)) from error
    means = {name: statistics.fmean(getattr(one, name) for one in done) for name in Took.__struct_fields__}
    return msgspec.convert(means, Took)
