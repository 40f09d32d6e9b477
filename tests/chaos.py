"""Kills and stops processes of a running daemon at random, and holds the daemon to its promises.

    python -m tests.chaos [--seeds 20] [--frames 5000] [--live SECONDS]

Lossless: two clips, three workers, a hit every second until all is read; every result has to be there once, in order,
and equal to that of an undisturbed run, as do tracks, counts and events; the same if all processes are killed at once
and the run is repeated; the store has to have what the events file has. Live: two scenes, a hit every four seconds;
every frame has to be accounted for, and outside the second after a hit no result may be older than `max_age` and the
time that serving it takes.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2
import psutil

from edge_daemon.demo.scene.scene import Scene
from edge_daemon.store.check import check
from edge_daemon.store.entry import Entry
from edge_daemon.store.journal import Journal
from edge_daemon.store.store import JOURNAL
from tests.acceptance.harness import START_S, Daemon, accounts, running
from tests.waiting import eventually

CAMERAS = ("a", "b")
WORKERS = 3
LONGEST_STOP_S = 2.0
EVENTS = ("--events", "events.jsonl")
MAX_AGE_S, REORDER_S, SLACK_S = 0.5, 0.2, 0.1
"""The slack is for a machine that starts processes and draws pictures beside it."""


@dataclass
class Chaos:
    """Hits one process after another; remembers when, and until when each was stopped."""

    daemon: Daemon
    seed: int
    every_s: float = 1.0
    hits: list[tuple[float, float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Who is killed before all are up keeps the daemon from starting, as it should.
        eventually(lambda: "processes are up" in self.daemon.log, START_S)
        self._titles = set(self.daemon.processes())
        self._random = random.Random(self.seed)
        self._stopped: list[tuple[float, psutil.Process]] = []
        self._next = time.time() + self.every_s

    def step(self) -> None:
        """Do what is due by now."""
        now = time.time()
        for until, process in [one for one in self._stopped if one[0] <= now]:
            self._stopped.remove((until, process))
            _send(process, signal.SIGCONT)
        if now < self._next:
            return
        self._next = now + self.every_s
        processes = self.daemon.processes()
        if set(processes) < self._titles:  # it has to start what is down, and may need longer for that than `every_s`
            processes.pop("forkserver", None)
        if not processes:
            return
        title = self._random.choice(sorted(processes))
        if self._random.random() < 0.5:
            _send(processes[title], signal.SIGKILL)
            self.hits.append((now, now, f"kill {title}"))
        else:
            until = now + self._random.uniform(0.2, LONGEST_STOP_S)
            _send(processes[title], signal.SIGSTOP)
            self._stopped.append((until, processes[title]))
            self.hits.append((now, until, f"stop {title}"))

    def end(self) -> None:
        """Let all that is stopped go on."""
        for _, process in self._stopped:
            _send(process, signal.SIGCONT)


def clips(folder: Path, frames: int) -> list[Path]:
    """A clip of the generated street for each camera."""
    made = []
    for number, name in enumerate(CAMERAS):
        path = folder / f"{name}.mp4"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (320, 180))
        scene = Scene(seed=number, width=320, height=180, people=4)
        for index in range(frames // len(CAMERAS)):
            writer.write(scene.frame(index, 5)[0])
        writer.release()
        made.append(path)
    return made


PLACES = (
    "zones: {walk: {points: [[0, 0.4], [0.7, 0.4], [0.7, 1], [0, 1]]}}, lines: {gate: {points: [[0.5, 0], [0.5, 1]]}}"
)
RULES = """
rules:
  visitor: {enters: walk, cooldown: 1s}
  loiterer: {stays: {zone: walk, for: 2s}, per: track}
  crowd: {count: {zone: walk, above: 2}}
  passage: {crosses: {line: gate}, cooldown: 100ms}
"""
VARYING = ("epoch", "id", "incident", "at", "first_at", "last_at", "from", "to", "reset_at", "duration_s", "because")
"""Fields in which a disturbed run may differ from an undisturbed one: epochs, ids, and wall times."""


def config(sources: dict[str, str], more: str = "") -> str:
    cameras = "".join(f"  {name}: {{source: '{source}'{more}, {PLACES}}}\n" for name, source in sources.items())
    return f"cameras:\n{cameras}models: {{person: {{path: builtin:person, workers: {WORKERS}}}}}\n{RULES}"


def findings(daemon: Daemon) -> dict[str, list[Any]]:
    """Per camera what was found in which frame, and what was said to be dropped, in the order of the results; then its
    tracks and events, and the counts in all.
    """
    found: dict[str, list[Any]] = {name: [] for name in CAMERAS}
    for line in daemon.lines():
        found[line["camera"]].append((line["seq"], line["detections"], line["dropped"]))
    totals: dict[str, Any] = {}
    for line in daemon.events():
        if line["type"] == "counts":
            totals[line["camera"]] = line
        else:
            found[line["camera"]].append(_fixed(line))
    for name, counts in totals.items():
        found[name].append({kind: _totals(counts[kind]) for kind in ("lines", "zones")})
    return found


def _fixed(message: Any) -> Any:
    """A message without what depends on when it was made."""
    if isinstance(message, list):
        return [_fixed(one) for one in message]
    if not isinstance(message, dict):
        return message
    return {key: _fixed(value) for key, value in message.items() if key not in VARYING}


def _totals(places: dict[str, Any]) -> Any:
    """Counts in all, by place and class: the others depend on when an interval ended."""
    return {
        place: {name: {key: n for key, n in one.items() if key.endswith("_total")} for name, one in classes.items()}
        for place, classes in places.items()
    }


@contextmanager
def folder_of_its_own(parent: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=parent, prefix="chaos-") as folder:
        yield Path(folder)


def undisturbed(parent: Path, sources: list[Path]) -> dict[str, list[Any]]:
    """What a run finds that nobody disturbs."""
    with folder_of_its_own(parent) as folder, running(folder, config(_named(sources)), *EVENTS) as daemon:
        assert daemon.finish(600) == 0
        assert different(to_store(daemon), stored(daemon)) == ([], [])
        return findings(daemon)


def to_store(daemon: Daemon) -> list[str]:
    """What the events file says that the store has to have, in an order of its own."""
    kept = [one for one in daemon.events() if one["type"] != "track" or one["phase"] in ("end", "rename")]
    return sorted(json.dumps(one) for one in kept)


def stored(daemon: Daemon) -> list[str]:
    """What is stored, by the journal; the index has to agree."""
    (store,) = daemon.folder.glob("state/edge-daemon/*/store")
    assert check(store).faults == []
    journal = Journal(store / JOURNAL)
    bodies = [line.body for name in journal.files() for line in journal.read(name) if isinstance(line, Entry)]
    return sorted(json.dumps(json.loads(body)) for body in bodies)


def different(expected: list[str], found: list[str]) -> tuple[list[str], list[str]]:
    """What is not found, and what is not expected; each as often as it is."""
    one, other = Counter(expected), Counter(found)
    return sorted((one - other).elements()), sorted((other - one).elements())


def lossless(parent: Path, sources: list[Path], expected: dict[str, list[Any]], seed: int) -> Chaos:
    """A run with a hit every second, which has to find the same."""
    with folder_of_its_own(parent) as folder, running(folder, config(_named(sources)), *EVENTS) as daemon:
        chaos = Chaos(daemon, seed)
        deadline = time.monotonic() + 600
        while daemon.process.poll() is None:
            assert time.monotonic() < deadline, "it does not end"
            chaos.step()
            time.sleep(0.02)
        chaos.end()
        assert daemon.process.returncode == 0
        difference = different(to_store(daemon), stored(daemon))
        assert difference == ([], []), f"the store lacks the first, and should not have the others; {chaos.hits}"
        _equal(findings(daemon), expected, str(chaos.hits))
    return chaos


def service(parent: Path, sources: list[Path], expected: dict[str, list[Any]], seed: int) -> list[float]:
    """Runs of which all processes are killed at once, and one that is left alone, which has to find the same; when the
    others were killed, in seconds.
    """
    moments = [random.Random(seed + number).uniform(0.5, 6.0) for number in range(2)]
    with folder_of_its_own(parent) as folder:
        for moment in moments:
            with running(folder, config(_named(sources)), *EVENTS) as daemon:
                eventually(daemon.lines, START_S)
                _wait(daemon, moment)
                children = list(daemon.processes().values())
                daemon.process.kill()
                for child in children:
                    _send(child, signal.SIGKILL)
                daemon.process.wait()
        with running(folder, config(_named(sources)), *EVENTS) as daemon:
            assert daemon.process.wait(600) == 0
            _equal(findings(daemon), expected, str(moments))
    return moments


def _wait(daemon: Daemon, seconds: float) -> None:
    """Wait, or until the daemon has ended."""
    with suppress(subprocess.TimeoutExpired):
        daemon.process.wait(seconds)


def _equal(found: dict[str, list[Any]], expected: dict[str, list[Any]], hits: str) -> None:
    """Fail with the first difference."""
    for name in CAMERAS:
        assert numbers(found[name]) == numbers(expected[name]), f"{name}, {hits}"
        for one, other in zip(found[name], expected[name], strict=False):
            assert one == other, f"{name}: {str(one)[:600]}\n  should be {str(other)[:600]}\n  {hits}"
        assert len(found[name]) == len(expected[name]), f"{name}, {hits}"


def sound(events: list[dict[str, Any]]) -> int:
    """Check that no event was written with two contents, and that each began once and ended once; their number."""
    written: dict[tuple[str, str, tuple[int, float]], dict[str, Any]] = {}
    for event in (line for line in events if line["type"] == "event"):
        look = event["epoch"], event["time_s"]
        first = written.setdefault((event["id"], event["phase"], look), event)
        assert first == event, f"{first}\n  and {event}"
    for phase in ("start", "end"):
        of_phase = [number for number, one, _ in written if one == phase]
        assert len(of_phase) == len(set(of_phase)), f"an event has two of {phase}"
    starts = {number for number, phase, _ in written if phase == "start"}
    assert {number for number, _, _ in written} == starts, "an event has no start"
    return len(starts)


def numbers(found: list[Any]) -> list[int]:
    """Numbers of the frames that have results."""
    return [one[0] for one in found if isinstance(one, tuple)]


def live(parent: Path, seed: int, seconds: float) -> tuple[Chaos, int, int, float]:
    """A live run; its results, how many of them undisturbed, and the longest latency of those in milliseconds. Of its
    events none has two contents.
    """
    sources = {name: f"scene:?fps=15&size=320x180&seed={seed}{name == 'a':d}" for name in CAMERAS}
    told = config(sources, f", max_age: {MAX_AGE_S}s, reorder_wait: {REORDER_S}s")
    with folder_of_its_own(parent) as folder, running(folder, told, *EVENTS) as daemon:
        chaos, until = Chaos(daemon, seed, every_s=4.0), time.monotonic() + seconds
        while time.monotonic() < until:
            chaos.step()
            time.sleep(0.02)
        chaos.end()
        began = min((_when(line) for line in daemon.lines()), default=0.0)
        assert daemon.stop() == 0
        lines = daemon.lines()
        log = daemon.log
        assert sound(daemon.events()), "no events"
    accounts(lines)
    for name in CAMERAS:
        summary = next(line for line in reversed(log.splitlines()) if f"supervisor: {name} / person: " in line)
        captured = int(summary.split(" captured")[0].rpartition(" ")[2])
        delivered = int(summary.split(" delivered")[0].rpartition(" ")[2])
        dropped = summary.split("dropped: ")[1].split(", latency")[0]
        lost = sum(int(part.split()[0]) for part in dropped.split(", ")) if dropped != "none" else 0
        assert captured == delivered + lost, summary
    calm = [line for line in lines if _when(line) > began + 1 and not _is_hit(line, chaos)]
    worst = max((line["timing_ms"]["total"] - _service_ms(line) for line in calm), default=0.0)
    assert worst <= 1e3 * (MAX_AGE_S + SLACK_S), f"a result took {worst:.0f} ms and its own service; {chaos.hits}"
    return chaos, len(lines), len(calm), worst


def _named(sources: list[Path]) -> dict[str, str]:
    return {name: str(source) for name, source in zip(CAMERAS, sources, strict=True)}


def _when(line: dict[str, Any]) -> float:
    return datetime.fromisoformat(line["captured_at"]).timestamp()


def _service_ms(line: dict[str, Any]) -> float:
    return sum(float(line["timing_ms"][stage]) for stage in ("decode", "preprocess", "infer", "postprocess"))


def _is_hit(line: dict[str, Any], chaos: Chaos) -> bool:
    """Whether a result was on its way while a process was hit, or in the second after."""
    begin = _when(line)
    end = begin + line["timing_ms"]["total"] / 1e3
    return any(begin < stopped_until + 1 and end > hit for hit, stopped_until, _ in chaos.hits)


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--live", type=float, default=60.0, metavar="SECONDS")
    arguments = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="c") as where:
        parent = Path(where)
        sources = clips(parent, arguments.frames)
        expected = undisturbed(parent, sources)
        print(f"undisturbed: {sum(map(len, expected.values()))} results", flush=True)
        for seed in range(arguments.first, arguments.first + arguments.seeds):
            began = time.monotonic()
            try:
                chaos = lossless(parent, sources, expected, seed)
                print(f"seed {seed}: lossless: {len(chaos.hits)} hits, {time.monotonic() - began:.0f} s, all equal")
                moments = service(parent, sources, expected, seed)
                print(f"seed {seed}: all killed after {', '.join(f'{one:.1f} s' for one in moments)}, all equal")
                chaos, results, calm, worst = live(parent, seed, arguments.live)
                print(
                    f"seed {seed}: live: {len(chaos.hits)} hits, {results} results, {calm} calm, {worst:.0f} ms at most"
                )
            except AssertionError as error:
                failed += 1
                print(f"seed {seed}: FAILED: {str(error)[:2000]}")
            sys.stdout.flush()
    print(f"{failed} of {arguments.seeds} seeds failed")
    os._exit(bool(failed))


if __name__ == "__main__":
    main()
