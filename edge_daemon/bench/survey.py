"""Measures a machine: decoding, the model in several arrangements, and everything else."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from math import ceil
from typing import Any

import msgspec

from edge_daemon.bench.machine import Arrangement, Live, Machine, Speed, Transport
from edge_daemon.bench.team import Task, Took, measure
from edge_daemon.bench.trial import Trial, attempt
from edge_daemon.settings import Codec, ModelSettings

CODECS: tuple[Codec, ...] = ("auto", "jpeg")
TOO_MANY, MOST_CAMERAS = 1.15, 24
ALL = 0.95
"""If more than this share of all frames is processed, the cameras were not too many."""
WARM_S = 1.5


def survey(
    source: str, settings: ModelSettings, written: Mapping[str, Any], seconds: float, report: Callable[[str], None]
) -> Machine:
    """Measure a `Machine` with a video and a model, which is `written` like this in a configuration; each measurement
    takes `seconds`. `report` is called with the current step.

    Raises:
        StartError: the video or the model cannot be used.
    """
    cores = usable_cores()
    report("decoding")
    decoding = measure(Task(source=source, seconds=seconds), cores)
    took: dict[tuple[int, int], Took] = {}
    for workers, threads in arrangements(cores):
        report(f"the model, {workers} at once with {threads} thread{'s'[: threads > 1]}")
        model = msgspec.structs.replace(settings, threads=threads)
        took[workers, threads] = measure(Task(source=source, model=model, seconds=seconds), workers)
    convert_ms = took[cores, 1].convert_ms
    known_ms = decoding.decode_ms + convert_ms + took[cores, 1].cpu_ms
    transports: dict[Codec, Transport] = {}
    for codec in CODECS:
        report(f"the daemon on a file, frames as {codec}")
        file = {"c": {"source": source}}
        one, all_of_them = (
            attempt(file, {**written, "workers": workers, "threads": 1}, codec, 2 * seconds) for workers in (1, cores)
        )
        transports[codec] = Transport(
            cpu_ms=max(0.0, all_of_them.cpu_ms - known_ms),
            gap_ms=max(0.0, 1e3 / one.fps - took[1, 1].wall_ms),
            used=min(1.0, all_of_them.used / cores),
        )
    machine = Machine(
        cores=cores,
        camera_fps=decoding.camera_fps,
        decode_ms=decoding.decode_ms,
        convert_ms=convert_ms,
        transports=transports,
        speeds=[
            Speed(workers=workers, threads=threads, service_ms=one.wall_ms, cpu_ms=one.cpu_ms)
            for (workers, threads), one in took.items()
        ],
        live=Live(cpu_ms=0.0, gap_ms=0.0, used=transports["auto"].used),
    )
    report("the daemon on more live cameras than it can process")
    return replace(machine, live=_live(machine, source, written, seconds))


def _live(machine: Machine, source: str, written: Mapping[str, Any], seconds: float) -> Live:
    """The differences with live cameras, measured with slightly too many, or with as many as are possible."""

    def looked_at(workers: int) -> tuple[float, Trial]:
        """Frames per second of all cameras, and the result of a trial with them."""
        lossless_fps = machine.lossless_fps(Arrangement(workers, 1, "auto"))
        count = min(MOST_CAMERAS, max(2, ceil(TOO_MANY * lossless_fps / machine.camera_fps)))
        cameras = {f"c{number}": {"source": source, "delivery": "live"} for number in range(count)}
        model = {**written, "workers": workers, "threads": 1}
        return count * machine.camera_fps, attempt(cameras, model, "auto", 2 * seconds, WARM_S)

    cores = int(machine.cores)
    captured_fps, trial = looked_at(cores)
    file_ms = machine.frame_ms(Arrangement(cores, 1, "auto"))
    skipped_ms = (captured_fps / trial.fps - 1) * machine.decode_ms
    used = machine.live.used if trial.fps > ALL * captured_fps else trial.used / cores
    captured_fps, one = looked_at(1)
    gap_ms = 0.0
    if one.fps < ALL * captured_fps:
        gap_ms = max(0.0, 1e3 / one.fps - 1e3 / machine.lossless_fps(Arrangement(1, 1, "auto")))
    return Live(cpu_ms=max(0.0, trial.cpu_ms - skipped_ms - file_ms), gap_ms=gap_ms, used=min(1.0, used))


def arrangements(cores: int) -> Iterator[tuple[int, int]]:
    """Workers and threads to measure: a single worker, and as many as there are cores for."""
    threads = 1
    while threads <= cores:
        yield from {(1, threads): None, (cores // threads, threads): None}
        threads *= 2


def usable_cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0))
