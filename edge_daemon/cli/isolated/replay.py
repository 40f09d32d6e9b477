"""Runs a quarantined frame through its model for `edge-daemon replay`."""

from pathlib import Path

import msgspec

from edge_daemon.cli.replay import Answer, Request
from edge_daemon.errors import ModelError
from edge_daemon.models.memory import limit_memory
from edge_daemon.models.model import Model
from edge_daemon.worker.job import Job, work
from edge_daemon.worker.quarantine import read


def run(request: Request) -> Answer:
    """Run the frame through the model that failed on it, or through another one.

    Raises:
        EdgeError: the frame cannot be read, the model cannot be loaded, or it fails (again).
    """
    about, picture = read(Path(request.file))
    settings = about.model if request.model is None else msgspec.structs.replace(about.model, path=request.model)
    limit_memory(provider.name for provider in settings.providers)
    loaded = Model(settings)
    job = Job(about.frame, memoryview(picture))
    job.decode(loaded)
    if not job.failed:
        work(loaded, [job], settings, lambda: None)
    if job.failed:
        raise ModelError(job.error)
    return Answer(found=job.report(), timing_ms=job.timing)
