"""2,000 cameras and 3 models: every message of that size passes the sockets of a kernel with its default limits."""

import os
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import msgspec
import pytest
import zmq

from edge_daemon.dispatcher import process as dispatcher
from edge_daemon.messages.accounting import Acks, SinkHello, StartFrom, StreamState
from edge_daemon.messages.codec import MAX_BYTES, Decoder, pack
from edge_daemon.messages.scheduling import ToDispatcher
from edge_daemon.messages.status import CaptureReport, ProcessStatus, SinkReport, Status
from edge_daemon.runtime import control
from edge_daemon.runtime.control import Control, Heartbeat, ProcessChannel, Processes, Ready, Reconfigured, Report, Stop
from edge_daemon.settings import CameraPlan, DispatcherSettings, ModelPlan, SinkSettings
from edge_daemon.sink import process as sink
from edge_daemon.transport import zeromq
from edge_daemon.transport.hub import Hub
from tests.statuses import process

T = TypeVar("T")
WAIT_S = 30.0
SOCKET_BYTES = 212_992
"""net.core.wmem_default and wmem_max of an unchanged kernel."""
CAMERAS, MODELS, PROCESSES = 2000, ["person", "face", "plate"], 2500
PLAN = CameraPlan(models=MODELS, delivery="live")
STATES = [
    StreamState(
        camera=f"camera-{number}",
        model=model,
        epoch=1_763_800_000,
        resolved=10**7,
        published=10**7,
        delivered=10**7,
        dropped={"paced": 10**6, "replaced": 10**6, "stale": 10**5},
    )
    for number in range(CAMERAS)
    for model in MODELS
]


class Child:
    """`serve` of a process in a thread, and the supervisor's end of its control channel."""

    def __init__(self, serve: Callable[[Control], None], settings: msgspec.Struct) -> None:
        self._channel = ProcessChannel()
        theirs = Control(os.dup(self._channel.theirs.fileno()))
        self._channel.theirs.close()
        self._thread = Thread(target=self._run, args=(serve, theirs))
        self._thread.start()
        message = control.encoded_start(settings)
        assert len(message) > SOCKET_BYTES / 2
        self._channel.start(message)
        self.until(lambda report: isinstance(report, Ready))

    def _run(self, serve: Callable[[Control], None], theirs: Control) -> None:
        try:
            serve(theirs)
        finally:
            theirs.close()

    def send(self, command: control.Command) -> None:
        assert self._channel.send(command)

    def until(self, wanted: Callable[[Report], bool], meanwhile: Callable[[], None] = lambda: None) -> Report:
        """Serve the channel as the supervisor does, until a wanted report has arrived."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            writable = [self._channel] if self._channel.wants_to_write else []
            select.select([self._channel], writable, [], 0.05)
            self._channel.flush()
            meanwhile()
            reports = self._channel.receive()
            assert reports is not None, "it has ended"
            if found := [report for report in reports if wanted(report)]:
                return found[-1]
        raise TimeoutError

    def close(self) -> None:
        self._channel.send(Stop())
        while self._channel.receive() is not None:
            select.select([self._channel], [], [], WAIT_S)
        self._thread.join(WAIT_S)
        self._channel.close()


class Dispatcher:
    """The dispatcher's end of the channel to the sink."""

    def __init__(self, address: str) -> None:
        self.hub = Hub(address)
        self.hello: SinkHello | None = None
        self.acked: dict[tuple[str, str], StreamState] = {}
        self._decode: Decoder[list[ToDispatcher]] = Decoder(list[ToDispatcher])

    def serve(self) -> None:
        self.hub.wait(0)
        for peer, packet in self.hub.receive(100):
            for message in self._decode(packet):
                if isinstance(message, SinkHello):
                    self.hello = message
                    self.hub.send(peer, pack([StartFrom(streams=STATES)]))
                if isinstance(message, Acks):
                    self.acked |= {state.key: state for state in message.streams}


def table() -> list[ProcessStatus]:
    """A capture for each camera, and workers."""
    report = CaptureReport(
        fps=24.98, width=3840, height=2160, about="h265 3840x2160, 25 fps announced", announced=10**7, rejected=1
    )
    detail: dict[str, Any] = msgspec.to_builtins(report)
    captures = [process("capture", f"camera-{number}", detail=detail, cpu=0.123) for number in range(CAMERAS)]
    workers = [process("worker", f"person-{number}") for number in range(PROCESSES - CAMERAS)]
    return [*captures, *workers]


def settings(folder: Path, cameras: int) -> SinkSettings:
    return SinkSettings(
        bind=zeromq.ipc(folder, "sink"),
        pictures=zeromq.ipc(folder, "pictures"),
        dispatcher=zeromq.ipc(folder, "dispatcher"),
        publish=[zeromq.ipc(folder, "published")],
        cameras={f"camera-{number}": PLAN for number in range(cameras)},
    )


@pytest.fixture
def statuses(tmp_path: Path) -> Iterator[Callable[[Callable[[Status], object]], Status]]:
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.linger = 0
        socket.connect(zeromq.ipc(tmp_path, "published"))
        socket.subscribe("status/")

        def until(wanted: Callable[[Status], object]) -> Status:
            deadline = time.monotonic() + WAIT_S
            while time.monotonic() < deadline:
                if socket.poll(1000):
                    status = msgspec.json.decode(socket.recv_multipart()[1], type=Status)
                    if wanted(status):
                        return status
            raise TimeoutError

        yield until


def streams_of(report: Report) -> dict[str, dict[str, Any]]:
    assert isinstance(report, Heartbeat)
    assert len(report.report) > SOCKET_BYTES
    return msgspec.msgpack.decode(report.report, type=SinkReport).streams


def test_the_sink_and_its_neighbours(tmp_path: Path, statuses: Callable[[Callable[[Status], object]], Status]) -> None:
    neighbour = Dispatcher(zeromq.ipc(tmp_path, "dispatcher"))
    child = Child(sink.serve, settings(tmp_path, CAMERAS))
    try:
        child.until(lambda report: len(neighbour.acked) == len(STATES), neighbour.serve)
        rows = Processes(processes=table())
        assert MAX_BYTES > len(msgspec.msgpack.encode(rows)) > SOCKET_BYTES
        child.send(rows)
        report = child.until(lambda report: isinstance(report, Heartbeat), neighbour.serve)
        assert sum(map(len, streams_of(report).values())) == len(STATES)
        status = statuses(lambda status: status.processes)
        assert len(status.processes) == PROCESSES
        assert {(c.state, c.width, len(c.models)) for c in status.cameras.values()} == {("up", 3840, len(MODELS))}
        assert status.cameras["camera-7"].models["face"].delivered == 10**7

        child.send(control.reconfigure(settings(tmp_path, CAMERAS + 1), []))
        answer = child.until(lambda report: isinstance(report, Reconfigured), neighbour.serve)
        assert answer == Reconfigured()
        report = child.until(lambda report: isinstance(report, Heartbeat), neighbour.serve)
        assert len(streams_of(report)) == CAMERAS + 1

        neighbour.hub.close()
        again = Dispatcher(zeromq.ipc(tmp_path, "dispatcher"))
        child.until(lambda report: again.hello is not None, again.serve)
        assert again.hello
        assert len(again.hello.streams) == len(STATES)
        neighbour = again
    finally:
        child.close()
        neighbour.hub.close()


def test_the_dispatcher_starts_and_changes_with_as_many(tmp_path: Path) -> None:
    def plan(cameras: int) -> DispatcherSettings:
        return DispatcherSettings(
            bind=zeromq.ipc(tmp_path, "dispatcher"),
            cameras={f"camera-{number}": PLAN for number in range(cameras)},
            models=dict.fromkeys(PLAN.models, ModelPlan()),
        )

    child = Child(dispatcher.serve, plan(CAMERAS))
    try:
        child.send(control.reconfigure(plan(CAMERAS + 1), [f"camera-{number}" for number in range(CAMERAS)]))
        assert child.until(lambda report: isinstance(report, Reconfigured)) == Reconfigured()
    finally:
        child.close()
