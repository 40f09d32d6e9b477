"""How long one waits for the first answer."""

import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from benchmarks.contenders.subject import Subject
from benchmarks.daemon import running
from benchmarks.goals.live import config, played

TIMES = 3
EVERY_S = 0.01


def measure(subject: Subject, folder: Path, seconds: float) -> dict[str, float]:
    """Seconds; `seconds` is how long the camera of the page lasts."""
    file = folder / "check.yaml"
    file.write_text("cameras: {a: {source: 'scene:'}}\nmodels: {m: {path: builtin:person}}\n")
    camera = played(subject, folder / "start.mkv", 10.0, seconds)
    return {
        "start: check, s": _command("check", str(file)),
        "start: --help, s": _command("--help"),
        "start: first result of a file, s": statistics.median(_first_result(subject) for _ in range(TIMES)),
        "start: page, s": statistics.median(_page(camera) for _ in range(TIMES)),
    }


def free_address() -> str:
    """An address of this machine that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return "{}:{}".format(*taken.getsockname())


def _command(*arguments: str) -> float:
    def once() -> float:
        began = time.perf_counter()
        command = [sys.executable, "-m", "edge_daemon", *arguments]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began

    return statistics.median(once() for _ in range(TIMES))


def _first_result(subject: Subject) -> float:
    one = {"cameras": {"c": {"source": subject.clip}}, "models": {"m": {"path": subject.model}}}
    began = time.perf_counter()
    with running(one, "result/") as daemon:
        next(daemon.messages())
        return time.perf_counter() - began


def _page(camera: Subject) -> float:
    address = free_address()
    began = time.perf_counter()
    with running(config(camera, 1, 1, address)):
        while True:
            try:
                with urllib.request.urlopen(f"http://{address}/", timeout=1):
                    return time.perf_counter() - began
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(EVERY_S)
