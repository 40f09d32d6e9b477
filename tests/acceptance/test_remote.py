"""A model on inference servers that are killed, frozen and replaced while the real daemon runs."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from edge_daemon.models.builtin import path_of
from tests.acceptance.harness import clip
from tests.waiting import eventually

PERSON = str(path_of("person"))
WAIT_S = 60.0
SEEDS = int(os.environ.get("REMOTE_SEEDS", "2"))
"""How often a server is killed at random times, each time in another run; 20 before a release."""


class Server:
    """tests/inference_server.py in a process of its own, at a port that it keeps when it is started again."""

    def __init__(self, model: str = PERSON) -> None:
        self.model, self._port = model, 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.inference_server", self.model, str(self._port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.url = self._process.stdout.readline().strip()
        self._port = int(self.url.split(":")[2].split("/")[0])

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()


@contextmanager
def server() -> Iterator[Server]:
    one = Server()
    try:
        yield one
    finally:
        one.kill()


class Daemon:
    """`edge-daemon run` with one camera `c` and model `m`, and the results that it has written so far."""

    def __init__(self, folder: Path, camera: dict[str, Any], model: dict[str, Any]) -> None:
        folder.mkdir()
        config = {"cameras": {"c": camera}, "models": {"m": model}, "publish": {"bind": [f"ipc://{folder}/publish"]}}
        config["web"] = {"enabled": False}
        (folder / "config.yaml").write_text(json.dumps(config))
        self._file, self._log = folder / "results.jsonl", folder / "log"
        command = [
            sys.executable,
            "-m",
            "edge_daemon",
            "run",
            str(folder / "config.yaml"),
            "--results",
            str(self._file),
        ]
        with self._log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def rows(self) -> list[dict[str, Any]]:
        lines = self._file.read_text().splitlines(keepends=True) if self._file.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def results(self) -> list[dict[str, Any]]:
        return [row for row in self.rows() if row["type"] == "result"]

    def wait_for(self, count: int) -> None:
        eventually(lambda: len(self.results()) >= count, WAIT_S, what=f"{count} results\n{self._log.read_text()}")

    def finish(self) -> list[dict[str, Any]]:
        assert self.process.wait(WAIT_S) == 0, self._log.read_text()
        return self.rows()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(WAIT_S)


@contextmanager
def daemon(folder: Path, camera: dict[str, Any], model: dict[str, Any]) -> Iterator[Daemon]:
    one = Daemon(folder, camera, model)
    try:
        yield one
    finally:
        one.stop()


def found(rows: list[dict[str, Any]]) -> list[tuple[int, Any]]:
    return [(row["seq"], row["detections"]) for row in rows if row["type"] == "result"]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_frame_of_a_file_is_looked_at_once_however_often_the_server_dies(tmp_path: Path, seed: int) -> None:
    source, rng = str(clip(tmp_path / "clip.mp4", 150)), random.Random(seed)
    known = {"input": {"color": "rgb"}, "labels": ["person"]}
    with daemon(tmp_path / "here", {"source": source}, {"path": PERSON, **known}) as here:
        expected = here.finish()
    with server() as one, daemon(tmp_path / "there", {"source": source}, {"url": one.url, **known}) as there:
        for count in sorted(rng.sample(range(5, 140), 3)):
            there.wait_for(count)
            if rng.random() < 0.3:
                one.send(signal.SIGSTOP)
                there.wait_for(count)
                one.send(signal.SIGCONT)
            else:
                one.kill()
                one.start()
        rows = there.finish()
        assert {row["served_by"] for row in rows if row["type"] == "result"} == {one.url}
    assert found(rows) == found(expected)
    assert rows[-1] == {**expected[-1], "epoch": rows[-1]["epoch"]}


def test_the_model_here_stands_in_within_a_second_and_gives_back(tmp_path: Path) -> None:
    camera = {"source": "scene:?size=320x180", "fps": 10}
    with server() as one, daemon(tmp_path / "d", camera, {"url": one.url, "fallback": PERSON}) as run:
        for number in (signal.SIGKILL, signal.SIGSTOP):
            run.wait_for(len(run.results()) + 10)
            eventually(lambda: "served_by" in run.results()[-1], WAIT_S, what="the server")
            before = len(run.results())
            if number == signal.SIGKILL:
                one.kill()
            else:
                one.send(number)
            eventually(lambda: "served_by" not in run.results()[-1], WAIT_S, what="the model here")
            rows = run.results()
            switch = next(at for at in range(before - 1, len(rows)) if "served_by" not in rows[at])
            assert rows[switch]["time_s"] - rows[switch - 1]["time_s"] < 1.0
            assert rows[switch]["timing_ms"]["total"] < 1500
            if number == signal.SIGKILL:
                one.start()
            else:
                one.send(signal.SIGCONT)
            eventually(lambda: "served_by" in run.results()[-1], WAIT_S, what="the server again")
        rows = run.results()
    gaps = sum(sum(row["dropped"].values()) for row in rows)
    assert rows[-1]["seq"] == len(rows) - 1 + gaps  # every frame has its fate


def test_without_a_model_here_frames_in_flight_are_server_lost_and_latency_stays_bounded(tmp_path: Path) -> None:
    with server() as one, daemon(tmp_path / "d", {"source": "scene:?size=320x180", "fps": 10}, {"url": one.url}) as run:
        run.wait_for(20)
        one.send(signal.SIGSTOP)
        run_count = len(run.results())
        eventually(lambda: "server-lost" in run.rows()[-1].get("dropped", {}) or _lost(run), WAIT_S, what="the loss")
        one.send(signal.SIGCONT)
        run.wait_for(run_count + 20)
        assert all(row["timing_ms"]["total"] < 2500 for row in run.results())
        reasons = {reason for row in run.results() for reason in row["dropped"]}
    assert reasons <= {"server-lost", "stale", "replaced", "paced"}


def _lost(run: Daemon) -> bool:
    return "timeout" in run._log.read_text()


def test_a_box_without_such_models_imports_nothing_for_them(tmp_path: Path) -> None:
    with daemon(tmp_path / "d", {"source": "scene:?size=320x180"}, {"path": PERSON}) as run:
        run.wait_for(1)
        maps = [
            Path(f"/proc/{process.pid}/maps").read_text()
            for process in psutil.Process(run.process.pid).children(recursive=True)
        ]
        assert maps
        assert not any("grpc" in text for text in maps)
