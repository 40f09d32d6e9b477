"""The real command as a test starts, watches and stops it."""

import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import zmq

from tests.waiting import eventually

START_S = 40.0
STOP_S = 15.0
TITLE = "edge-daemon: "
PORTS = 2_000
"""Number of ports that each worker of pytest gives, from 10,000 on; each run begins at another one."""
_worker, _count = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")), itertools.count(os.getpid())


class Daemon:
    """A running `edge-daemon`, its files below `folder`."""

    def __init__(self, folder: Path, *arguments: str, publish: bool = True, inside: Sequence[str] = ()) -> None:
        self.folder, self.address = folder, f"tcp://127.0.0.1:{free_port()}"
        self.results = folder / "results.jsonl"
        self._read = dict[Path, Lines]()
        self._log = (folder / "log").open("ab")
        command = [*inside, sys.executable, "-m", "edge_daemon", "run"]
        arguments = tuple(str(folder / one) if one == "events.jsonl" else one for one in arguments)
        command += [*(["--publish", self.address] if publish else []), "--results", str(self.results), *arguments]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env=os.environ | {"TMPDIR": str(folder), "XDG_STATE_HOME": str(folder / "state")},
        )

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self.folder / "log").read_text(errors="replace")

    def lines(self) -> list[dict[str, Any]]:
        """The results written so far."""
        return [line for line in self.written() if line.get("type") != "end"]

    def ends(self) -> list[dict[str, Any]]:
        """The ends of finite sources written so far."""
        return [line for line in self.written() if line.get("type") == "end"]

    def written(self) -> list[dict[str, Any]]:
        """All lines of the results file that are complete."""
        return self._lines(self.results)

    def events(self) -> list[dict[str, Any]]:
        """The tracks, counts and events written so far."""
        return self._lines(self.folder / "events.jsonl")

    def _lines(self, file: Path) -> list[dict[str, Any]]:
        return self._read.setdefault(file, Lines(file)).read()

    def processes(self) -> dict[str, psutil.Process]:
        """The processes that it has started, by their titles: `capture door`, `sink`."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            try:
                title = " ".join(child.cmdline()).strip()
            except psutil.Error:
                continue
            if title.startswith(TITLE):
                found[title.removeprefix(TITLE)] = child
        return found

    def reload(self, config: str) -> subprocess.CompletedProcess[str]:
        """Write another configuration into its file and have it read that, as a person would."""
        (self.folder / "config.yaml").write_text(pageless(config))
        command = [sys.executable, "-m", "edge_daemon", "reload", str(self.folder / "config.yaml")]
        env = os.environ | {"TMPDIR": str(self.folder)}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=START_S, check=False)

    def kill(self, title: str) -> None:
        """`kill -9` one of its processes, and wait until another has taken its place."""
        victim = self.processes()[title]
        victim.kill()
        eventually(
            lambda: (new := self.processes().get(title)) and new.pid != victim.pid, START_S, what=f"a new {title}"
        )

    def finish(self, timeout_s: float = 60.0) -> int:
        """Wait until it ends by itself; its exit code."""
        return self._ended(timeout_s)

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended(STOP_S)

    def _ended(self, timeout_s: float) -> int:
        before = list(self.processes().values()) if self.process.poll() is None else []
        code = self.process.wait(timeout_s)
        assert not [child for child in before if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
        assert not list(self.folder.glob("edge-daemon-*")), "its folder is left"
        return code

    def close(self) -> None:
        """End it whatever it does."""
        if self.process.poll() is None:
            for child in self.processes().values():
                child.kill()
            self.process.kill()
            self.process.wait()
        self._log.close()


class Lines:
    """A file of JSON lines that grows, or is replaced by another."""

    def __init__(self, file: Path) -> None:
        self._file, self._inode, self._at = file, 0, 0
        self._found: list[dict[str, Any]] = []

    def read(self) -> list[dict[str, Any]]:
        """All lines that are complete; those that were read before are not read again."""
        try:
            with self._file.open("rb") as file:
                about = os.fstat(file.fileno())
                if about.st_ino != self._inode or about.st_size < self._at:
                    self._inode, self._at, self._found = about.st_ino, 0, []
                file.seek(self._at)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        self._found += [json.loads(line) for line in whole.splitlines()]
        return list(self._found)


@contextmanager
def running(
    folder: Path, config: str | None = None, *arguments: str, publish: bool = True, inside: Sequence[str] = ()
) -> Iterator[Daemon]:
    """A daemon with the configuration `config`, or with `arguments` alone; it publishes where the test listens, or
    else where its configuration says. It is run with the command `inside` before it.
    """
    if config is not None:
        (folder / "config.yaml").write_text(pageless(config))
        arguments = (str(folder / "config.yaml"), *arguments)
    daemon = Daemon(folder, *arguments, publish=publish, inside=inside)
    try:
        yield daemon
    except BaseException:
        print(daemon.log)
        raise
    finally:
        daemon.close()


def pageless(config: str) -> str:
    """`config` without the web, unless it says something of that: tests run where others may use its address."""
    return config if re.search(r"^web:", config, re.MULTILINE) else f"{config}\nweb: {{enabled: false}}\n"


class Listener:
    """A plain ZeroMQ subscriber."""

    def __init__(self, address: str, *topics: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.linger = 0
        self._socket.connect(address)
        for topic in topics:
            self._socket.subscribe(topic)

    def receive(self, timeout_s: float = START_S) -> tuple[dict[str, Any], bytes]:
        """The next header and payload."""
        if not self._socket.poll(int(timeout_s * 1000)):
            raise TimeoutError("nothing was published")
        _, header, *payload = self._socket.recv_multipart()
        return json.loads(header), payload[0] if payload else b""

    def until(self, predicate: Callable[[dict[str, Any]], bool], timeout_s: float = START_S) -> list[dict[str, Any]]:
        """All headers up to the first for which `predicate` holds."""
        headers: list[dict[str, Any]] = []
        deadline = time.monotonic() + timeout_s
        while not headers or not predicate(headers[-1]):
            headers.append(self.receive(max(deadline - time.monotonic(), 0.0))[0])
        return headers

    def close(self) -> None:
        """Leave."""
        self._context.destroy(0)

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def listens(port: int) -> bool:
    """True if something accepts connections at a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """A TCP port that nobody uses: each worker of pytest gives its own, and the system gives none of them to outgoing
    connections, which might take it before it is bound.
    """
    while True:
        port = 10_000 + _worker % 10 * PORTS + next(_count) % PORTS
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def clip(path: Path, frames: int, *, fps: float = 25.0, colour: tuple[int, int, int] | None = None) -> Path:
    """Write a video of `frames` pictures, 320x240: of one BGR colour, or each with a brighter square than the last."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (320, 240))
    assert writer.isOpened()
    for index in range(frames):
        picture = np.full((240, 320, 3), colour or (40, 60, 80), np.uint8)
        if colour is None:
            cv2.rectangle(picture, (40 + index % 200, 60), (90 + index % 200, 140), (0, 50 + index % 200, 255), -1)
        writer.write(picture)
    writer.release()
    return path


def accounts(results: list[dict[str, Any]]) -> None:
    """Assert that each stream is in order, also in time, nothing is there twice, and every gap is explained."""
    last: dict[tuple[str, str, int], tuple[int, float]] = {}
    for result in results:
        key = result["camera"], result["model"], result["epoch"]
        seq, time_s = result["seq"], result["time_s"]
        if key in last:
            assert seq > last[key][0]
            assert seq - last[key][0] - 1 == sum(result["dropped"].values()), result
            assert time_s >= last[key][1] >= 0
        last[key] = seq, time_s


def balanced(status: dict[str, Any]) -> int:
    """Assert that each stream's books balance; the most frames that one has in flight."""
    most = 0
    for camera in status["cameras"].values():
        for counts in camera["models"].values():
            dropped = sum(counts["dropped"].values())
            assert counts["captured"] == counts["delivered"] + dropped + counts["in_flight"], counts
            assert counts["in_flight"] >= 0
            most = max(most, counts["in_flight"])
    return most
