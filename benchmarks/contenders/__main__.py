"""The daemon beside what people would use instead, and beside the machine's own limit.

    python -m benchmarks.contenders [--clip CLIP] [--model MODEL] [--rounds 5] [--only NAME ...] [--json F] [--plot F]

Contenders take turns in each round, since machines are noisy; the table shows medians. All run the same model with the
same code before and after it, over the same frames. Those of packages that are not installed are left out. The limit is
what the cores could do if nothing cost anything but decoding and the model, in one thread each; it is measured in each
round too. CPU and memory (PSS) are those of all processes of a contender.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from benchmarks.contenders.gauge import Run
from benchmarks.contenders.limit import Costs
from benchmarks.contenders.one import LIMIT, MODULES
from benchmarks.contenders.ours import run as run_daemon
from benchmarks.contenders.subject import Subject
from benchmarks.contenders.table import Table
from edge_daemon.bench.clip import write_clip
from edge_daemon.bench.survey import usable_cores

Contender = Callable[[Subject], Run]
CODECS = ("auto", "raw", "jpeg")


def alone(name: str, subject: Subject) -> list[float]:
    """What one contender, or the limit, tells from a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.contenders.one", name, *subject]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True)
    return list(json.loads(done.stdout.splitlines()[-1]))


def contenders(arrangements: list[str], codecs: list[str]) -> Iterator[tuple[str, Contender]]:
    """All that can run here, by name."""
    for name, (_, _, package) in MODULES.items():
        if package is None or find_spec(package):
            yield name, partial(_other, name)
        else:
            print(f"{name} is left out: {package} is not installed", file=sys.stderr)
    for arrangement in arrangements:
        workers, threads = map(int, arrangement.split("x"))
        for codec in codecs if arrangement == arrangements[0] else codecs[:1]:
            yield f"daemon {arrangement}, {codec}", partial(run_daemon, workers=workers, threads=threads, codec=codec)


def _other(name: str, subject: Subject) -> Run:
    return Run(*alone(name, subject))


def limit_of(subject: Subject) -> Costs:
    """The machine's limit, measured now."""
    return Costs(*alone(LIMIT, subject))


def main() -> None:
    """Print the table, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_subject(parser)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--arrangements", nargs="+", metavar="WORKERSxTHREADS")
    parser.add_argument("--codecs", nargs="+", default=CODECS)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="those whose names begin so")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="SVG or PNG; needs matplotlib (the extra `bench`)")
    arguments = parser.parse_args()
    arrangements = arguments.arrangements or list(dict.fromkeys((f"{usable_cores()}x1", "1x1", f"1x{usable_cores()}")))
    with tempfile.TemporaryDirectory() as folder:
        subject = subject_of(arguments, Path(folder))
        chosen = dict(contenders(arrangements, arguments.codecs))
        if arguments.only:
            chosen = {name: one for name, one in chosen.items() if name.startswith(tuple(arguments.only))}
        table = Table()
        for _ in range(arguments.rounds):
            table.limits.append(limit_of(subject))
            for name, contender in chosen.items():
                table.runs.setdefault(name, []).append(contender(subject))
    print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(table.facts(), indent=2))
    if arguments.plot:
        table.plot(arguments.plot)


def add_subject(parser: argparse.ArgumentParser) -> None:
    """The options that say what is looked at, and by which model."""
    parser.add_argument("--clip", help="a video of at least 100 frames; a generated one if left out")
    parser.add_argument("--model", default="builtin:person")


def subject_of(arguments: argparse.Namespace, folder: Path) -> Subject:
    """What those options say; a generated clip goes into `folder`."""
    model = arguments.model if ":" in arguments.model else str(Path(arguments.model).absolute())
    return Subject(str(Path(arguments.clip or write_clip(folder / "street.mp4")).absolute()), model)


if __name__ == "__main__":
    main()
