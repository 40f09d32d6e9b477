"""Models on inference servers: throughput, the cost of the network, and a server that is killed.

    python -m benchmarks.remote rate URL...         the daemon against a bare client that sends the same tensors
    python -m benchmarks.remote distance MODEL      20 and 100 ms of added round trip against none
    python -m benchmarks.remote killed MODEL PLOT   16 cameras, two servers, one killed: a plot

`rate` and `distance` measure in turn, and print ratios of medians: other programs may use the machine. MODEL is an ONNX
file. For `distance` and `killed` the servers are tests/inference_server.py, in processes of their own.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2

from edge_daemon.bench.clip import write_clip
from edge_daemon.bench.trial import attempt
from edge_daemon.demo.scene.scene import Scene
from edge_daemon.models.remote.connection import connect
from edge_daemon.models.remote.reading import look
from edge_daemon.server_address import Address
from edge_daemon.settings import ModelSettings, RemoteSettings

ROUNDS, SECONDS = 3, 6.0
AT_ONCE = (1, 2, 4)
"""Requests in flight of the bare client; the best counts."""
ADDED_MS = (0, 20, 100)
SERVICE_MS = 60
"""Time that the server takes for a request beside running a small model: as if it ran elsewhere, without CPU here."""
CAMERAS, FPS = 16, 2.0
AWAY_MS = 50
"""Time that each server of `killed` takes for a request: about 19 a second."""
BEFORE_S, AWAY_S, AFTER_S = 20.0, 20.0, 20.0


def bare_rate(url: str, seconds: float) -> float:
    """Requests a second of a client that does nothing else, with the best number in flight."""
    remote = RemoteSettings(urls=[url])
    looked = look(Address.parse(url), ModelSettings(name="m", path="", remote=remote))
    feeds, outputs = looked.identity.feeds, looked.identity.outputs
    looked.connection.close()

    def rate(at_once: int) -> float:
        connection, done, until = connect(Address.parse(url), remote), Counter[int](), time.monotonic() + seconds

        def ask(number: int) -> None:
            connection.metadata(5)
            while time.monotonic() < until:
                connection.infer(feeds, outputs, 30)
                done[number] += 1

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        connection.close()
        return sum(done.values()) / seconds

    return max(rate(at_once) for at_once in AT_ONCE)


def rates(urls: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = str(write_clip(Path(folder) / "street.mp4", 300))
        for url in urls:
            bare, ours = [], []
            for _ in range(ROUNDS):
                bare.append(bare_rate(url, SECONDS / 2))
                ours.append(daemon_rate(source, url))
            print(
                f"{url}: bare client {statistics.median(bare):.1f}/s, daemon {statistics.median(ours):.1f}/s, "
                f"ratio {statistics.median(ours) / statistics.median(bare):.2f}",
                flush=True,
            )


def daemon_rate(source: str, url: str) -> float:
    """Frames a second of a file, looped by as many cameras as keep a server busy."""
    return attempt({"c": {"source": source}}, {"url": url}, "auto", SECONDS, warm_s=2.0).fps


@contextmanager
def distant(port: int, round_trip_s: float) -> Iterator[int]:
    """A port of this machine from which the server at another one is this far away; without limit of throughput."""
    loop, ready, ports = asyncio.new_event_loop(), threading.Event(), list[int]()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    writer.close()
                    return
                writer.write(data)
                await writer.drain()

        delivering = asyncio.create_task(deliver())
        with suppress(OSError):
            while data := await reader.read(1 << 18):
                queue.put_nowait((time.monotonic() + round_trip_s / 2, data))
        queue.put_nowait((time.monotonic() + round_trip_s / 2, b""))
        with suppress(OSError):
            await delivering

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
        await asyncio.gather(pump(reader, back), pump(there, writer))

    async def serve() -> None:
        server = await asyncio.start_server(take, "127.0.0.1", 0, limit=1 << 24)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        await server.serve_forever()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    ready.wait()
    yield ports[0]


class Server:
    """tests/inference_server.py in a process of its own."""

    def __init__(self, model: str, delay_ms: float = 0.0, port: int = 0) -> None:
        command = [sys.executable, "-m", "tests.inference_server", model, str(port), str(delay_ms)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()
        self.port = int(self.url.split(":")[2].split("/")[0])

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def distances(model: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = str(write_clip(Path(folder) / "street.mp4", 600))
        server = Server(model, delay_ms=SERVICE_MS)
        bare: list[float] = []
        found: dict[int, list[float]] = {added: [] for added in ADDED_MS}
        try:
            for _ in range(ROUNDS):
                bare.append(bare_rate(server.url, SECONDS / 2))
                for added in ADDED_MS:
                    with distant(server.port, added / 1e3) as port:
                        found[added].append(daemon_rate(source, f"http://127.0.0.1:{port}/m"))
        finally:
            server.kill()
    near = statistics.median(found[0])
    print(f"bare client {statistics.median(bare):.1f}/s, daemon {near / statistics.median(bare):.2f} of that", bare)
    for added, fps in found.items():
        print(f"+{added} ms: {statistics.median(fps):.1f} frames/s, ratio {statistics.median(fps) / near:.2f}", fps)


def killed(model: str, plot: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        servers = [Server(model, delay_ms=AWAY_MS), Server(model, delay_ms=AWAY_MS)]
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
            servers[1] = Server(model, delay_ms=AWAY_MS, port=servers[1].port)
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
        case ["rate", *urls]:
            rates(urls)
        case ["distance", model]:
            distances(model)
        case ["killed", model, plot]:
            killed(model, plot)
        case _:
            print(__doc__, file=sys.stderr)
            sys.exit(2)
