"""Files as fast as they go: against the machine's limit, a plain loop, and the best that is installed beside us."""

from pathlib import Path

from benchmarks.contenders.__main__ import contenders, limit_of
from benchmarks.contenders.ours import run
from benchmarks.contenders.subject import Subject
from edge_daemon.bench.survey import usable_cores

BARE = "bare loop, default threads"


def measure(subject: Subject, folder: Path, seconds: float) -> dict[str, float]:
    """Ratios of frames a second, with a worker for each core; clips are read to their end, however long that takes."""
    costs = limit_of(subject)
    fps = run(subject, usable_cores(), 1, "auto").fps
    others = {name: contender(subject).fps for name, contender in contenders([], [])}
    peers = [other for name, other in others.items() if "thread" not in name]
    watched = run(subject, usable_cores(), 1, "auto", watched=True).fps
    return {
        "throughput: / limit": fps / costs.fps,
        "throughput: / bare loop": fps / others[BARE],
        **({"throughput: / best peer": fps / max(peers)} if peers else {}),
        "throughput: watched / limit with drawing and JPEG": watched / costs.watched_fps,
    }
