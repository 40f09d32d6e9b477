"""Epochs go upwards over restarts, whatever the clock and the disk do."""

import logging
import tempfile
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_daemon.dispatcher import epoch_file
from edge_daemon.dispatcher.dispatcher import Dispatcher
from edge_daemon.dispatcher.epoch_file import EpochFile
from edge_daemon.dispatcher.epochs import Epochs
from edge_daemon.messages.accounting import SinkHello
from edge_daemon.messages.scheduling import CaptureHello, Welcome
from edge_daemon.runtime.state import exclusive
from edge_daemon.settings import CameraPlan, ModelPlan

PLAN = {"c": CameraPlan(models=["m"], delivery="live")}


def begun(path: Path, wall_s: float, captures: int = 1) -> list[int]:
    """Epochs that one dispatcher gives to several captures, one after another, while the wall clock stands still."""
    file, begun = EpochFile(path), list[int]()
    epochs = Epochs(file.load(), wall=lambda: wall_s)
    core = Dispatcher(PLAN, {"m": ModelPlan()}, epochs=epochs)
    core.receive("sink", SinkHello(streams=[], watched=[]))
    for number in range(captures):
        core.receive(f"capture/{number}", CaptureHello(camera="c", epoch=None, buffered=[], ended=None))
        assert epochs.changed
        file.save(epochs.highest)
        begun += [message.epoch for _, message in core.outbox if isinstance(message, Welcome)]
        core.outbox.clear()
    return begun


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 4e9), st.integers(1, 3)), min_size=1, max_size=6))
def test_an_epoch_is_above_all_before_it_and_the_wall_clock_where_that_is(runs: list[tuple[float, int]]) -> None:
    highest = 0
    with tempfile.TemporaryDirectory() as folder:
        for wall_s, captures in runs:
            for epoch in begun(Path(folder) / "epochs.json", wall_s, captures):
                assert epoch == max(int(wall_s), highest + 1)
                highest = epoch


def test_cameras_that_are_away_keep_theirs(tmp_path: Path) -> None:
    file = EpochFile(tmp_path / "state" / "epochs.json")
    assert file.load() == {}
    file.save({"door": 7, "yard": 9})
    file.save({"door": 8})
    file.save({"yard": 3, "gate": 1})
    assert file.load() == {"door": 8, "yard": 9, "gate": 1}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b'{"v": 2, "epochs": {"c": 5}}',
        b'{"epochs": {"c": -1}}',
        b'{"epochs": {"c": 1e300}}',
        b'{"epochs": {"c": "5"}}',
        b'{"epochs": {"c": 99999999999999999}}',
    ],
)
def test_a_file_that_is_broken_or_unknown_is_reported_and_replaced(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "epochs.json"
    path.write_bytes(content)
    assert EpochFile(path).load() == {}
    assert str(path) in caplog.text
    assert begun(path, 5.0) == [5]
    assert EpochFile(path).load() == {"c": 5}


def test_where_it_cannot_be_written_cameras_go_on_and_a_warning_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    assert begun(tmp_path / "file" / "epochs.json", 5.0, 2) == [5, 6]
    assert "cannot write" in caplog.text


def test_a_disk_that_is_stuck_holds_up_cameras_for_a_while_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epoch_file, "WAIT_S", 0.05)
    caplog.set_level(logging.WARNING)
    file = EpochFile(tmp_path / "epochs.json")
    with exclusive(tmp_path):
        file.save({"c": 5})
        assert "takes long" in caplog.text
        assert file.load() == {}
    monkeypatch.setattr(epoch_file, "WAIT_S", 10.0)
    file.save({"c": 6})
    assert file.load() == {"c": 6}


def _save(path: Path, camera: str) -> None:
    for epoch in range(1, 51):
        EpochFile(path).save({camera: epoch, "both": epoch})


def test_two_daemons_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    spawn, path = get_context("spawn"), tmp_path / "epochs.json"
    daemons = [spawn.Process(target=_save, args=(path, camera)) for camera in ("a", "b")]
    for daemon in daemons:
        daemon.start()
    for daemon in daemons:
        daemon.join(60)
        assert daemon.exitcode == 0
    assert EpochFile(path).load() == {"a": 50, "b": 50, "both": 50}
