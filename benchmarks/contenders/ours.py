"""The daemon over the clip, as it would be configured."""

from benchmarks.contenders.gauge import Run, gauge
from benchmarks.contenders.subject import Subject
from benchmarks.daemon import running


def run(subject: Subject, workers: int, threads: int, codec: str, *, watched: bool = False) -> Run:
    """All frames; `watched`, each is drawn into and encoded, and somebody takes it."""
    config = {
        "cameras": {"clip": {"source": subject.clip}},
        "models": {"m": {"path": subject.model, "workers": workers, "threads": threads}},
        "frames": {"codec": codec},
    }
    kind = "frame" if watched else "result"
    with running(config, "result/", f"{kind}/") as daemon:
        told = (message["timing_ms"]["total"] for message in daemon.messages() if message["type"] == kind)
        return gauge(daemon.process, told)
