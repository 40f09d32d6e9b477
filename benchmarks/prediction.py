"""What `edge-daemon bench` predicts, beside what the daemon then does.

    python -m benchmarks.prediction [--clip CLIP] [--model MODEL] [--seconds 8] [--cameras 4 8]

Files as fast as they go, and live cameras with one worker and with one for each core: as many as are said to fit, and
half as many again. The last column is to be from 0.9 to 1.1.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from math import ceil
from pathlib import Path

from benchmarks.contenders.__main__ import add_subject, subject_of
from benchmarks.contenders.ours import run
from benchmarks.contenders.subject import Subject
from benchmarks.daemon import running
from benchmarks.goals.live import WARM_S, config, played
from edge_daemon.bench.machine import Arrangement, Machine
from edge_daemon.bench.survey import survey
from edge_daemon.settings import ModelSettings

ROUNDS = 3
"""Where a model's threads share cores with decoding, one run may take a third longer than the next."""
MEASURED_S = 2.0
FILE_S = 20.0
"""A file is read faster than a camera gives it."""


def points(machine: Machine, subject: Subject, counts: list[int], seconds: float) -> Iterator[tuple[str, float, float]]:
    """What is measured, its frames a second as predicted, and as they were."""
    chosen = [one for one in machine.choices() if one.codec == "auto"]
    for choice in chosen:
        name = f"a file, {choice.workers}x{choice.threads}"
        fps = [run(subject, choice.workers, choice.threads, "auto").fps for _ in range(ROUNDS)]
        yield name, machine.lossless_fps(choice), statistics.median(fps)
    for count in counts:
        for workers in sorted({1, int(machine.cores)}):
            name = f"{count} cameras, {workers}x1"
            predicted = machine.live_fps(Arrangement(workers, 1, "auto"), count)
            yield name, predicted, live_fps(subject, count, workers, seconds)


def live_fps(subject: Subject, cameras: int, workers: int, seconds: float) -> float:
    """Frames a second that are looked at, of all cameras together."""
    with running(config(subject, cameras, workers), "result/") as daemon:
        next(daemon.messages())
        daemon.heard(WARM_S)
        return len([one for one in daemon.heard(seconds) if one["type"] == "result"]) / seconds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_subject(parser)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--cameras", type=int, nargs="+", metavar="COUNT")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asked = subject_of(arguments, Path(folder))
        subject = played(asked, Path(folder) / "played.mkv", 25.0, arguments.seconds + FILE_S)
        settings = ModelSettings(name="m", path=subject.model)
        machine = survey(subject.clip, settings, {"path": subject.model}, MEASURED_S, lambda _: None)
        print(f"{'':20} {'predicted':>9} {'measured':>9} {'ratio':>6}")
        fit = max(1, int(machine.cameras(machine.best(machine.camera_fps), machine.camera_fps)))
        counts = arguments.cameras or [fit, ceil(1.5 * fit)]
        for name, predicted, measured in points(machine, subject, counts, arguments.seconds):
            print(f"{name:20} {predicted:9.1f} {measured:9.1f} {predicted / measured:6.2f}", flush=True)


if __name__ == "__main__":
    main()
