"""Kinds of processes that the supervisor does not know beforehand: started, reloaded, killed and stopped."""

import os
import signal
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from edge_daemon.config.load import loads
from edge_daemon.messages.status import ProcessStatus, Status
from edge_daemon.runtime.audit_log import AuditLog
from edge_daemon.supervisor import child, supervisor
from edge_daemon.supervisor.child import Child
from edge_daemon.supervisor.control_socket import ControlSocket
from edge_daemon.supervisor.kinds.kind import Kind, ProcessSpec
from edge_daemon.supervisor.kinds.run import Run
from edge_daemon.supervisor.plan import plan
from edge_daemon.supervisor.process_table import ProcessTable
from edge_daemon.supervisor.request_router import RequestRouter
from edge_daemon.supervisor.signals import Signals
from edge_daemon.supervisor.spawner import Spawner
from edge_daemon.supervisor.supervisor import Supervisor
from tests.echo import EchoReport, EchoSettings

WAIT_S = 30.0
CONFIG = loads("cameras: {door: {source: 'scene:'}}\nmodels: {m: {path: builtin:person}}\n", "here")
Script = Generator[None, Status, None]


class Echo(Kind[EchoSettings]):
    """All that the daemon has to know of a new kind of process."""

    role = "echo"
    module = "tests.echo"
    report = EchoReport
    shows_report = True

    def plan(self, run: Run) -> Iterator[ProcessSpec]:
        for name, word in words[self.role].items():
            settings = EchoSettings(name=name, word=word, file=str(run.folder.parent / "stopped"), lingers=word == "")
            yield ProcessSpec(kind=self, name=name, settings=settings)


class Listener(Echo):
    """One whose word changes while it runs."""

    role = "listener"
    reconfigured = "first"

    def restart_key(self, settings: EchoSettings) -> object:
        return settings.name


class Critic(Listener):
    """One that is asked after the listeners."""

    role = "critic"


words: dict[str, dict[str, str]] = {}
"""By role and name of the processes that are planned next."""
KINDS = (Listener(), Critic(), Echo())


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the processes often, and let the fork server find this module."""
    monkeypatch.setattr(supervisor, "TABLE_S", 0.05)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    words.clear()
    words.update({kind.role: {} for kind in KINDS})


def run(folder: Path, script: Callable[[], Script]) -> None:
    """Run the processes of `words` while `script` sees each status; it ends with the script."""
    steps = script()
    next(steps)

    def observe(status: Status) -> None:
        try:
            steps.send(status)
        except StopIteration:
            os.kill(os.getpid(), signal.SIGTERM)

    with Spawner(KINDS) as spawner, Signals() as signals, ControlSocket(folder, None) as control:
        Supervisor(
            plan(CONFIG, folder, kinds=KINDS),
            signals,
            spawner=spawner,
            control=control,
            load=lambda: plan(CONFIG, folder, kinds=KINDS),
            observe=observe,
        ).run()


def until(state: dict[str, str]) -> Generator[None, Status, dict[str, ProcessStatus]]:
    """Wait until the processes are exactly these, in these states."""
    deadline = time.monotonic() + WAIT_S
    while True:
        status = yield
        if {process.title: process.state for process in status.processes} == state:
            return {process.title: process for process in status.processes}
        assert time.monotonic() < deadline, status.processes


def reload(**changed: dict[str, str]) -> None:
    """Ask for a reload with other processes."""
    words.update(changed)
    os.kill(os.getpid(), signal.SIGHUP)


def test_a_kind_of_its_own_is_started_killed_reloaded_and_stopped(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()

    def script() -> Script:
        first = (yield from until({"echo a": "one", "echo b": "two"}))["echo a"]
        assert first.detail == {"words": 1, "rejected": 0}
        assert first.pid
        os.kill(first.pid, signal.SIGKILL)
        second = yield from until({"echo a": "one", "echo b": "two"})
        while second["echo a"].pid in (first.pid, None) or second["echo a"].state != "one":
            second = {process.title: process for process in (yield).processes}
        assert second["echo a"].restarts == 1
        reload(echo={"b": "three", "c": "four"})
        third = yield from until({"echo b": "three", "echo c": "four"})
        assert third["echo b"].pid != second["echo b"].pid, "it is replaced when its settings change"
        reload(echo={"c": "four"})
        fourth = yield from until({"echo c": "four"})
        assert fourth["echo c"].pid == third["echo c"].pid

    words["echo"] = {"a": "one", "b": "two"}
    run(folder, script)
    assert sorted((tmp_path / "stopped").read_text().split()) == ["a", "b", "b", "c"]


def test_settings_are_changed_while_it_runs_unless_another_kind_refuses_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()

    def script() -> Script:
        before = yield from until({"listener l": "one", "critic k": "one"})
        reload(listener={"l": "two"}, critic={"k": "two"})
        after = yield from until({"listener l": "two", "critic k": "two"})
        assert {title: process.pid for title, process in before.items()} == {
            title: process.pid for title, process in after.items()
        }
        reload(listener={"l": "three"}, critic={"k": "no"})
        while "no is no word" not in caplog.text:
            yield
        restored = yield from until({"listener l": "two", "critic k": "two"})
        assert restored["listener l"].detail["words"] == 4, "three, and two again"
        assert restored["listener l"].pid == before["listener l"].pid

    words.update(listener={"l": "one"}, critic={"k": "one"})
    run(folder, script)


def test_processes_stop_in_the_reverse_order_of_their_kinds(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()

    def script() -> Script:
        yield from until({"echo e": "one", "critic k": "one", "listener l": "one"})

    words.update(listener={"l": "one"}, critic={"k": "one"}, echo={"e": "one"})
    run(folder, script)
    assert (tmp_path / "stopped").read_text().split() == ["e", "k", "l"]


class Table:
    """A process table with one process of each word, whose longest `poll` is measured."""

    def __init__(self, folder: Path, spawner: Spawner) -> None:
        self.failures: list[str] = []
        self.longest_s = 0.0
        self.table = ProcessTable(
            plan(CONFIG, folder / "run", kinds=KINDS), spawner, self._failed, RequestRouter(AuditLog(None))
        )

    def _failed(self, failed: Child, was_ready: bool) -> None:
        self.failures.append(failed.why)

    def until(self, done: Callable[[], object]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not done():
            before = time.monotonic()
            assert before < deadline
            self.table.poll(0.05)
            self.longest_s = max(self.longest_s, time.monotonic() - before)


def test_a_process_that_lingers_after_it_closed_its_channel_is_killed_and_nobody_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "EXIT_S", 0.5)
    words["echo"] = {"a": "", "b": "one"}
    with Spawner(KINDS) as spawner:
        table = Table(tmp_path, spawner)
        lingering, other = table.table.children
        table.until(lambda: other.state == "one")
        table.longest_s = 0.0
        table.until(lambda: table.failures)
        assert table.failures == ["ended by SIGKILL"]
        assert table.longest_s < 0.4
        assert lingering.restarts == 1
        assert other.running
        table.table.stop(graceful=lambda: False)
    assert not table.table.children


def test_a_killed_process_that_a_driver_holds_is_not_started_a_second_time_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(child, "EXIT_S", 0.2)
    words["echo"] = {"a": ""}
    with Spawner(KINDS) as spawner, monkeypatch.context() as kernel:
        kernel.setattr(os, "waitpid", lambda pid, options: (0, 0))  # as for a process that the kernel cannot end
        table = Table(tmp_path, spawner)
        (held,) = table.table.children
        table.until(lambda: held.state.startswith("down"))
        assert held.state.startswith(f"down (process {held.pid} was killed but has not ended")
        assert "is stuck in the kernel" in caplog.text
        assert (held.starts, table.failures) == (1, [])
        kernel.undo()
        table.until(lambda: held.starts == 2)
        assert table.failures == ["ended by SIGKILL"]
        table.table.stop(graceful=lambda: False)


def test_a_kind_whose_processes_have_left_the_configuration_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()

    def script() -> Script:
        yield from until({"echo a": "one"})
        reload(echo={})
        yield from until({})
        reload(echo={"a": "one"})
        yield from until({"echo a": "one"})

    words["echo"] = {"a": "one"}
    caplog.set_level("INFO")
    run(folder, script)
    assert [line for line in caplog.messages if line.startswith("reloaded")] == [
        "reloaded: echo a removed",
        "reloaded: echo a added",
    ]
