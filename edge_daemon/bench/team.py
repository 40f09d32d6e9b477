"""Runs the same measurement in several processes at once."""

import statistics
from contextlib import ExitStack

import msgspec

from edge_daemon.errors import EdgeError, StartError
from edge_daemon.runtime.isolated import Call
from edge_daemon.settings import ModelSettings

LIMIT_S = 120.0
"""For loading a model and measuring it."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Decode a video repeatedly; or, with a model, run it on the video's pictures."""

    source: str
    model: ModelSettings | None = None
    seconds: float


class Took(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds per frame: to decode it, and the frames in a second of the video; or to convert it into the pixels
    that the model receives, and then `wall_ms` on the clock and `cpu_ms` of all threads in the model.
    """

    wall_ms: float = 0.0
    cpu_ms: float = 0.0
    decode_ms: float = 0.0
    convert_ms: float = 0.0
    camera_fps: float = 0.0


def measure(task: Task, processes: int) -> Took:
    """The mean result of this number of processes at the task.

    Raises:
        StartError: the task cannot be done, took too long, or crashed its process.
    """
    with ExitStack() as stack:
        members = [
            stack.enter_context(Call("edge_daemon.bench.isolated", task, Took, LIMIT_S)) for _ in range(processes)
        ]
        try:
            for member in members:
                member.wait_until_ready()
            for member in members:
                member.go()
            done = [member.answer() for member in members]
        except EdgeError as error:
            raise StartError(f"cannot measure the {'model' if task.model else 'video'}: {error}") from error
    means = {name: statistics.fmean(getattr(one, name) for one in done) for name in Took.__struct_fields__}
    return msgspec.convert(means, Took)
