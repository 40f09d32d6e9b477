"""Lets a daemon run at full speed while cameras, subscribers and settings come and go, and watches what it takes.

    python -m tests.soak [--minutes 30] [--save docs/soak]

Two generated cameras give more than two workers can take; an HTTP camera goes away and comes back every half minute;
subscribers come, read for a while and go; every minute a reload adds or removes a camera and replaces another. PSS,
open files and threads of each process, and files in its run folder, are written down every five seconds: SAVE.json, and
with matplotlib SAVE.svg. The first quarter is left out of the slopes.
"""

import argparse
import json
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from edge_daemon.client import Subscriber
from edge_daemon.errors import EdgeError
from tests.acceptance.harness import START_S, Daemon, accounts, free_port, running
from tests.http_camera import HttpCamera, jpeg, serving
from tests.waiting import eventually

SAMPLE_S, AWAY_S, RELOAD_S = 5.0, 30.0, 60.0
LASTING = ("sink", "dispatcher", "worker person-0", "worker person-1", "capture a", "supervisor")
"""Processes that no reload replaces."""
MOST_MB, MOST_COUNT = 4.0, 2.0
"""What the whole run may add, by its slope, to the memory of a process, and to its files and threads."""


@dataclass
class Samples:
    """What each process takes, over time."""

    minutes: list[float] = field(default_factory=list)
    pss_mb: dict[str, list[float]] = field(default_factory=dict)
    files: dict[str, list[float]] = field(default_factory=dict)
    threads: dict[str, list[float]] = field(default_factory=dict)
    run_folder: list[int] = field(default_factory=list)

    def add(self, minutes: float, daemon: Daemon, private: Path) -> None:
        """Look at all processes."""
        self.minutes.append(minutes)
        self.run_folder.append(len(list(private.iterdir())))
        processes = daemon.processes() | {"supervisor": psutil.Process(daemon.process.pid)}
        for title in {*processes, *self.pss_mb}:
            measured = (float("nan"),) * 3
            with suppress(psutil.Error, KeyError):
                one = processes[title]
                measured = one.memory_full_info().pss / 1e6, float(one.num_fds()), float(one.num_threads())
            for series, value in zip((self.pss_mb, self.files, self.threads), measured, strict=True):
                values = series.setdefault(title, [float("nan")] * (len(self.minutes) - 1))
                values.append(value)

    def growth(self, values: list[float]) -> float:
        """What the slope, after the first quarter, adds in the time of the whole run."""
        minutes, found = np.array(self.minutes), np.array(values)
        used = (minutes > minutes[-1] / 4) & ~np.isnan(found)
        if used.sum() < 3:
            return 0.0
        return float(np.polyfit(minutes[used], found[used], 1)[0] * minutes[-1])

    def grown(self) -> dict[str, dict[str, float]]:
        """For each process that lasts: megabytes, files, threads; and the files of the run folder."""
        table = {
            title: {
                name: round(self.growth(series[title]), 2)
                for name, series in (("pss_mb", self.pss_mb), ("files", self.files), ("threads", self.threads))
            }
            for title in LASTING
        }
        return table | {"run folder": {"files": round(self.growth([float(count) for count in self.run_folder]), 2)}}


def config(port: int, *, extra: bool, fps: int) -> str:
    """Two cameras that always stay, one that comes and goes, one that a reload replaces, and perhaps another."""
    cameras = [
        "a: {source: 'scene:?fps=60&size=320x180'}",
        f"b: {{source: 'scene:?fps=60&size=320x180&seed=2', fps: {fps}}}",
        f"web: {{source: 'http://127.0.0.1:{port}/video'}}",
        *(["extra: {source: 'scene:?fps=10&size=320x180&seed=3'}"] if extra else []),
    ]
    lines = ["cameras:", *(f"  {camera}" for camera in cameras), "models: {person: {path: builtin:person, workers: 2}}"]
    return "\n".join(lines) + "\n"


class Visitors(threading.Thread):
    """Subscribers that come, stay a while and go; now and then one that reads nothing at all."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self._address, self._dice, self.leave = address, random.Random(1), threading.Event()
        self.count = self.heard = 0

    def run(self) -> None:
        while not self.leave.is_set():
            self.count += 1
            frames = self._dice.random() < 0.5
            until = time.monotonic() + self._dice.uniform(0.05, 4)
            with suppress(TimeoutError, EdgeError), Subscriber(self._address, frames=frames, timeout_s=1) as visitor:
                if self._dice.random() < 0.2:
                    self.leave.wait(until - time.monotonic())
                while time.monotonic() < until:
                    visitor.receive()
                    self.heard += 1


@contextmanager
def camera_that_comes_and_goes(port: int) -> Iterator[None]:
    """An HTTP camera at a fixed port that is away every other half minute."""
    over = threading.Event()

    def live() -> None:
        while not over.is_set():
            pictures = [jpeg(value, 320, 180) for value in range(60, 200, 10)]
            with serving(HttpCamera(pictures, port=port)):
                over.wait(AWAY_S)
            over.wait(AWAY_S / 6)

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def soak(folder: Path, port: int, minutes: float) -> tuple[Samples, dict[str, Any]]:
    """The run: what it took, and what happened in it."""
    samples, reloads = Samples(), 0
    with ExitStack() as stack:
        stack.enter_context(camera_that_comes_and_goes(port))
        daemon = stack.enter_context(running(folder, config(port, extra=False, fps=30)))
        eventually(daemon.lines, START_S, what="results")
        visitors = [Visitors(daemon.address) for _ in range(4)]
        for visitor in visitors:
            visitor.start()
        began = time.monotonic()
        (private,) = folder.glob("edge-daemon-*")
        next_reload = began + RELOAD_S
        while (now := time.monotonic()) < began + 60 * minutes:
            if now >= next_reload:
                next_reload += RELOAD_S
                reloads += 1
                done = daemon.reload(config(port, extra=bool(reloads % 2), fps=30 + reloads % 2))
                assert done.returncode == 0, done.stderr
            samples.add((time.monotonic() - began) / 60, daemon, private)
            time.sleep(SAMPLE_S)
        for visitor in visitors:
            visitor.leave.set()
        for visitor in visitors:
            visitor.join()
        assert daemon.stop() == 0
        lines = daemon.lines()
        restarts = daemon.log.count("starts again in")
    accounts([line for line in lines if line["camera"] == "a"])
    happened = {
        "minutes": minutes,
        "results": len(lines),
        "subscribers": sum(visitor.count for visitor in visitors),
        "messages to them": sum(visitor.heard for visitor in visitors),
        "reloads": reloads,
        "restarts of processes": restarts,
    }
    return samples, happened


def plot(samples: Samples, path: Path) -> None:
    """Memory, open files and threads over time."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(3, 1, figsize=(9, 9), sharex=True)
    for axis, series, name in zip(
        axes, (samples.pss_mb, samples.files, samples.threads), ("PSS, MB", "open files", "threads"), strict=True
    ):
        for title in LASTING:
            axis.plot(samples.minutes, series[title], label=title, linewidth=1)
        axis.set_ylabel(name)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[1].plot(samples.minutes, samples.run_folder, label="run folder", linewidth=1, linestyle=":", color="black")
    axes[1].legend(fontsize=7, ncols=3)
    axes[2].set_xlabel("minutes")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--save", type=Path, default=Path("docs/soak"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="s") as folder:
        samples, happened = soak(Path(folder), free_port(), arguments.minutes)
    grown = samples.grown()
    arguments.save.with_suffix(".json").write_text(json.dumps({"run": happened, "grown": grown}, indent=2) + "\n")
    print(json.dumps({"run": happened, "grown": grown}, indent=2))
    with suppress(ImportError):
        plot(samples, arguments.save.with_suffix(".svg"))
    for title, amounts in grown.items():
        for name, amount in amounts.items():
            assert amount < (MOST_MB if name == "pss_mb" else MOST_COUNT), f"{title}: {amount} {name}"


if __name__ == "__main__":
    main()
