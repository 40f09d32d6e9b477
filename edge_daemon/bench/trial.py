"""Runs the daemon itself on a video for a few seconds: throughput, and CPU time of all processes."""

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
from edge_daemon.messages.published import End, Result
from edge_daemon.settings import Codec

PATIENCE_S = 60.0
"""Longest time to the first result, and between two results: models may be large."""
EVERY_S = 0.1


@dataclass(frozen=True)
class Trial:
    """Processed frames per second, and cores used by all processes."""

    fps: float
    used: float

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds per processed frame."""
        return 1e3 * self.used / self.fps


class _Sample(NamedTuple):
    """Progress at one moment: results so far, and CPU seconds."""

    at_s: float
    frames: int
    cpu_s: float


def attempt(
    cameras: Mapping[str, Any], model: Mapping[str, Any], codec: Codec, seconds: float, warm_s: float = 0.0
) -> Trial:
    """Run the daemon with these cameras and this model, for `seconds` or until one source ends; `warm_s` after the
    first result are not counted.

    Raises:
        StartError: the video is too short, or no results arrive.
    """
    with running({"cameras": cameras, "models": {"m": model}, "frames": {"codec": codec}}) as (process, messages):
        samples = list(_samples(process, messages, warm_s, warm_s + seconds))
    if len(samples) < 4:
        raise StartError("the video ended before the measurement did: name a longer one")
    first, last = samples[1], samples[-2]  # queues fill before, and drain afterwards
    took_s = last.at_s - first.at_s
    return Trial((last.frames - first.frames) / took_s, (last.cpu_s - first.cpu_s) / took_s)


@contextmanager
def running(config: Mapping[str, Any]) -> Iterator[tuple[psutil.Process, Iterator[Message]]]:
    """A daemon with this configuration, and the results that it publishes; files wait for the subscriber.

    Raises:
        StartError: no results arrive.
    """
    with tempfile.TemporaryDirectory(prefix="edge-daemon-") as name:
        folder = Path(name)
        address = f"ipc://{folder}/publish"
        publish = {"bind": [address], "wait_for": 1}
        written = {**config, "publish": publish, "web": {"enabled": False}}
        (folder / "config.yaml").write_text(json.dumps(written))
        command = [sys.executable, "-P", "-m", "edge_daemon", "run", str(folder / "config.yaml")]
        with (folder / "log").open("w+") as log, Subscriber(address, timeout_s=1) as subscriber:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                yield psutil.Process(process.pid), _heard(process, subscriber)
            except TimeoutError:
                log.seek(0)
                raise StartError(f"no results from the daemon; its log:\n{log.read().strip()}") from None
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


def _samples(process: psutil.Process, messages: Iterator[Message], from_s: float, until_s: float) -> Iterator[_Sample]:
    """Progress at intervals, in a span of time after the first result or until a source has ended."""
    frames, due, until = 0, float("inf"), float("inf")
    for message in messages:
        now = time.monotonic()
        if isinstance(message, End) or now > until:
            return
        if isinstance(message, Result):
            if not frames:
                due, until = now + from_s, now + until_s
            frames += 1
        if now >= due and (cpu_s := _cpu_s(process)):
            due = now + EVERY_S
            yield _Sample(now, frames, cpu_s)


def _cpu_s(process: psutil.Process) -> float | None:
    """CPU seconds of all processes; None once some have ended."""
    try:
        return sum(sum(one.cpu_times()[:2]) for one in (process, *process.children(recursive=True)))
    except psutil.Error:
        return None
