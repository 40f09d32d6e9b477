"""A capture's process as its neighbours know it: what it announces, sends, and when it is done."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from edge_daemon.capture.process import serve
from edge_daemon.messages.codec import Decoder, Message, pack
from edge_daemon.messages.frames import Frame
from edge_daemon.messages.scheduling import (
    Announce,
    CaptureHello,
    Ended,
    Missing,
    Release,
    Send,
    Sent,
    ToDispatcher,
    Welcome,
)
from edge_daemon.runtime import control
from edge_daemon.runtime.control import Control, Finished, ProcessChannel, Stop
from edge_daemon.settings import CaptureSettings
from edge_daemon.transport import zeromq
from edge_daemon.transport.hub import Hub
from tests.video_files import B_FRAMES, write_video
from tests.waiting import eventually

WAIT_S = 20.0
EPOCH = 1_700_000_000
FRAMES = 12


class Neighbours:
    """The supervisor's, the dispatcher's and a worker's end of a capture that reads a file."""

    def __init__(self, folder: Path, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self._dispatcher, self.worker = zeromq.ipc(folder, "dispatcher"), zeromq.ipc(folder, "worker")
        self._hub, self._inbox = Hub(self._dispatcher), zeromq.inbox(context, self.worker)
        self._decode: Decoder[list[ToDispatcher]] = Decoder(list[ToDispatcher])
        self._frame: Decoder[Frame] = Decoder(Frame)
        self._messages: deque[ToDispatcher] = deque()
        self._peer = ""
        self._supervisor = ProcessChannel()
        self._child = Control(self._supervisor.theirs.detach())
        source = str(write_video(folder / "v.mp4", FRAMES, options=B_FRAMES))
        settings = CaptureSettings(camera="c", source=source, delivery="lossless", dispatcher=self._dispatcher)
        self._supervisor.start(control.encoded_start(settings, hang_s=60.0))
        self._thread = threading.Thread(target=serve, args=(self._child,))
        self._thread.start()

    def message(self) -> ToDispatcher:
        """The capture's next message to the dispatcher."""

        def arrived() -> bool:
            self._hub.wait(100)
            for peer, packet in self._hub.receive():
                self._peer = peer
                self._messages.extend(self._decode(packet))
            return bool(self._messages)

        eventually(arrived, WAIT_S, what="a message", every_s=0)
        return self._messages.popleft()

    def send(self, *messages: Message) -> None:
        self._hub.send(self._peer, pack(messages))

    def request(self, seq: int, inbox: str | None = None) -> None:
        self.send(Send(model="m", worker="m-0", inbox=inbox or self.worker, seq=seq))

    def frame(self) -> Frame:
        """The header of the next frame that the worker receives."""
        assert self._inbox.poll(round(1000 * WAIT_S))
        return self._frame(self._inbox.recv_multipart()[0])

    def is_finished(self) -> bool:
        """True once the capture has reported that it is done."""
        return any(isinstance(report, Finished) for report in self._supervisor.receive() or ())

    def close(self) -> None:
        self._supervisor.send(Stop())
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        self._hub.close()
        self._inbox.close(0)
        self._child.close()
        self._supervisor.close()


@pytest.fixture
def neighbours(tmp_path: Path) -> Iterator[Neighbours]:
    with zmq.Context() as context:
        made = Neighbours(tmp_path, context)
        try:
            yield made
        finally:
            made.close()


def served(neighbours: Neighbours) -> list[Frame]:
    """The frames that are announced up to the end, each of which is requested and sent."""
    frames = []
    while not isinstance(message := neighbours.message(), Ended):
        if isinstance(message, Announce):
            neighbours.request(message.seq)
            frames.append(neighbours.frame())
            assert frames[-1].seq == message.seq
            neighbours.send(Release(epoch=EPOCH, seq=message.seq, finished=False))
    assert message == Ended(camera="c", epoch=EPOCH, captured=FRAMES, paced=0)
    return frames


def test_every_frame_is_announced_and_sent_with_its_times(neighbours: Neighbours) -> None:
    assert neighbours.message() == CaptureHello(camera="c", epoch=None, buffered=[], ended=None)
    neighbours.send(Welcome(epoch=EPOCH, next_seq=3))
    began_ns = time.monotonic_ns()
    frames = served(neighbours)
    assert [frame.seq for frame in frames] == list(range(3, FRAMES))
    for frame in frames:
        assert (frame.epoch, frame.width, frame.height) == (EPOCH, 128, 96)
        assert frame.time_s == pytest.approx(frame.seq / 25)
        assert began_ns < frame.captured_ns < time.monotonic_ns()
        assert frame.captured_at.startswith("2023-11-14T22:13:20.")
    neighbours.send(Release(epoch=EPOCH, seq=FRAMES - 1, finished=True))
    eventually(neighbours.is_finished, WAIT_S)


def test_a_frame_that_was_released_is_missing(neighbours: Neighbours) -> None:
    neighbours.message()
    neighbours.send(Welcome(epoch=EPOCH, next_seq=0))
    served(neighbours)
    neighbours.request(FRAMES)
    while isinstance(message := neighbours.message(), Sent):
        pass
    assert message == Missing(camera="c", epoch=EPOCH, model="m", worker="m-0", seq=FRAMES)


def test_one_that_comes_back_when_all_is_accounted_for_is_done(neighbours: Neighbours) -> None:
    """It died after its last frame was delivered: there is nothing to begin with."""
    hello = neighbours.message()
    assert isinstance(hello, CaptureHello)
    neighbours.send(Release(epoch=EPOCH, seq=FRAMES - 1, finished=True))
    eventually(neighbours.is_finished, WAIT_S)
