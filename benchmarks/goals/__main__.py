"""Every goal with what was measured here: medians over the rounds.

    python -m benchmarks.goals [--clip CLIP] [--model MODEL] [--only overload pace ...] [--rounds 5] [--seconds 20]

`--light-clip` and `--light-model` are for the goal of large frames and a light model, which is left out without them.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks.contenders.__main__ import add_subject, subject_of
from benchmarks.contenders.subject import Subject
from benchmarks.goals import light, memory, overload, pace, start, throughput

SCENARIOS = {
    "throughput": throughput,
    "light": light,
    "overload": overload,
    "pace": pace,
    "memory": memory,
    "start": start,
}
AT_LEAST = {
    "throughput: / limit": 0.95,
    "throughput: / bare loop": 1.4,
    "throughput: / best peer": 1.4,
    "throughput: watched / limit with drawing and JPEG": 0.9,
    "light model: / limit": 0.85,
    "overload: fps / limit": 0.92,
}
AT_MOST = {
    "overload: latency p50, service times": 1.7,
    "overload: latency p99, service times": 3.0,
    "overload: latency, second half / first": 1.1,
    "pace: beside the stages p50, ms": 2.0,
    "pace: beside the stages p99, ms": 8.0,
    "memory: 1 camera, 2 workers, MB": 240.0,
    "memory: with web, MB": 300.0,
    "memory: a further worker, MB": 45.0,
    "memory: a further camera, MB": 35.0,
    "start: check, s": 0.25,
    "start: --help, s": 0.25,
    "start: first result of a file, s": 1.5,
    "start: page, s": 2.5,
}


def line(name: str, values: Iterable[float]) -> str:
    """A goal beside what came of it."""
    value = statistics.median(values)
    reached = value >= AT_LEAST[name] if name in AT_LEAST else value <= AT_MOST[name]
    wanted = f"≥ {AT_LEAST[name]:g}" if name in AT_LEAST else f"≤ {AT_MOST[name]:g}"
    return f"{name:50} {value:8.2f} {wanted:>7}  {'reached' if reached else 'missed'}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_subject(parser)
    parser.add_argument("--light-clip", metavar="CLIP")
    parser.add_argument("--light-model", metavar="MODEL")
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement in real time")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subject = subject_of(arguments, folder)
        for _ in range(arguments.rounds):
            for scenario in arguments.only:
                looked_at = subject
                if scenario == "light":
                    if not (arguments.light_clip and arguments.light_model):
                        continue
                    looked_at = Subject(
                        *(str(Path(p).absolute()) for p in (arguments.light_clip, arguments.light_model))
                    )
                for figure, value in SCENARIOS[scenario].measure(looked_at, folder, arguments.seconds).items():
                    found.setdefault(figure, []).append(value)
    print("\n".join(line(figure, values) for figure, values in found.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
