"""Receives outcomes from workers: over channels, or over ZeroMQ if an annotated picture travels with them."""

import logging
import time
from collections.abc import Container, Iterator
from math import inf

import zmq

from edge_daemon.errors import WireError
from edge_daemon.imaging.header import read_header
from edge_daemon.messages.codec import Decoder
from edge_daemon.messages.frames import Frame
from edge_daemon.messages.outcomes import Outcome
from edge_daemon.sink.reorder_buffer import Arrival
from edge_daemon.transport import zeromq
from edge_daemon.transport.coalescer import Moderator
from edge_daemon.transport.hub import Hub

logger = logging.getLogger(__name__)
GONE_S = 3.0
"""What a worker sent has arrived this long after its process ended."""
BURST = 64
"""Messages read at once of each worker while they arrive densely, and pictures in any case."""


class Inbox:
    """The sockets that workers send to.

    Raises:
        StartError: one of them cannot be made.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], bind: str, pictures: str, moderator: Moderator) -> None:
        self._hub = Hub(bind)
        self._hub.on_connect, self._hub.on_disconnect = self._connect, self._note_gone
        self._pictures, self._pictures_at = zeromq.collector(context), pictures
        self._workers: dict[str, float] = {}  # addresses of their pictures, and when they disconnected
        self._moderator = moderator
        self._outcomes: Decoder[list[Outcome]] = Decoder(list[Outcome])
        self._outcome: Decoder[Outcome] = Decoder(Outcome)

    @property
    def sources(self) -> tuple[int, zmq.Socket[bytes]]:
        """File descriptor and socket to poll."""
        return self._hub.fileno(), self._pictures

    @property
    def rejected(self) -> int:
        """Number of malformed messages."""
        return self._outcomes.rejected + self._outcome.rejected

    def receive(self, ready: Container[object]) -> Iterator[Arrival]:
        """Yield the outcomes that have arrived at the sources that are `ready`."""
        if self._hub.fileno() in ready and self._hub.has_messages():
            self._moderator.arrived()
            for worker, packet in self._hub.receive(BURST if self._moderator.is_dense else 1):
                try:
                    for outcome in self._outcomes(packet):
                        yield Arrival(outcome, None, time.monotonic_ns())
                except WireError as error:
                    logger.warning("dropped a message from %s: %s", worker, error)
        for _ in range(BURST if self._pictures in ready else 0):
            if not self._pictures.poll(0):
                break
            header, *picture = self._pictures.recv_multipart(copy=False)
            try:
                outcome = self._outcome(header.buffer)
                yield Arrival(outcome, self._picture(outcome.frame, picture), time.monotonic_ns())
            except WireError as error:
                logger.warning("dropped a picture from a worker: %s", error)

    def close(self) -> None:
        """Close the sockets."""
        self._hub.close()
        self._pictures.close()

    def _connect(self, worker: str) -> None:
        """Connect to where a worker sends pictures, and disconnect from those that ended a while ago."""
        address, now = zeromq.of_process(self._pictures_at, worker.rpartition("/")[2]), time.monotonic()
        if address not in self._workers:
            self._pictures.connect(address)
        self._workers[address] = inf
        for gone in [address for address, since in self._workers.items() if now - since > GONE_S]:
            self._pictures.disconnect(gone)
            del self._workers[gone]

    def _note_gone(self, worker: str) -> None:
        self._workers[zeromq.of_process(self._pictures_at, worker.rpartition("/")[2])] = time.monotonic()

    def _picture(self, frame: Frame, parts: list[zmq.Frame]) -> memoryview | None:
        """The annotated picture beside an outcome: a JPEG of the frame's size, or its RGB bytes (height x width x 3).

        Raises:
            WireError: it is not what was requested.
        """
        if not parts:
            return None
        picture = parts[0].buffer
        if frame.annotate == "jpeg":
            fits = read_header(picture) == ("jpeg", frame.width, frame.height)
        else:
            fits = len(picture) == frame.width * frame.height * 3
        if not fits:
            raise self._outcome.reject(f"{len(picture)} bytes are no picture of {frame.width}x{frame.height}")
        return picture
