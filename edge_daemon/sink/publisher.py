"""Publishes to subscribers: results, annotated frames, the status; and knows who subscribes to what."""

from collections.abc import Container
from typing import TYPE_CHECKING

import msgspec
import zmq

from edge_daemon.errors import StartError
from edge_daemon.messages.published import Result
from edge_daemon.messages.status import Status
from edge_daemon.messages.topics import FRAME, RESULT, STATUS
from edge_daemon.settings import SinkSettings
from edge_daemon.sink.reorder_buffer import Arrival
from edge_daemon.sink.subscriptions import Subscriptions
from edge_daemon.transport import zeromq
from edge_daemon.transport.curve import Authenticator

if TYPE_CHECKING:
    from edge_daemon.sink.annotator import Annotator

BURST = 64
SETTLED_S = 0.2
"""Time that subscribers which a run waits for have to be connected: their subscriptions follow at once."""


class Publisher:
    """The socket that others subscribe to.

    A run may wait for its subscribers (`is_waiting`); until then the daemon's own processes cannot connect, since they
    would be counted. `watched` are the cameras whose annotated frames somebody subscribes to; each change makes a new
    list.

    Raises:
        StartError: an address cannot be bound.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], settings: SinkSettings) -> None:
        self._settings = settings
        self._authenticator = Authenticator(context, settings.clients) if settings.secret_key else None
        self._socket = zeromq.publisher(context, settings.publish, settings.secret_key)
        self._connections = zeromq.ConnectionCount(self._socket) if settings.wait_for else None
        self._subscriptions = Subscriptions()
        self._annotator: Annotator | None = None
        self._newest: dict[str, tuple[Result, Arrival]] = {}  # annotated frames of live cameras, until `flush`
        self.watched: list[str] = []
        if not self._connections:
            self._open_locally(settings)

    @property
    def source(self) -> zmq.Socket[bytes]:
        """Socket to poll for subscriptions."""
        return self._socket

    @property
    def is_waiting(self) -> bool:
        """True while a run waits for its subscribers."""
        return self._connections is not None

    def receive(self, ready: Container[object]) -> None:
        """Read who has come, and what they subscribe to."""
        if self._connections and self._connections.settled(self._settings.wait_for, SETTLED_S):
            self._connections.close()
            self._connections = None
            self._open_locally(self._settings)
        if self._socket in ready:
            for parts in zeromq.receive(self._socket, BURST):
                self._subscriptions.receive(parts[0])
            self._watch()

    def publish_result(self, camera: str, body: bytes) -> None:
        """Publish a `Result` or an `End`, encoded as JSON."""
        zeromq.send(self._socket, RESULT.prefix(camera), body)

    def publish_frame(self, result: Result, arrival: Arrival) -> None:
        """Publish the annotated frame that came with a result: at once where all count, else the newest on `flush`."""
        if not self.watched:
            return
        plan = self._settings.cameras[result.camera]
        if len(plan.models) > 1:
            self._drawn_together.note(arrival)
        if arrival.picture is None:
            return
        if plan.delivery == "lossless":
            self._send_frame(result, arrival)
        else:
            self._newest[result.camera] = result, arrival

    def flush(self) -> None:
        """Publish the newest annotated frame of each live camera: now there is time to draw."""
        for result, arrival in self._newest.values():
            self._send_frame(result, arrival)
        self._newest.clear()

    def publish_status(self, status: Status) -> None:
        """Publish the status."""
        self._socket.send_multipart([STATUS.prefix(), msgspec.json.encode(status)])

    def move(self, settings: SinkSettings) -> None:
        """Publish at the addresses of other settings; subscribers of those that stay notice nothing.

        Raises:
            StartError: that is not possible; it publishes where it did.
        """
        if settings.secret_key != self._settings.secret_key:
            raise StartError("another publish.secret_key needs a restart")
        guarded = self._authenticator is not None
        zeromq.move(self._socket, self._settings.publish, settings.publish, guarded=guarded)

    def change(self, settings: SinkSettings) -> None:
        """Apply new cameras, clients and quality."""
        if settings.quality != self._settings.quality:
            self._annotator = None
        if not self._settings.local and not self._connections:
            self._open_locally(settings)
        if self._authenticator:
            self._authenticator.clients = frozenset(settings.clients)
        self._settings = settings
        self._watch()

    def close(self) -> None:
        """Close the socket once it has sent what is under way."""
        if self._connections:
            self._connections.close()
        self._socket.close()
        if self._authenticator:
            self._authenticator.close()

    def _open_locally(self, settings: SinkSettings) -> None:
        if settings.local:
            zeromq.open_locally(self._socket, settings.local)

    def _watch(self) -> None:
        cameras = self._settings.cameras
        watched = [camera for camera in cameras if self._subscriptions.include(FRAME.prefix(camera))]
        if watched != self.watched:
            self.watched = watched

    def _send_frame(self, result: Result, arrival: Arrival) -> None:
        jpeg = arrival.picture or b""
        if arrival.outcome.frame.annotate == "raw":
            others = [model for model in self._settings.cameras[result.camera].models if model != result.model]
            jpeg = self._drawn_together.jpeg(arrival, others)
        header = msgspec.json.encode(msgspec.structs.replace(result, type="frame", encoding="jpeg"))
        self._socket.send_multipart([FRAME.prefix(result.camera), header, jpeg], copy=False)

    @property
    def _drawn_together(self) -> "Annotator":
        if self._annotator is None:
            from edge_daemon.sink.annotator import Annotator  # not before it is needed: it loads OpenCV

            self._annotator = Annotator(self._settings.quality)
        return self._annotator
