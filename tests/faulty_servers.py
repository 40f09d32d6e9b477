"""Kills, freezes, slows and replaces inference servers under a running daemon, and holds it to its promises.

    python -m tests.faulty_servers [--seeds 20] [--first 0] [--live SECONDS]

In each run a server, over HTTP or gRPC with TLS, is faulty again and again: it is killed, or frozen; it takes a second
and a half for an answer; it comes back with a model of other shapes, or with a certificate that has expired. In every
other pair of runs a model here stands in. A file has to give what it gives with the model here, each frame once. Of
live cameras every frame has to be accounted for, with the usual reasons, and no result may be older than the time for
an answer and a second; nothing may be silent for longer than that while a model stands in.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from edge_daemon.models.builtin import path_of
from tests.acceptance.harness import START_S, Daemon, accounts, running
from tests.certificates import certify
from tests.chaos import clips
from tests.inference_server import Spawned
from tests.onnx_models import slow_model
from tests.waiting import eventually

PERSON = path_of("person")
READ = {"input": {"color": "rgb", "size": "512x288"}, "labels": ["person"]}
"""How the model is read, so that no other is taken for it."""
FRAMES, CAMERAS, FPS = 300, ("a", "b"), 8
ANSWER_S, SLACK_S = 3.0, 1.0
SLOW_MS = 1500.0
LASTS_S, RESTS = (0.3, 3.0), (5, 40)
"""Shortest and longest time of a fault, and numbers of results between two."""
USUAL = {"server-lost", "stale", "replaced", "paced", "late"}
RUN_S = 300.0


class Faulty:
    """A server, and what happens to it."""

    def __init__(self, folder: Path, rng: random.Random, *, grpc: bool) -> None:
        self._rng, self._other = rng, slow_model(folder / "other.onnx", 1)
        self._valid, self._expired = certify(folder / "valid"), certify(folder / "expired", valid_s=-1)
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(b"".join((one / "cert.pem").read_bytes() for one in (self._valid, self._expired)))
        self._server = Spawned(PERSON, tls=self._valid, grpc=grpc)
        self.url = self._server.url
        self.faults = Counter[str]()
        self._undo: Callable[[], None] | None = None
        self._until = 0.0
        self._next = rng.randint(*RESTS)

    def step(self, served: int) -> None:
        """Do what is due by now, when there are `served` results of the server."""
        if self._undo:
            if time.monotonic() >= self._until:
                self.mend()
                self._next = served + self._rng.randint(*RESTS)
            return
        if served < self._next:
            return
        fault = self._rng.choice(("killed", "frozen", "slow", "other shapes", "expired"))
        self.faults[fault] += 1
        server = self._server
        match fault:
            case "killed":
                server.kill()
                self._undo = self._right
            case "frozen":
                server.process.send_signal(signal.SIGSTOP)
                self._undo = lambda: server.process.send_signal(signal.SIGCONT)
            case "slow":
                server.delay(SLOW_MS)
                self._undo = lambda: server.delay(0.0)
            case "other shapes":
                server.kill()
                server.start(self._other, tls=self._valid)
                self._undo = self._replace
            case "expired":
                server.kill()
                server.start(PERSON, tls=self._expired)
                self._undo = self._replace
        self._until = time.monotonic() + self._rng.uniform(*LASTS_S)

    def mend(self) -> None:
        """End the present fault."""
        if self._undo:
            self._undo()
        self._undo = None

    def close(self) -> None:
        """End the server."""
        self._server.kill()

    def _right(self) -> None:
        self._server.start(PERSON, tls=self._valid)

    def _replace(self) -> None:
        self._server.kill()
        self._right()


def written(model: dict[str, Any], cameras: dict[str, Any]) -> str:
    return yaml.safe_dump({"cameras": cameras, "models": {"m": {**READ, **model}}})


def remote(faulty: Faulty, *, stands_in: bool) -> dict[str, Any]:
    model = {"url": faulty.url, "ca": str(faulty.ca), "answer_timeout": f"{ANSWER_S}s"}
    return model | ({"fallback": str(PERSON)} if stands_in else {})


def found(daemon: Daemon) -> list[Any]:
    """What was found in which frame, in the order of the results."""
    return [(line["seq"], line["detections"], line["dropped"]) for line in daemon.lines()]


@contextmanager
def faulty_server(seed: int, kind: str) -> Iterator[tuple[Path, Faulty]]:
    with tempfile.TemporaryDirectory(prefix="servers-") as name:
        folder = Path(name)
        server = Faulty(folder, random.Random(f"{seed} {kind}"), grpc=seed % 2 == 1)
        try:
            yield folder, server
        finally:
            server.close()


def lossless(source: Path, expected: list[Any], seed: int) -> str:
    """Read a file; it has to give what is expected."""
    camera = {"c": {"source": str(source)}}
    with faulty_server(seed, "file") as (folder, server):
        with running(folder, written(remote(server, stands_in=seed % 4 > 1), camera)) as daemon:
            until = time.monotonic() + RUN_S
            while daemon.process.poll() is None and time.monotonic() < until:
                server.step(_served(daemon))
                time.sleep(0.05)
            assert daemon.process.poll() == 0, f"after {dict(server.faults)}, it has {len(daemon.lines())} results"
            assert found(daemon) == expected, f"not equal, after {dict(server.faults)}"
            there = _served(daemon)
        return f"file: {sum(server.faults.values())} faults, {len(expected)} frames equal, {there} of them served there"


def live(seed: int, seconds: float) -> tuple[str, Counter[str]]:
    """Watch live cameras for a while."""
    stands_in = seed % 4 > 1
    cameras = {name: {"source": f"scene:?size=320x180&fps={FPS}&seed={seed}{name == 'a':d}"} for name in CAMERAS}
    with faulty_server(seed, "live") as (folder, server):
        with running(folder, written(remote(server, stands_in=stands_in), cameras)) as daemon:
            eventually(daemon.lines, START_S, what="the first result")
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                server.step(_served(daemon))
                time.sleep(0.05)
            server.mend()
            before = _served(daemon)
            eventually(lambda: _served(daemon) > before, START_S, what="results of the server again")
            assert daemon.stop() == 0
            rows, log = daemon.lines(), daemon.log
        accounts(rows)
        reasons = Counter[str]()
        for row in rows:
            reasons.update(row["dropped"])
        assert set(reasons) <= USUAL, reasons
        took = sorted(row["timing_ms"]["total"] / 1e3 for row in rows)
        assert took[-1] <= ANSWER_S + SLACK_S, f"a result took {took[-1]:.2f} s, after {dict(server.faults)}"
        silent = max(map(_silence, ([row for row in rows if row["camera"] == name] for name in CAMERAS)))
        assert not stands_in or silent <= ANSWER_S + SLACK_S, f"silent for {silent:.2f} s, after {dict(server.faults)}"
        words = Counter(
            {f"({word})": log.count(word) for word in ("certificate expired", "timeout", "refused", "ended")}
        )
    text = (
        f"live{' with a model here' if stands_in else ''}: {sum(server.faults.values())} faults, {len(rows)} results, "
        f"p50 {took[len(took) // 2]:.2f} s, most {took[-1]:.2f} s, silent for {silent:.2f} s at most, {dict(reasons)}"
    )
    return text, server.faults + words


def _served(daemon: Daemon) -> int:
    """Results that the server has made so far."""
    return daemon.results.read_bytes().count(b'"served_by"') if daemon.results.exists() else 0


def _silence(rows: list[dict[str, Any]]) -> float:
    """Longest time in seconds between two results."""
    times = [datetime.fromisoformat(row["captured_at"]).timestamp() for row in rows]
    return max((later - sooner for sooner, later in pairwise(times)), default=float("inf"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--live", type=float, default=15.0, metavar="SECONDS")
    asked = parser.parse_args()
    failed, total = 0, Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = clips(folder, 2 * FRAMES)[0]
        with running(folder, written({"path": str(PERSON)}, {"c": {"source": str(source)}})) as daemon:
            assert daemon.finish(RUN_S) == 0
            expected = found(daemon)
        for seed in range(asked.first, asked.first + asked.seeds):
            try:
                print(f"seed {seed}: {lossless(source, expected, seed)}", flush=True)
                text, faults = live(seed, asked.live)
                total += faults
                print(f"seed {seed}: {text}", flush=True)
            except AssertionError as error:
                failed += 1
                print(f"seed {seed}: FAILED: {str(error)[:2000]}", flush=True)
    print(f"{failed} of {asked.seeds} seeds failed; {dict(total)}")
    sys.stdout.flush()
    os._exit(bool(failed))


if __name__ == "__main__":
    main()
