"""Runs a frame that was set aside through its model for `edge-daemon replay`, in a process of its own.

Reads the path of the frame, and that of another model if there is one, from its arguments; writes what was found, or
`error` and why, to standard output as JSON.
"""

import sys
from pathlib import Path

import msgspec

from edge_daemon.errors import EdgeError
from edge_daemon.messages.findings import Found
from edge_daemon.messages.outcomes import Timing
from edge_daemon.models.memory import limit_memory
from edge_daemon.models.model import Model
from edge_daemon.worker.job import Job, work
from edge_daemon.worker.quarantine import read


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the model makes of the frame, or (`error`) why it makes nothing of it."""

    found: Found | None = None
    timing_ms: Timing | None = None
    error: str | None = None


def replay(file: Path, model: str | None = None) -> Answer:
    """Look at the frame with the model that failed on it, or with the one at the path `model`.

    Raises:
        EdgeError: the frame cannot be read, or the model not loaded.
    """
    about, picture = read(file)
    settings = about.model if model is None else msgspec.structs.replace(about.model, path=model)
    limit_memory(provider.name for provider in settings.providers)
    loaded = Model(settings)
    job = Job(about.frame, memoryview(picture))
    job.decode(loaded)
    if not job.failed:
        work(loaded, [job], settings, lambda: None)
    if job.failed:
        return Answer(error=job.error)
    return Answer(found=job.report(loaded), timing_ms=job.timing)


def main() -> None:
    """Answer the one request."""
    file, *model = sys.argv[1:]
    try:
        answer = replay(Path(file), *model)
    except EdgeError as error:
        answer = Answer(error=str(error))
    sys.stdout.buffer.write(msgspec.json.encode(answer))


if __name__ == "__main__":
    main()
