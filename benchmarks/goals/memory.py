"""Memory (PSS) of the whole daemon, and what each further process adds."""

from pathlib import Path

from benchmarks.contenders.gauge import pss
from benchmarks.contenders.subject import Subject
from benchmarks.daemon import running
from benchmarks.goals.live import WARM_S, config, played
from benchmarks.goals.start import free_address

FPS = 10.0


def measure(subject: Subject, folder: Path, seconds: float) -> dict[str, float]:
    """MB after some seconds of work; `seconds` is how long the work lasts in all."""
    camera = played(subject, folder / "memory.mkv", FPS, seconds)
    each_s = seconds / 4

    def mb(cameras: int, workers: int, web: str | None = None) -> float:
        with running(config(camera, cameras, workers, web), "result/") as daemon:
            next(daemon.messages())
            daemon.heard(WARM_S / 2 + each_s)
            return pss(daemon.process)

    plain = mb(1, 2)
    return {
        "memory: 1 camera, 2 workers, MB": plain,
        "memory: with web, MB": mb(1, 2, free_address()),
        "memory: a further worker, MB": mb(1, 3) - plain,
        "memory: a further camera, MB": mb(2, 2) - plain,
    }
