"""`edge-daemon replay`: a frame that was set aside, run again."""

import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from edge_daemon.cli.replaying import Answer
from edge_daemon.errors import EdgeError
from edge_daemon.messages.frames import Frame
from edge_daemon.worker.quarantine import read


def replay(file: Path, model: Path | None, limit_s: float) -> None:
    """Say what is known of the frame, run it again, and print what is found.

    Raises:
        EdgeError: the model still fails on it, hangs or brings its process down; or the frame cannot be read.
    """
    about, _ = read(file)
    frame = about.frame
    title = f"{frame.title}, {frame.captured_at}" if isinstance(frame, Frame) else f"{frame.title}, {about.at}"
    print(f"{title}: {about.reason}: {about.error}", file=sys.stderr)
    answer = ask(file, model, limit_s)
    if answer.error:
        raise EdgeError(f"it still fails: {answer.error}")
    print(msgspec.json.format(msgspec.json.encode({"found": answer.found, "timing_ms": answer.timing_ms})).decode())


def ask(file: Path, model: Path | None, limit_s: float) -> Answer:
    """What another process makes of it: this one is not to die of it."""
    command = [sys.executable, "-P", "-m", "edge_daemon.cli.replaying", str(file), *([str(model)] if model else [])]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        raise EdgeError(f"it still hangs: nothing after {limit_s:g} s") from None
    if done.returncode < 0:
        raise EdgeError(f"it still kills the process that runs it ({signal.Signals(-done.returncode).name})")
    if done.returncode:
        raise EdgeError(f"the process that ran it failed (exit code {done.returncode}); see above")
    return msgspec.json.decode(done.stdout, type=Answer)
