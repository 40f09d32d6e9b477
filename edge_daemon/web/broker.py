"""The thread that exchanges messages with dispatcher, workers and sink, for the event loop that serves HTTP."""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable

import zmq

from edge_daemon.errors import WireError
from edge_daemon.messages.codec import Decoder, Message, encode, pack
from edge_daemon.messages.frames import Input
from edge_daemon.messages.outcomes import UploadOutcome
from edge_daemon.messages.scheduling import Introduce, ModelInput, Returned, SendUpload, ToWeb
from edge_daemon.settings import WebSettings
from edge_daemon.transport import zeromq
from edge_daemon.transport.peer import Peer
from edge_daemon.web.requests import Requests

logger = logging.getLogger(__name__)
POLL_MS = 1000
BURST = 64
Receive = Callable[[list[bytes]], None]


class Broker(threading.Thread):
    """Sends requests and receives answers. Published messages are passed to `receive`, in this thread."""

    def __init__(self, settings: WebSettings, context: zmq.Context[zmq.Socket[bytes]], receive: Receive) -> None:
        super().__init__(name="broker", daemon=True)
        self._context, self._receive = context, receive
        address = zeromq.of_this_process(settings.replies)
        self._replies = zeromq.collector(context, address)
        self._peer = Peer(settings.dispatcher, "web")
        self._subscriber = zeromq.local_subscriber(context, settings.published, hwm=1000)
        self._requests = Requests(settings.models, address, most=settings.max_waiting)
        self._outboxes: dict[str, tuple[str, zmq.Socket[bytes]]] = {}
        self._from_dispatcher: Decoder[list[ToWeb]] = Decoder(list[ToWeb])
        self._from_worker: Decoder[UploadOutcome] = Decoder(UploadOutcome)
        self._todo: deque[Callable[[Requests], None]] = deque()
        self._topics: deque[tuple[bool, bytes]] = deque()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._over = False

    @property
    def connected(self) -> bool:
        """True while the dispatcher is connected."""
        return self._peer.connected

    @property
    def rejected(self) -> int:
        """Number of malformed messages received."""
        return self._from_dispatcher.rejected + self._from_worker.rejected

    def input_of(self, model: str) -> Input | None:
        """Size that is enough of a picture for a model; None if all of it is needed, or no worker has reported."""
        return self._requests.inputs.get(model)

    def do(self, what: Callable[[Requests], None]) -> None:
        """Run a function on the requests, soon, in this thread."""
        self._todo.append(what)
        os.eventfd_write(self._wake, 1)

    def subscribe(self, topic: bytes, *, wanted: bool) -> None:
        """Subscribe to a topic, or unsubscribe from it."""
        self._topics.append((wanted, topic))
        os.eventfd_write(self._wake, 1)

    def stop(self) -> None:
        """Stop the thread."""
        self._over = True
        os.eventfd_write(self._wake, 1)

    def run(self) -> None:
        """Exchange messages until stopped."""
        poller = zmq.Poller()
        for waited_for in (self._wake, self._peer.fileno(), self._replies, self._subscriber):
            poller.register(waited_for, zmq.POLLIN)
        while not self._over:
            ready = dict(poller.poll(self._peer.wait_ms(POLL_MS)))
            if self._wake in ready:
                os.eventfd_read(self._wake)
            if self._peer.renewed():
                self._say(self._requests.hello())
            self._do()
            self._hear_dispatcher()
            self._hear_workers()
            while self._subscriber.poll(0):
                self._receive(self._subscriber.recv_multipart())
            if self._requests.outbox:
                self._peer.send(pack(self._requests.outbox))
                self._requests.outbox.clear()
        self._peer.close()
        for socket in (self._replies, self._subscriber, *(outbox for _, outbox in self._outboxes.values())):
            socket.close(0)

    def _do(self) -> None:
        while self._todo:
            self._todo.popleft()(self._requests)
        while self._topics:
            wanted, topic = self._topics.popleft()
            (self._subscriber.subscribe if wanted else self._subscriber.unsubscribe)(topic)

    def _say(self, message: Message) -> None:
        self._peer.send(pack([message]))

    def _hear_dispatcher(self) -> None:
        for data in self._peer.receive(BURST):
            try:
                for message in self._from_dispatcher(data):
                    self._obey(message)
            except WireError as error:
                logger.warning("dropped a message from the dispatcher: %s", error)

    def _obey(self, message: ToWeb) -> None:
        match message:
            case SendUpload():
                self._send(message)
            case Returned():
                self._requests.returned(message)
            case ModelInput():
                self._requests.inputs[message.model] = message.input
            case Introduce():
                self._say(self._requests.hello())

    def _send(self, asked: SendUpload) -> None:
        if (found := self._requests.send(asked)) is None:
            return
        header, data = found
        address, outbox = self._outboxes.get(asked.worker, ("", None))
        if outbox is None or address != asked.inbox:
            if outbox is not None:
                outbox.close(0)
            outbox = zeromq.outbox(self._context, asked.inbox)
            self._outboxes[asked.worker] = asked.inbox, outbox
        outbox.send_multipart([encode(header), data], copy=False)

    def _hear_workers(self) -> None:
        while self._replies.poll(0):
            header, *picture = self._replies.recv_multipart(copy=False)
            try:
                outcome = self._from_worker(header.buffer)
            except WireError as error:
                logger.warning("dropped an answer: %s", error)
                continue
            self._requests.arrived(outcome, picture[0].buffer if picture else None)


def now_ns() -> int:
    """The clock shared by all processes of this machine."""
    return time.monotonic_ns()
