"""A worker's process as its neighbours know it: its address, its results, its word that it is free."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest
import zmq

from edge_daemon.messages.codec import Decoder, encode
from edge_daemon.messages.frames import Frame, Upload
from edge_daemon.messages.outcomes import Outcome
from edge_daemon.messages.scheduling import ToDispatcher, UploadDone, WorkerHello, WorkerReady
from edge_daemon.settings import ModelSettings, WorkerSettings
from edge_daemon.supervisor.child import Child
from edge_daemon.supervisor.kinds.kind import ProcessSpec
from edge_daemon.supervisor.kinds.worker import Worker
from edge_daemon.supervisor.spawner import Spawner
from edge_daemon.transport import zeromq
from edge_daemon.transport.hub import Hub
from edge_daemon.worker.outbox import POLL_MS
from tests.onnx_models import slow_model
from tests.waiting import eventually

START_S = 20.0
START_MS = 20_000
WIDTH, HEIGHT = 64, 48


class Neighbours:
    """The dispatcher's and the sink's sockets, and a worker between them."""

    def __init__(self, folder: Path, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self._context = context
        self.hub = Hub(zeromq.ipc(folder, "dispatcher"))
        self._sink = zeromq.ipc(folder, "sink")
        self.sink = Hub(self._sink)
        self._received: deque[ToDispatcher] = deque()
        self._outcomes: deque[Outcome] = deque()
        self._from_worker: Decoder[list[ToDispatcher]] = Decoder(list[ToDispatcher])
        self._outcome: Decoder[list[Outcome]] = Decoder(list[Outcome])
        self._spawner = Spawner()
        self.child = Child(
            ProcessSpec(
                kind=Worker(),
                name="m-0",
                settings=WorkerSettings(
                    worker="m-0",
                    model=ModelSettings(name="m", path=str(slow_model(folder / "m.onnx", 1))),
                    inbox=zeromq.ipc(folder, "worker-0"),
                    dispatcher=zeromq.ipc(folder, "dispatcher"),
                    sink=zeromq.ipc(folder, "sink"),
                    pictures=zeromq.ipc(folder, "pictures"),
                ),
            ),
            self._spawner,
        )

    def message(self) -> object:
        """The next message to the dispatcher."""

        def received() -> bool:
            for name, packet in self._messages(self.hub) if not self._received else ():
                assert name == "m-0"
                self._received.extend(self._from_worker(packet))
            return bool(self._received)

        eventually(received, START_S, what="a message to the dispatcher", every_s=0)
        return self._received.popleft()

    def outcome(self) -> Outcome:
        """The next outcome that the sink receives."""

        def there() -> bool:
            for _, packet in self._messages(self.sink) if not self._outcomes else ():
                self._outcomes.extend(self._outcome(packet))
            return bool(self._outcomes)

        eventually(there, START_S, what="a result", every_s=0)
        return self._outcomes.popleft()

    @staticmethod
    def _messages(hub: Hub) -> Iterator[tuple[str, bytes]]:
        hub.wait(START_MS)
        return hub.receive()

    def another_sink(self) -> None:
        """Replace the sink by another."""
        self.sink.close()
        self.sink = Hub(self._sink)

    def start(self) -> str:
        """Start the worker; the address at which it reads frames."""
        self.child.start()
        eventually(lambda: self.child.receive() and self.child.pid, START_S, what="its first report")
        hello = self.message()
        assert isinstance(hello, WorkerHello)
        assert (hello.worker, hello.model) == ("m-0", "m")
        return hello.inbox

    def kill(self) -> None:
        self.child.kill()
        eventually(lambda: self.child.receive() is None, START_S, what="the worker's end")
        self.child.hang_up()
        eventually(self.child.reap, START_S, what="its exit")

    def close(self) -> None:
        if self.child.running:
            self.kill()
        self._spawner.close()
        self.hub.close()
        self.sink.close()


@pytest.fixture
def neighbours(tmp_path: Path) -> Iterator[Neighbours]:
    with zmq.Context() as context:
        made = Neighbours(tmp_path, context)
        try:
            yield made
        finally:
            made.close()


@contextmanager
def capture(address: str) -> Iterator[zmq.Socket[bytes]]:
    """A capture's socket to the worker."""
    with zmq.Context() as context, zeromq.outbox(context, address) as outbox:
        yield outbox
        outbox.linger = 0


def frame(seq: int, *, deferrable: bool = False) -> list[bytes]:
    header = Frame(
        camera="c",
        epoch=1,
        seq=seq,
        captured_ns=0,
        captured_at="",
        width=WIDTH,
        height=HEIGHT,
        codec="raw",
        deferrable=deferrable,
    )
    return [encode(header), np.zeros((HEIGHT, WIDTH, 3), np.uint8).tobytes()]


def test_it_serves_a_frame_and_is_ready_again(neighbours: Neighbours) -> None:
    with capture(neighbours.start()) as outbox:
        for seq in range(2):
            outbox.send_multipart(frame(seq))
            assert neighbours.message() == WorkerReady(worker="m-0", camera="c", epoch=1, seq=seq)
            outcome = neighbours.outcome()
            assert (outcome.frame.seq, outcome.worker, outcome.failed) == (seq, "m-0", None)


def test_a_picture_that_is_cut_short_is_a_failure_and_the_next_is_served(neighbours: Neighbours) -> None:
    with capture(neighbours.start()) as outbox:
        header, picture = frame(0)
        outbox.send_multipart([header, picture[:-1]])
        outbox.send_multipart(frame(1))
        assert [neighbours.outcome().failed for _ in range(2)] == ["undecodable", None]
        assert all(isinstance(neighbours.message(), WorkerReady) for _ in range(2))


def test_a_malformed_header_does_not_keep_it_busy(neighbours: Neighbours) -> None:
    with capture(neighbours.start()) as outbox:
        header, picture = frame(0)
        for malformed in (b"no frame of ours", header.replace(b"\xa7quality\x55", b"\xa7quality\x7d")):
            assert malformed != header
            outbox.send_multipart([malformed, picture])
            assert isinstance(neighbours.message(), WorkerHello), "it is ready for another"


def test_uploads_of_a_web_that_is_gone_do_not_keep_it_busy(neighbours: Neighbours, tmp_path: Path) -> None:
    uploads = 40
    header = Upload(
        number=1, reply=zeromq.ipc(tmp_path, "web-4194305"), captured_ns=0, width=WIDTH, height=HEIGHT, codec="raw"
    )
    with capture(neighbours.start()) as outbox:
        began = time.monotonic()
        for number in range(uploads):
            reply = header.reply if number else "no address"
            outbox.send_multipart([encode(msgspec.structs.replace(header, number=number, reply=reply)), frame(0)[1]])
            assert neighbours.message() == UploadDone(worker="m-0", number=number)
        outbox.send_multipart(frame(0))
        assert neighbours.outcome().frame.seq == 0
        assert time.monotonic() - began < uploads * POLL_MS / 1e3 / 2


def test_a_result_goes_to_the_next_sink_if_its_own_is_gone(neighbours: Neighbours) -> None:
    with capture(neighbours.start()) as outbox:
        for seq in range(3):
            outbox.send_multipart(frame(seq))
            assert neighbours.outcome().frame.seq == seq
            neighbours.another_sink()


def test_a_file_s_frames_are_reported_two_at_a_time(neighbours: Neighbours) -> None:
    with capture(neighbours.start()) as outbox:
        for seq in range(5):
            outbox.send_multipart(frame(seq, deferrable=True))
        assert [neighbours.outcome().frame.seq for _ in range(5)] == list(range(5))
        messages = [neighbours.message() for _ in range(5)]
        assert [message.seq for message in messages if isinstance(message, WorkerReady)] == list(range(5))


def test_a_restarted_worker_reads_at_a_new_address(neighbours: Neighbours) -> None:
    """A frame on its way to the earlier one must not reach it: it was not assigned to it."""
    address = neighbours.start()
    neighbours.kill()
    assert neighbours.start() != address
