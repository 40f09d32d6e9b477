"""`edge-daemon replay`: run a quarantined frame again."""

import sys
from pathlib import Path

import msgspec

from edge_daemon.cli.isolated import replay as isolated_replay
from edge_daemon.cli.isolated.replay import Answer, Request
from edge_daemon.errors import EdgeError
from edge_daemon.messages.frames import Frame
from edge_daemon.runtime import isolated
from edge_daemon.runtime.isolated import DiedError, TimedOutError
from edge_daemon.worker.quarantine import read


def replay(file: Path, model: Path | None, limit_s: float) -> None:
    """Print the facts about a frame, run it again, and print the findings.

    Raises:
        EdgeError: the model still fails on it, hangs or crashes; or the frame cannot be read.
    """
    about, _ = read(file)
    frame = about.frame
    title = f"{frame.title}, {frame.captured_at}" if isinstance(frame, Frame) else f"{frame.title}, {about.at}"
    print(f"{title}: {about.reason}: {about.error}", file=sys.stderr)
    answer = ask(Request(file=str(file), model=None if model is None else str(model)), limit_s)
    print(msgspec.json.format(msgspec.json.encode(answer)).decode())


def ask(request: Request, limit_s: float) -> Answer:
    """The findings, from another process, since the model may crash again.

    Raises:
        EdgeError: the model still fails on it, hangs or crashes.
    """
    try:
        return isolated.call(isolated_replay.replay, request, limit_s=limit_s)
    except TimedOutError:
        raise EdgeError(f"it still hangs: nothing after {limit_s:g} s") from None
    except DiedError as error:
        if error.by_signal:
            raise EdgeError(f"it still kills the process that runs it ({error})") from None
        raise EdgeError(f"the process that ran it failed ({error}); see above") from None
    except EdgeError as error:
        raise EdgeError(f"it still fails: {error}") from None
