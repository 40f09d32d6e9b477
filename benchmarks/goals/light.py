"""Large frames and a light model, where all that is not the model weighs most."""

from pathlib import Path

from benchmarks.contenders.__main__ import limit_of
from benchmarks.contenders.ours import run
from benchmarks.contenders.subject import Subject
from benchmarks.goals.live import played
from edge_daemon.bench.survey import usable_cores

FPS = 30.0


def measure(subject: Subject, folder: Path, seconds: float) -> dict[str, float]:
    """Frames a second, as a share of the limit, over the clip again and again."""
    clip = played(subject, folder / "light.mkv", FPS, seconds)
    return {"light model: / limit": run(clip, usable_cores(), 1, "auto").fps / limit_of(clip).fps}
