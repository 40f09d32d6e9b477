"""The daemon itself on a video for a few seconds: how fast it is, and what all its processes spend."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from edge_daemon.client import Message, Subscriber
from edge_daemon.errors import StartError
from edge_daemon.wire import End, Result

PATIENCE_S = 60.0
"""From one result to the next, and to the first: models may be large."""
EVERY_S = 0.25


@dataclass(frozen=True)
class Trial:
    """Frames a second, and CPU milliseconds of all processes for each."""

    fps: float
    cpu_ms: float


class _Sample(NamedTuple):
    """How it stood at a moment: results so far, and CPU seconds."""

    at_s: float
    frames: int
    cpu_s: float


def attempt(cameras: Mapping[str, Any], model: Mapping[str, Any], seconds: float, **frames: Any) -> Trial:
    """Run it with these cameras, which are files, and this model, for `seconds` or until they have been read.

    Raises:
        StartError: it did not get as far as two samples.
    """
    with running({"cameras": cameras, "models": {"m": model}, "frames": frames}) as (process, messages):
        samples = list(_samples(process, messages, seconds))
    if len(samples) < 2:
        raise StartError("the daemon gave too few results to judge by: is the video long enough?")
    first, last = samples[0], samples[-1]
    count = last.frames - first.frames
    return Trial(count / (last.at_s - first.at_s), 1e3 * (last.cpu_s - first.cpu_s) / count)


@contextmanager
def running(config: Mapping[str, Any]) -> Iterator[tuple[psutil.Process, Iterator[Message]]]:
    """A daemon with this configuration, and the results that it publishes; files wait until we listen.

    Raises:
        StartError: nothing comes of it.
    """
    with tempfile.TemporaryDirectory(prefix="edge-daemon-") as name:
        folder = Path(name)
        address = f"ipc://{folder}/publish"
        publish = {"bind": [address], "wait_for": 1}
        (folder / "config.yaml").write_text(json.dumps({**config, "publish": publish}))
        command = [sys.executable, "-P", "-m", "edge_daemon", "run", str(folder / "config.yaml")]
        with (folder / "log").open("w+") as log, Subscriber(address, timeout_s=1) as subscriber:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                yield psutil.Process(process.pid), _heard(process, subscriber)
            except TimeoutError:
                log.seek(0)
                raise StartError(f"the daemon gives no results; it says:\n{log.read().strip()}") from None
            finally:
                process.terminate()
                process.wait()


def _heard(process: subprocess.Popen[bytes], subscriber: Subscriber) -> Iterator[Message]:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            yield subscriber.receive()
            until = time.monotonic() + PATIENCE_S
        except TimeoutError:
            if process.poll() is not None or time.monotonic() > until:
                raise


def _samples(process: psutil.Process, messages: Iterator[Message], seconds: float) -> Iterator[_Sample]:
    """From the first result on, every so often, until the source has ended."""
    frames, due, until = 0, 0.0, float("inf")
    for message in messages:
        now = time.monotonic()
        if isinstance(message, End) or now > until:
            return
        if isinstance(message, Result):
            frames, until = frames + 1, min(until, now + seconds)
        if now >= due and (cpu_s := _cpu_s(process)):
            due = now + EVERY_S
            yield _Sample(now, frames, cpu_s)


def _cpu_s(process: psutil.Process) -> float | None:
    """CPU seconds of all processes; None once some have gone."""
    try:
        return sum(sum(one.cpu_times()[:2]) for one in (process, *process.children(recursive=True)))
    except psutil.Error:
        return None
