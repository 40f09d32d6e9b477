"""A model of the daemon on a machine: what was measured on it in, what it can do out. Pure arithmetic.

Two things bound the frames that are looked at: each worker has one at a time, and all processes share the cores.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edge_daemon.settings import Codec

SPARE = 0.05
"""The share of the machine that cameras leave free, so that frames do not wait for one another long."""
NEAR = 0.03
"""Of two arrangements that differ by less than this share, the one with fewer processes is better."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What one frame takes the model, before and after it too, while `workers` of `threads` each are at it.

    `service_ms` is how long it takes a worker, `cpu_ms` what all its threads spend.
    """

    workers: int
    threads: int
    service_ms: float
    cpu_ms: float

    @property
    def held_ms(self) -> float:
        """CPU milliseconds that are of use to nobody else where all cores are at work: of threads that share a frame
        all wait when one has to share its core.
        """
        return self.cpu_ms if self.threads == 1 else max(self.cpu_ms, self.threads * self.service_ms)


@dataclass(frozen=True, kw_only=True)
class Transport:
    """What a frame costs besides decoding and the model: `cpu_ms` of all processes, and `gap_ms` until a worker that is
    done with one has the next. `used` is the share of the cores that is at work when all wait for them.
    """

    cpu_ms: float
    gap_ms: float
    used: float


@dataclass(frozen=True, kw_only=True)
class Live:
    """What is otherwise with live cameras: `cpu_ms` and `gap_ms` more than with files, and another share of the cores
    that is `used`.
    """

    cpu_ms: float
    gap_ms: float
    used: float


@dataclass(frozen=True)
class Arrangement:
    """What can be chosen of a model: how many workers, of how many threads, and how frames travel to them."""

    workers: int
    threads: int
    codec: Codec


@dataclass(frozen=True, kw_only=True)
class Machine:
    """`decode_ms` is what each frame costs that a camera gives, `camera_fps` times a second; `convert_ms` what it costs
    to make of it the pixels that the model is given, if it is looked at.
    """

    cores: float
    camera_fps: float
    decode_ms: float
    convert_ms: float
    transports: Mapping[Codec, Transport]
    speeds: Sequence[Speed]
    live: Live

    def lossless_fps(self, choice: Arrangement) -> float:
        """Frames a second of a source that waits."""
        spent_ms = 1e3 * self.cores * self.transports[choice.codec].used
        return min(self._workers_fps(choice), spent_ms / self.frame_ms(choice))

    def frame_ms(self, choice: Arrangement) -> float:
        """CPU milliseconds of all processes for a frame that is looked at."""
        return self.decode_ms + self._looked_at_ms(choice)

    def live_fps(self, choice: Arrangement, cameras: int) -> float:
        """Frames a second of so many cameras that are looked at; decoded are all that they give."""
        captured_fps = cameras * self.camera_fps
        left_ms = max(0.0, 1e3 * self.cores * self.live.used - captured_fps * self.decode_ms)
        cores_fps = left_ms / (self._looked_at_ms(choice) + self.live.cpu_ms)
        return min(captured_fps, self._workers_fps(choice, self.live.gap_ms), cores_fps)

    def cameras(self, choice: Arrangement, fps: float) -> float:
        """How many cameras can be looked at `fps` times a second, as far as they give so many frames; not rounded."""
        fps = min(fps, self.camera_fps)
        each_ms = self.camera_fps * self.decode_ms + fps * (self._looked_at_ms(choice) + self.live.cpu_ms)
        spent_ms = 1e3 * self.cores * self.live.used
        return (1 - SPARE) * min(self._workers_fps(choice, self.live.gap_ms) / fps, spent_ms / each_ms)

    def choices(self) -> Iterator[Arrangement]:
        """All arrangements worth a thought: no more threads at work than there are cores."""
        for threads in sorted({speed.threads for speed in self.speeds}):
            for workers in range(1, max(1, int(self.cores) // threads) + 1):
                for codec in self.transports:
                    yield Arrangement(workers, threads, codec)

    def best(self, fps: float) -> Arrangement:
        """The arrangement for most cameras, and of those that are as good the one with fewest processes."""
        counted = {choice: self.cameras(choice, fps) for choice in self.choices()}
        enough = (1 - NEAR) * max(counted.values())
        good = [choice for choice, count in counted.items() if count >= enough]
        return min(good, key=lambda choice: (choice.workers, choice.threads))

    def speed(self, workers: int, threads: int) -> Speed:
        """What was measured, or what lies between two measurements with as many threads."""
        known = sorted((speed for speed in self.speeds if speed.threads == threads), key=lambda speed: speed.workers)
        below = [speed for speed in known if speed.workers <= workers][-1:] or known[:1]
        above = [speed for speed in known if speed.workers >= workers][:1] or known[-1:]
        return between(below[0], above[0], workers)

    def _workers_fps(self, choice: Arrangement, more_ms: float = 0.0) -> float:
        """Frames a second of workers that always have the next one, but for a gap."""
        speed = self.speed(choice.workers, choice.threads)
        return 1e3 * choice.workers / (speed.service_ms + self.transports[choice.codec].gap_ms + more_ms)

    def _looked_at_ms(self, choice: Arrangement) -> float:
        """CPU milliseconds of a frame that is decoded."""
        speed = self.speed(choice.workers, choice.threads)
        return self.convert_ms + self.transports[choice.codec].cpu_ms + speed.held_ms


def between(below: Speed, above: Speed, workers: int) -> Speed:
    """What so many workers would take, on the line through two measurements; never beyond them."""
    span = above.workers - below.workers
    share = (workers - below.workers) / span if span else 0.0
    return Speed(
        workers=workers,
        threads=below.threads,
        service_ms=below.service_ms + share * (above.service_ms - below.service_ms),
        cpu_ms=below.cpu_ms + share * (above.cpu_ms - below.cpu_ms),
    )
