"""Runs that start at the same moment do not sweep one another's folders away."""

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

from edge_daemon.supervisor.folders import LOCK, run_folder

RUNS = 150


def _run(place: Path, answer: Connection) -> None:
    """Begin and end many runs; tells how many kept their folder."""
    kept = 0
    try:
        for _ in range(RUNS):
            with run_folder(place) as folder:
                kept += (folder / LOCK).exists()
    finally:
        answer.send(kept)


def test_runs_that_start_at_once_keep_their_folders(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    pipes = [spawn.Pipe(duplex=False) for _ in range(3)]
    runs = [spawn.Process(target=_run, args=(tmp_path, answer)) for _, answer in pipes]
    for run in runs:
        run.start()
    assert [told.recv() for told, _ in pipes] == [RUNS] * len(runs)
    for run in runs:
        run.join(30)
    assert not list(tmp_path.iterdir())
