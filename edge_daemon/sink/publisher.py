"""Publishes to subscribers: results, annotated frames, the status; and knows who subscribes to what."""

from collections import deque
from collections.abc import Container
from typing import TYPE_CHECKING

import msgspec
import zmq

from edge_daemon.errors import StartError
from edge_daemon.messages.events import Event
from edge_daemon.messages.published import Result
from edge_daemon.messages.status import Status
from edge_daemon.messages.topics import FRAME, REPLAY, STATUS, OfCamera, topic_of
from edge_daemon.settings import SinkSettings
from edge_daemon.sink.reorder_buffer import Arrival
from edge_daemon.sink.replay import Replay
from edge_daemon.transport import zeromq
from edge_daemon.transport.connections import Connections
from edge_daemon.transport.curve import ANY, Authenticator
from edge_daemon.transport.subscriptions import SUBSCRIBE, Subscriptions

if TYPE_CHECKING:
    from edge_daemon.sink.annotator import Annotator
    from edge_daemon.sink.saver import Saver

BURST = 64
MOST_HELD = 32
"""Annotated frames of a lossless camera that wait for its slower models."""
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
        self._socket = zeromq.publisher(context, settings.secret_key)
        self._connections = Connections(self._socket)
        self._subscriptions = Subscriptions()
        self._annotator: Annotator | None = None
        self._saver = _saver(settings)
        self._replay = Replay()
        self._held: dict[str, deque[tuple[Result, Arrival]]] = {}  # of lossless cameras, in order
        self._newest: dict[str, tuple[Result, Arrival]] = {}  # annotated frames of live cameras, until `flush`
        self.watched: list[str] = list(settings.cameras) if self._saver else []
        self.is_waiting = settings.wait_for > 0
        self._local: set[str] = set()
        try:
            zeromq.move(self._socket, [], settings.publish, guarded=self._authenticator is not None)
        except StartError:
            self.close()
            raise
        if not self.is_waiting:
            self._publish_locally(settings)

    @property
    def sources(self) -> tuple[zmq.Socket[bytes], zmq.Socket[bytes]]:
        """Sockets to poll for subscriptions and connections."""
        return self._socket, self._connections.changes

    def receive(self, ready: Container[object]) -> None:
        """Read who has come, and what they subscribe to."""
        if self._connections.changes in ready:
            self._connections.update()
        if self.is_waiting and self._connections.settled(self._settings.wait_for, SETTLED_S):
            self.is_waiting = False
            self._publish_locally(self._settings)
        if self._socket in ready:
            for parts in zeromq.receive(self._socket, BURST):
                self._subscriptions.receive(parts[0])
                if parts[0] == bytes([SUBSCRIBE]) + REPLAY.prefix():
                    self._send_again()
            self._watch()

    def publish(self, message: OfCamera, body: bytes) -> None:
        """Publish a message, encoded as JSON."""
        zeromq.send(self._socket, topic_of(message).prefix(message.camera), body)
        if isinstance(message, Event):
            self._replay.note(message, body)

    def _send_again(self) -> None:
        for camera, body in self._replay:
            zeromq.send(self._socket, REPLAY.prefix(camera), body)

    def publish_frame(self, result: Result, arrival: Arrival) -> None:
        """Publish the annotated frame that came with a result: at once where all count, else the newest on `flush`."""
        if not self.watched:
            return
        plan = self._settings.cameras[result.camera]
        if len(plan.models) > 1:
            self._drawn_together.note(arrival)
        if plan.delivery == "lossless":
            if arrival.picture is not None:
                self._held.setdefault(result.camera, deque()).append((result, arrival))
            self._release(result.camera)
        elif arrival.picture is not None:
            self._newest[result.camera] = result, arrival

    def end(self, camera: str, model: str) -> None:
        """Publish the annotated frames that waited for this model, which has looked at all of them."""
        if camera in self._held:
            self._drawn_together.end(camera, model)
            self._release(camera)

    def _release(self, camera: str, most: int = MOST_HELD) -> None:
        """Send the frames at which all models of a lossless camera have looked, or, beyond `most`, the oldest."""
        held = self._held.get(camera, deque())
        while held and (len(held) > most or not self._is_awaited(*held[0])):
            self._send_frame(*held.popleft())

    def _is_awaited(self, result: Result, arrival: Arrival) -> bool:
        """True if other models draw into the frame, and one of them has still to look at it."""
        if arrival.outcome.frame.annotate != "raw":
            return False
        return self._drawn_together.awaits(arrival.outcome.frame, self._others(result))

    def _others(self, result: Result) -> list[str]:
        return [model for model in self._settings.cameras[result.camera].models if model != result.model]

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
        """Apply new cameras, clients and quality. If a client's key is taken away, all subscribers are disconnected and
        connect again if they may.
        """
        if settings.quality != self._settings.quality:
            self._annotator = None
        if not self.is_waiting:
            self._publish_locally(settings)
        for camera in set(self._held) - set(settings.cameras):
            self._release(camera, most=0)
            del self._held[camera]
        before, self._settings = self._settings, settings
        if self._authenticator:
            self._authenticator.clients = frozenset(settings.clients)
            if ANY not in settings.clients and set(before.clients) - set(settings.clients):
                network = [address for address in settings.publish if address.startswith("tcp://")]
                zeromq.disconnect_all(self._socket, network, guarded=True)
        self._watch()

    def close(self) -> None:
        """Close the socket once it has sent what is under way."""
        for camera in self._held:
            self._release(camera, most=0)
        self._connections.close()
        self._socket.close()
        if self._saver:
            self._saver.close()
        if self._authenticator:
            self._authenticator.close()

    def _publish_locally(self, settings: SinkSettings) -> None:
        """Publish to the processes of the daemon that subscribe: the web, and bridges."""
        wanted = {*([settings.local] if settings.local else []), *settings.bridges}
        for address in self._local - wanted:
            self._socket.disconnect(address)
        for address in wanted - self._local:
            zeromq.publish_locally(self._socket, address)
        self._local = wanted

    def _watch(self) -> None:
        cameras = self._settings.cameras
        watched = [camera for camera in cameras if self._saver or self._subscriptions.include(FRAME.prefix(camera))]
        if watched != self.watched:
            self.watched = watched

    def _send_frame(self, result: Result, arrival: Arrival) -> None:
        jpeg = arrival.picture or b""
        if arrival.outcome.frame.annotate == "raw":
            jpeg, drawn = self._drawn_together.jpeg(arrival, self._others(result))
            result = msgspec.structs.replace(result, drawn=drawn)
        if self._saver:
            self._saver.add(result, jpeg, wait=self._settings.cameras[result.camera].delivery == "lossless")
        header = msgspec.json.encode(msgspec.structs.replace(result, type="frame", encoding="jpeg"))
        self._socket.send_multipart([FRAME.prefix(result.camera), header, jpeg], copy=False)

    @property
    def _drawn_together(self) -> "Annotator":
        if self._annotator is None:
            from edge_daemon.sink.annotator import Annotator  # not before it is needed: it loads OpenCV

            self._annotator = Annotator(self._settings.quality)
        return self._annotator


def _saver(settings: SinkSettings) -> "Saver | None":
    if not settings.save:
        return None
    from edge_daemon.sink.saver import Saver  # not before it is needed: it loads FFmpeg

    return Saver(settings.save, alone=len(settings.cameras) == 1)
