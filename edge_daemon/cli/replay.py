"""`edge-daemon replay`: run a quarantined frame again."""

import sys
from pathlib import Path

import msgspec

from edge_daemon.errors import EdgeError
from edge_daemon.messages.findings import Found
from edge_daemon.messages.frames import Frame
from edge_daemon.messages.outcomes import Timing
from edge_daemon.runtime.isolated import call
from edge_daemon.worker.quarantine import read


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The frame's picture or JSON file, and the path of another model than the one that failed."""

    file: str
    model: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The findings of the model in the frame."""

    found: Found
    timing_ms: Timing


def replay(file: Path, model: Path | None, limit_s: float) -> None:
    """Print the facts about a frame, run it again, and print the findings.

    Raises:
        EdgeError: the model still fails on it, hangs or crashes; or the frame cannot be read.
    """
    about, _ = read(file)
    frame = about.frame
    title = f"{frame.title}, {frame.captured_at}" if isinstance(frame, Frame) else f"{frame.title}, {about.at}"
    print(f"{title}: {about.reason}: {about.error}", file=sys.stderr)
    request = Request(file=str(file), model=None if model is None else str(model))
    try:
        answer = call("edge_daemon.cli.isolated.replay", request, Answer, limit_s)
    except EdgeError as error:
        raise EdgeError(f"it still fails: {error}") from error
    print(msgspec.json.format(msgspec.json.encode(answer)).decode())
