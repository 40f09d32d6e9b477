"""Models on inference servers: throughput, the cost of the network, and a server that is killed.

    python -m benchmarks.remote rate DIR MODEL [SERVER...]   the daemon against the best client of the same tensors
    python -m benchmarks.remote distance MODEL               20 and 100 ms of added round trip against none
    python -m benchmarks.remote killed MODEL PLOT            16 cameras, two servers, one killed: a plot

MODEL is an ONNX file. `rate` starts the servers that tools/inference_servers.sh has installed in DIR, and another
edge-daemon, each on one core; the daemon or the client has another core. It and `distance` measure in turn, and print
the median of the ratios and its 95 % interval: other programs may use the machine. For `distance` and `killed` the
servers are tests/inference_server.py, in processes of their own; for `distance` (as root) in a network of their own,
each packet to and from which takes its time.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from benchmarks.bare_client import RAMP_S, BareClient
from benchmarks.pairs import interval
from edge_daemon.bench.clip import write_clip
from edge_daemon.bench.trial import attempt, running
from edge_daemon.demo.scene.scene import Scene
from edge_daemon.models.remote.connection import AwayError
from tests.distance import FAR, Distance
from tests.inference_server import Spawned
from tests.processes import children_like
from tests.real_servers import SCHEMES, START_S, serving
from tests.waiting import eventually

ROUNDS, SECONDS = 5, 6.0
WINDOWS, WINDOW_S, READERS = 9, 3.0, 4
"""Windows in which the bare client and the daemon are measured in turn, and cameras that it has."""
THERE, HERE = 0, 1
"""The core of the server, and that of its client."""
ALONE = ("chrt", "-r", "1") if os.geteuid() == 0 else ()
"""Gives the server its core before all other programs: what they take would depend on the client."""
ADDED_MS = (0, 20, 100)
SERVICE_MS = 60
"""Time that the server takes for a request beside running a small model: as if it ran elsewhere, without CPU here."""
CAMERAS, FPS = 16, 2.0
AWAY_MS = 50
"""Time that each server of `killed` takes for a request: about 19 a second."""
BEFORE_S, AWAY_S, AFTER_S = 20.0, 20.0, 20.0


def rates(installed: Path, model: Path, servers: Sequence[str]) -> None:
    os.sched_setaffinity(0, {HERE})
    with tempfile.TemporaryDirectory() as name:
        source = str(write_clip(Path(name) / "street.mp4", 1500))
        for server in servers:
            (folder := Path(name) / server).mkdir()
            with serving(server, installed, model, folder, (*ALONE, "taskset", "-c", str(THERE))) as urls:
                for scheme, url in urls.items():
                    client = eventually(partial(_client, url), START_S)
                    assert client
                    _compare(f"{server} {scheme}", client, source, url)


def _client(url: str) -> BareClient | None:
    try:
        return BareClient(url)
    except AwayError:
        return None


def _compare(name: str, client: BareClient, source: str, url: str) -> None:
    """Measure a bare client and the daemon in turn, and print the ratio."""
    best = client.best(WINDOW_S)
    with client.connected(best) as bare, _daemon(source, url) as ours:
        pairs = [(bare(WINDOW_S), ours(WINDOW_S)) for _ in range(WINDOWS)]
    ratios = [one / other for other, one in pairs]
    low, high = interval(ratios)
    sums = [sum(rates) / len(pairs) for rates in zip(*pairs, strict=True)]
    print(
        f"{name}: bare client {sums[0]:.1f}/s with {best} in flight, daemon {sums[1]:.1f}/s, "
        f"ratio {statistics.median(ratios):.3f} [{low:.3f}, {high:.3f}], of the means {sums[1] / sums[0]:.3f}",
        flush=True,
    )


@contextmanager
def _daemon(source: str, url: str) -> Iterator[Callable[[float], float]]:
    """A daemon that reads a file several times at once and has a server look at it. Called with a number of seconds, it
    goes on for these, and gives the results a second; its captures are stopped meanwhile.
    """
    results, is_running, over = 0, threading.Event(), threading.Event()
    cameras = {f"c{number}": {"source": source} for number in range(READERS)}
    with running({"cameras": cameras, "models": {"m": {"url": url}}}) as (process, messages):

        def count() -> None:
            nonlocal results
            for _ in messages:
                results += 1
                is_running.set()
                if over.is_set():
                    return

        counting = threading.Thread(target=count)
        counting.start()
        assert is_running.wait(START_S)
        captures = children_like("edge-daemon: capture", process)
        for capture in captures:
            capture.suspend()

        def rate(seconds: float) -> float:
            for capture in captures:
                capture.resume()
            time.sleep(RAMP_S)
            before, began = results, time.monotonic()
            time.sleep(seconds)
            counted, took_s = results - before, time.monotonic() - began
            for capture in captures:
                capture.suspend()
            time.sleep(RAMP_S)
            return counted / took_s

        yield rate
        over.set()
        for capture in captures:
            capture.resume()
        counting.join()


def daemon_rate(source: str, url: str) -> float:
    """Frames a second that the daemon reads of a file and has a server look at."""
    return attempt({"c": {"source": source}}, {"url": url}, "auto", SECONDS, warm_s=2.0).fps


def distances(model: Path) -> None:
    for scheme in ("http", "grpc"):
        with ExitStack() as stack:
            source = str(write_clip(Path(stack.enter_context(tempfile.TemporaryDirectory())) / "street.mp4", 900))
            measures = [_measure_at(stack, model, scheme, added, source) for added in ADDED_MS]
            rounds = [[measure() for measure in measures] for _ in range(ROUNDS)]
        near, *others = zip(*rounds, strict=True)
        print(f"{scheme}: {statistics.median(near):.1f} frames/s", flush=True)
        for added, rates in zip(ADDED_MS[1:], others, strict=True):
            ratios = [far / one for far, one in zip(rates, near, strict=True)]
            low, high = interval(ratios)
            fps, ratio = statistics.median(rates), statistics.median(ratios)
            print(f"{scheme}, +{added} ms: {fps:.1f} frames/s, ratio {ratio:.3f} [{low:.3f}, {high:.3f}]", flush=True)


def _measure_at(stack: ExitStack, model: Path, scheme: str, added_ms: float, source: str) -> Callable[[], float]:
    """Measures the daemon at a distance from a server."""
    distance = stack.enter_context(closing(Distance(added_ms / 1e3)))
    server = Spawned(model, delay_ms=SERVICE_MS, grpc=scheme == "grpc", inside=(*ALONE, *distance.far))
    stack.callback(server.kill)
    url = f"{scheme}://{FAR}:{server.port}/m"
    command = [*distance.near, sys.executable, "-m", "benchmarks.remote", "once", source, url]
    return lambda: float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def killed(model: str, plot: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        servers = [Spawned(model, delay_ms=AWAY_MS), Spawned(model, delay_ms=AWAY_MS)]
        small = folder / "small.mp4"
        writer = cv2.VideoWriter(str(small), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), 5.0, (320, 180))
        for index in range(50):
            writer.write(Scene(seed=1, width=320, height=180, people=3).frame(index, 5.0)[0])
        writer.release()
        camera = {"source": str(small), "loop": True, "fps": FPS}
        config: dict[str, Any] = {
            "cameras": {f"c{number}": camera for number in range(CAMERAS)},
            "models": {"m": {"url": [server.url for server in servers]}},
            "publish": {"bind": [f"ipc://{folder}/publish"]},
            "web": {"enabled": False},
        }
        (folder / "config.yaml").write_text(json.dumps(config))
        results = folder / "results.jsonl"
        command = [sys.executable, "-m", "edge_daemon", "run", str(folder / "config.yaml"), "--results", str(results)]
        daemon = subprocess.Popen(command)
        try:
            while not results.exists() or results.read_text().count("\n") < CAMERAS * 4:
                time.sleep(0.2)
            began = time.time()
            time.sleep(BEFORE_S)
            killed_at = time.time() - began
            servers[1].kill()
            time.sleep(AWAY_S)
            back_at = time.time() - began
            servers[1].start(model, delay_ms=AWAY_MS)
            time.sleep(AFTER_S)
        finally:
            daemon.terminate()
            daemon.wait()
            for server in servers:
                server.kill()
        rows = [json.loads(line) for line in results.read_text().splitlines()]
    draw([row for row in rows if row["type"] == "result"], began, killed_at, back_at, Path(plot))


def draw(rows: Sequence[dict[str, Any]], began: float, killed_at: float, back_at: float, plot: Path) -> None:
    """Draw frames a second by server, latency and drops, by the second, and print their means."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    end = int(back_at + AFTER_S)
    by: dict[str, Counter[int]] = {}
    latency: dict[int, list[float]] = {}
    dropped: Counter[int] = Counter()
    for row in rows:
        at = datetime.fromisoformat(row["captured_at"]).timestamp() - began
        if 0 <= at < end:
            by.setdefault(row.get("served_by", "here"), Counter())[int(at)] += 1
            latency.setdefault(int(at), []).append(row["timing_ms"]["total"])
            dropped[int(at)] += sum(n for reason, n in row["dropped"].items() if reason not in ("paced", "still"))
    seconds = range(end)
    figure, axes = plt.subplots(3, 1, sharex=True, figsize=(8, 6))
    axes[0].stackplot(
        seconds, *([counts[s] for s in seconds] for counts in by.values()),
        labels=[f"server {number + 1}" for number in range(len(by))],
    )  # fmt: skip
    axes[0].set_ylabel("results/s")
    axes[0].legend(loc="lower left")
    for share, style in ((0.5, "-"), (0.95, ":")):
        shown = [sorted(latency.get(s, [0]))[int(share * (len(latency.get(s, [0])) - 1))] for s in seconds]
        axes[1].plot(seconds, shown, style, color="C2", label=f"p{100 * share:.0f}")
    axes[1].set_ylabel("latency, ms")
    axes[1].legend(loc="upper left")
    axes[2].bar(seconds, [dropped[s] for s in seconds], color="C3")
    axes[2].set_ylabel("lost/s")
    axes[2].set_xlabel("seconds; one of two servers is killed and started again at the lines")
    for one in axes:
        for at in (killed_at, back_at):
            one.axvline(at, color="grey", linestyle="--")
    figure.tight_layout()
    figure.savefig(plot, metadata={"Date": None})
    for name, first, last in (("before", 0, killed_at), ("during", killed_at, back_at), ("after", back_at, end)):
        span = [s for s in seconds if first <= s < last]
        total = sorted(ms for s in span for ms in latency.get(s, [])) or [0.0]
        lost = sum(dropped[s] for s in span)
        served = sum(counts[s] for counts in by.values() for s in span)
        p50, p95 = (total[int(share * (len(total) - 1))] for share in (0.5, 0.95))
        print(
            f"{name}: {served / len(span):.1f} results/s, latency {p50:.0f} ms (p95 {p95:.0f}, most {total[-1]:.0f}), "
            f"lost {lost}"
        )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["rate", installed, model, *servers]:
            rates(Path(installed).resolve(), Path(model).resolve(), servers or list(SCHEMES))
        case ["distance", model]:
            distances(Path(model))
        case ["once", source, url]:
            print(daemon_rate(source, url))
        case ["killed", model, plot]:
            killed(model, plot)
        case _:
            print(__doc__, file=sys.stderr)
            sys.exit(2)
