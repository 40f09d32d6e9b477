"""A daemon to measure: its processes, and what it publishes."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import psutil
import zmq

PATIENCE_MS = 30_000


class Daemon(NamedTuple):
    """A running daemon, and a subscriber to it."""

    process: psutil.Process
    socket: zmq.Socket[bytes]

    def messages(self) -> Iterator[dict[str, Any]]:
        """What is published, until a source has ended."""
        while True:
            try:
                parts = self.socket.recv_multipart(copy=False)
            except zmq.Again:
                raise TimeoutError("the daemon publishes nothing") from None
            message = msgspec.json.decode(parts[1].buffer)
            if message["type"] == "end":
                return
            yield message

    def heard(self, seconds: float) -> list[dict[str, Any]]:
        """All that is published in a while; each with the time at which it was `heard`."""
        until, messages = time.monotonic() + seconds, []
        while (left := until - time.monotonic()) > 0:
            if self.socket.poll(int(left * 1e3)):
                parts = self.socket.recv_multipart(copy=False)
                messages.append({**msgspec.json.decode(parts[1].buffer), "heard": time.time()})
        return messages


@contextmanager
def running(config: Mapping[str, Any], *topics: str) -> Iterator[Daemon]:
    """A daemon with this configuration, which waits for a subscriber to these topics before it reads files."""
    with tempfile.TemporaryDirectory() as folder, zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
        address = f"ipc://{folder}/publish"
        publish = {"bind": [address], "wait_for": 1}
        (Path(folder) / "config.yaml").write_text(json.dumps({**config, "publish": publish}))
        subscriber.linger, subscriber.rcvhwm, subscriber.rcvtimeo = 0, 0, PATIENCE_MS
        subscriber.connect(address)
        for topic in topics:
            subscriber.subscribe(topic)
        command = [sys.executable, "-m", "edge_daemon", "run", f"{folder}/config.yaml"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            yield Daemon(psutil.Process(process.pid), subscriber)
        finally:
            process.terminate()
            process.wait()
