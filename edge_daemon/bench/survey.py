"""Measures a machine: what decoding costs, how fast the model is in some arrangements, and what all the rest takes."""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from edge_daemon.bench.machine import Machine, Speed, Transport
from edge_daemon.bench.measuring import Task
from edge_daemon.bench.team import measure
from edge_daemon.bench.trial import attempt
from edge_daemon.settings import Codec, ModelSettings

CODECS: tuple[Codec, ...] = ("auto", "jpeg")


def survey(
    source: str, settings: ModelSettings, written: Mapping[str, Any], seconds: float, say: Callable[[str], None]
) -> Machine:
    """All that a `Machine` is made of, for a video and a model that is `written` so in a configuration; each
    measurement takes `seconds`. `say` is told what is under way.

    Raises:
        StartError: the video or the model cannot be used.
    """
    cores = usable_cores()
    say("decoding")
    decoding = measure(Task(source=source, seconds=seconds), cores)
    speeds: dict[tuple[int, int], Speed] = {}
    for workers, threads in arrangements(cores):
        say(f"the model, {workers} at once with {threads} thread{'s'[: threads > 1]}")
        model = msgspec.structs.replace(settings, threads=threads)
        took = measure(Task(source=source, model=model, seconds=seconds), workers)
        speeds[workers, threads] = Speed(workers=workers, threads=threads, service_ms=took.wall_ms, cpu_ms=took.cpu_ms)
    known_ms = decoding.decode_ms + decoding.convert_ms + speeds[cores, 1].cpu_ms
    transports: dict[Codec, Transport] = {}
    for codec in CODECS:
        say(f"the daemon, frames as {codec}")
        one, all_of_them = (
            attempt({"c": {"source": source}}, {**written, "workers": workers, "threads": 1}, 2 * seconds, codec=codec)
            for workers in (1, cores)
        )
        transports[codec] = Transport(
            cpu_ms=max(0.0, all_of_them.cpu_ms - known_ms),
            gap_ms=max(0.0, 1e3 / one.fps - speeds[1, 1].service_ms),
            used=min(1.0, all_of_them.fps * all_of_them.cpu_ms / 1e3 / cores),
        )
    return Machine(
        cores=cores,
        camera_fps=decoding.camera_fps,
        decode_ms=decoding.decode_ms,
        convert_ms=decoding.convert_ms,
        transports=transports,
        speeds=list(speeds.values()),
    )


def arrangements(cores: int) -> Iterator[tuple[int, int]]:
    """Workers and threads to measure: one worker alone, and as many as there are cores for."""
    threads = 1
    while threads <= cores:
        yield from {(1, threads): None, (cores // threads, threads): None}
        threads *= 2


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))
