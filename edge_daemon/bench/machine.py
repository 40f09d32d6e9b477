"""A model of the daemon on a machine: measurements in, capacity out. Pure arithmetic.

Two limits bound the frames that are processed: each worker has one at a time, and all processes share the cores.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edge_daemon.settings import Codec

SPARE = 0.05
"""Share of the machine that cameras leave free, so that frames do not wait long for one another."""
NEAR = 0.03
"""Arrangements that differ by less than this share are equal; the one with fewer processes is preferred."""


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Cost of one frame in the model, preprocessing and postprocessing included, with `workers` of `threads` each at
    work.

    `service_ms` is the time in a worker, `cpu_ms` the CPU time of all its threads.
    """

    workers: int
    threads: int
    service_ms: float
    cpu_ms: float

    @property
    def held_ms(self) -> float:
        """CPU milliseconds that others cannot use while all cores are busy: threads that share a frame all wait when
        one of them has to share its core.
        """
        return self.cpu_ms if self.threads == 1 else max(self.cpu_ms, self.threads * self.service_ms)


@dataclass(frozen=True, kw_only=True)
class Transport:
    """Cost of a frame besides decoding and the model: `cpu_ms` of all processes, and `gap_ms` between two frames of a
    worker. `used` is the share of the cores that is busy when everything waits for them.
    """

    cpu_ms: float
    gap_ms: float
    used: float


@dataclass(frozen=True, kw_only=True)
class Live:
    """Differences with live cameras: `cpu_ms` and `gap_ms` added to those of files, and their own share of cores
    `used`.
    """

    cpu_ms: float
    gap_ms: float
    used: float


@dataclass(frozen=True)
class Arrangement:
    """Choices for a model: number of workers, threads of each, and encoding of frames."""

    workers: int
    threads: int
    codec: Codec


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Measurements: `decode_ms` per frame delivered by a camera (`camera_fps` per second), and `convert_ms` per
    processed frame to make the pixels for the model.
    """

    cores: float
    camera_fps: float
    decode_ms: float
    convert_ms: float
    transports: Mapping[Codec, Transport]
    speeds: Sequence[Speed]
    live: Live

    def lossless_fps(self, choice: Arrangement) -> float:
        """Frames per second of a source that waits."""
        spent_ms = 1e3 * self.cores * self.transports[choice.codec].used
        return min(self._workers_fps(choice), spent_ms / self.frame_ms(choice))

    def frame_ms(self, choice: Arrangement) -> float:
        """CPU milliseconds of all processes per processed frame."""
        return self.decode_ms + self._looked_at_ms(choice)

    def live_fps(self, choice: Arrangement, cameras: int) -> float:
        """Frames per second that are processed with this number of cameras; all their frames are decoded."""
        captured_fps = cameras * self.camera_fps
        left_ms = max(0.0, 1e3 * self.cores * self.live.used - captured_fps * self.decode_ms)
        cores_fps = left_ms / (self._looked_at_ms(choice) + self.live.cpu_ms)
        return min(captured_fps, self._workers_fps(choice, self.live.gap_ms), cores_fps)

    def cameras(self, choice: Arrangement, fps: float) -> float:
        """Number of cameras that can be processed at `fps` each, up to their own rate; not rounded."""
        fps = min(fps, self.camera_fps)
        each_ms = self.camera_fps * self.decode_ms + fps * (self._looked_at_ms(choice) + self.live.cpu_ms)
        spent_ms = 1e3 * self.cores * self.live.used
        return (1 - SPARE) * min(self._workers_fps(choice, self.live.gap_ms) / fps, spent_ms / each_ms)

    def choices(self) -> Iterator[Arrangement]:
        """All reasonable arrangements: at most as many busy threads as cores."""
        for threads in sorted({speed.threads for speed in self.speeds}):
            for workers in range(1, max(1, int(self.cores) // threads) + 1):
                for codec in self.transports:
                    yield Arrangement(workers, threads, codec)

    def best(self, fps: float) -> Arrangement:
        """The arrangement for most cameras; of equal ones, that with fewest processes."""
        counted = {choice: self.cameras(choice, fps) for choice in self.choices()}
        enough = (1 - NEAR) * max(counted.values())
        good = [choice for choice, count in counted.items() if count >= enough]
        return min(good, key=lambda choice: (choice.workers, choice.threads))

    def speed(self, workers: int, threads: int) -> Speed:
        """The measured speed, or an interpolation between two measurements with as many threads."""
        known = sorted((speed for speed in self.speeds if speed.threads == threads), key=lambda speed: speed.workers)
        below = [speed for speed in known if speed.workers <= workers][-1:] or known[:1]
        above = [speed for speed in known if speed.workers >= workers][:1] or known[-1:]
        return between(below[0], above[0], workers)

    def _workers_fps(self, choice: Arrangement, more_ms: float = 0.0) -> float:
        """Frames per second of workers that get the next frame after a gap."""
        speed = self.speed(choice.workers, choice.threads)
        return 1e3 * choice.workers / (speed.service_ms + self.transports[choice.codec].gap_ms + more_ms)

    def _looked_at_ms(self, choice: Arrangement) -> float:
        """CPU milliseconds of a processed frame, without decoding."""
        speed = self.speed(choice.workers, choice.threads)
        return self.convert_ms + self.transports[choice.codec].cpu_ms + speed.held_ms


def between(below: Speed, above: Speed, workers: int) -> Speed:
    """The speed with this number of workers, interpolated between two measurements; never beyond them."""
    span = above.workers - below.workers
    share = (workers - below.workers) / span if span else 0.0
    return Speed(
        workers=workers,
        threads=below.threads,
        service_ms=below.service_ms + share * (above.service_ms - below.service_ms),
        cpu_ms=below.cpu_ms + share * (above.cpu_ms - below.cpu_ms),
    )
