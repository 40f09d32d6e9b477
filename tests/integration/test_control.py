"""The control channel over a real socket pair."""

import select
from threading import Thread

import msgspec
import pytest

from edge_daemon.errors import ModelError, StartError
from edge_daemon.messages.requests import ConfigProblem, Reload, Reply, Requester
from edge_daemon.messages.status import SinkReport, WorkerReport
from edge_daemon.runtime import control
from edge_daemon.runtime.control import (
    Ask,
    Control,
    Exited,
    Failed,
    Finished,
    Heartbeat,
    ProcessChannel,
    Ready,
    Replied,
    Report,
    Stop,
)
from edge_daemon.settings import CameraPlan, DispatcherSettings
from edge_daemon.transport.channel import Channel
from tests.statuses import stream_counts

WAIT_S = 10.0


def pair() -> tuple[ProcessChannel, Control]:
    """The supervisor's end of a control channel, and the process's."""
    ours = ProcessChannel()
    return ours, Control(ours.theirs.detach())


def test_settings_and_commands_go_down_and_reports_come_up() -> None:
    ours, child = pair()
    settings = DispatcherSettings(bind="ipc://x", cameras={})
    ours.start(control.encoded_start(settings, hang_s=1.0))
    assert child.settings(DispatcherSettings) == settings
    assert child.rest_ms(100) == 100
    assert child.rest_ms(2000) <= 500, "its heartbeat would come too late"
    child.ready()
    child.heartbeat("up", WorkerReport(served=3))
    child.heartbeat("up", WorkerReport(served=4))
    child.heartbeat("down")
    child.failed(ModelError("no such model"))
    child.finished()
    ready, up, down, failed, finished = ours.receive() or []
    assert (ready, failed, finished) == (Ready(), Failed(exit_code=3, sentence="no such model"), Finished())
    assert isinstance(up, Heartbeat)
    assert isinstance(down, Heartbeat)
    assert (up.state, down.state) == ("up", "down")
    assert msgspec.msgpack.decode(up.report, type=WorkerReport) == WorkerReport(served=3)
    ours.send(Exited(process="a", role="worker"))
    assert child.commands() == [Exited(process="a", role="worker")]
    before = child.stopping
    ours.send(Stop())
    assert child.commands() == [Stop()]
    assert (before, child.stopping) == (False, True)
    child.close()
    ours.close()


def test_a_process_that_dies_before_it_has_its_settings_is_gone_like_any_other() -> None:
    ours = ProcessChannel()
    ours.theirs.close()
    ours.start(control.encoded_start(DispatcherSettings(bind="ipc://x", cameras={})))
    assert ours.receive() is None
    ours.close()


def test_settings_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(StartError, match="is not UTF-8"):
        control.encoded_start(DispatcherSettings(bind="ipc:///tmp/\udce9", cameras={}))


def test_messages_far_larger_than_a_socket_takes_go_both_ways_and_the_supervisor_never_waits() -> None:
    ours, child = pair()
    plan = CameraPlan(models=["a", "b", "c"], delivery="live")
    settings = DispatcherSettings(bind="ipc://x", cameras={f"camera-{number}": plan for number in range(20_000)})
    ours.start(control.encoded_start(settings))
    ours.send(Exited(process="a", role="worker"))
    assert select.select([], [ours], [], 0)[1] == [], "the process has not read anything yet"
    received: list[DispatcherSettings] = []
    reader = Thread(target=lambda: received.append(child.settings(DispatcherSettings)))
    reader.start()
    while ours.wants_to_write:
        assert select.select([], [ours], [], WAIT_S)[1]
        ours.flush()
    reader.join(WAIT_S)
    assert received == [settings]
    assert child.commands() == [Exited(process="a", role="worker")]
    streams = {camera: dict.fromkeys(plan.models, stream_counts()) for camera in list(settings.cameras)[:5000]}
    reports: list[Report] = []
    writer = Thread(target=lambda: child.report("up", SinkReport(streams=streams)))
    writer.start()
    while not reports:
        assert select.select([ours], [], [], WAIT_S)[0]
        reports = ours.receive() or []
    writer.join(WAIT_S)
    (heartbeat,) = reports
    assert isinstance(heartbeat, Heartbeat)
    assert msgspec.msgpack.decode(heartbeat.report, type=SinkReport).streams == streams
    child.close()
    ours.close()


def test_each_end_learns_that_the_other_is_gone() -> None:
    ours, child = pair()
    ours.close()
    assert child.commands() == []
    assert child.stopping
    child.ready()
    child.close()
    ours, child = pair()
    child.ready()
    ours.send(Stop())
    child.close()  # with a command that it never read, which must not cost us what it reported
    assert ours.receive() == [Ready()]
    assert ours.receive() is None
    ours.close()


def test_requests_go_up_and_answers_come_down_by_their_ids() -> None:
    ours, child = pair()
    request = Reload(by=Requester(name="boss", role="administrator", via="web", address="10.0.0.4"))
    first, second = child.ask(request), child.ask(request)
    assert first != second
    assert ours.receive() == [Ask(id=first, request=request), Ask(id=second, request=request)]
    answer = Reply(exit_code=2, text="wrong", problems=[ConfigProblem(text="must be above 0", key="cameras.c.fps")])
    ours.send(Replied(id=second, reply=answer))
    ours.send(Replied(id=first, reply=Reply()))
    assert child.commands() == [Replied(id=second, reply=answer), Replied(id=first, reply=Reply())]
    child.close()
    ours.close()


def test_a_report_that_is_malformed_is_dropped_and_the_next_one_is_read(caplog: pytest.LogCaptureFixture) -> None:
    ours = ProcessChannel()
    process = Channel(ours.theirs)
    for message in (b"", b"\xc1", msgspec.msgpack.encode({"type": "reload.1"}), msgspec.msgpack.encode(Finished())):
        process.send(message)
    assert ours.receive() == [Finished()]
    assert "malformed report" in caplog.text
    process.close()
    ours.close()
