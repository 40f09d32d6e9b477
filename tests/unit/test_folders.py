"""The folder of a run: private, gone afterwards, and left alone by other runs."""

import multiprocessing
import os
import signal
import stat
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from edge_daemon.errors import StartError
from edge_daemon.supervisor.folders import LOCK, run_folder

RUNS = 150


def _run(place: Path, answer: Connection) -> None:
    """Begin and end many runs; send how many kept their folder."""
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
    assert [kept.recv() for kept, _ in pipes] == [RUNS] * len(runs)
    for run in runs:
        run.join(30)
    assert not list(tmp_path.iterdir())


def test_the_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with run_folder(tmp_path) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        with run_folder(tmp_path) as other:
            assert folder.exists(), "another run's folder is left alone"
            assert other != folder
    assert not list(tmp_path.iterdir())


def _hold(place: str) -> None:
    with run_folder(Path(place)):
        os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    victim = multiprocessing.get_context("spawn").Process(target=_hold, args=(str(tmp_path),))
    victim.start()
    victim.join(30)
    (left,) = tmp_path.iterdir()
    with run_folder(tmp_path):
        assert not left.exists()


def test_a_place_where_no_folder_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="cannot make a folder for sockets in"), run_folder(tmp_path / "file"):
        pass
