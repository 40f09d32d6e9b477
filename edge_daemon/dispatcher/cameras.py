"""All cameras, and the reports on their frames that the sink does not have yet."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence

from edge_daemon.dispatcher.camera import Camera
from edge_daemon.dispatcher.epochs import Epochs
from edge_daemon.dispatcher.outbox import SINK, Outbox
from edge_daemon.dispatcher.scheduler import Scheduler
from edge_daemon.dispatcher.stream import Stream
from edge_daemon.dispatcher.worker_slot import WorkerSlot
from edge_daemon.dispatcher.workers import Workers
from edge_daemon.messages.accounting import SinkHello, StartFrom, StreamState
from edge_daemon.messages.codec import Message
from edge_daemon.messages.scheduling import CaptureHello, FromCapture, Introduce, WorkerReady
from edge_daemon.settings import CameraPlan, ModelPlan

logger = logging.getLogger(__name__)


class Cameras:
    """Passes messages on to the cameras that they are about, and reports to the sink what has changed."""

    def __init__(self, outbox: Outbox, scheduler: Scheduler, workers: Workers, epochs: Epochs) -> None:
        self._outbox, self._scheduler, self._workers, self._epochs = outbox, scheduler, workers, epochs
        self._cameras: dict[str, Camera] = {}
        self._lossless: list[Camera] = []
        self._watched: Collection[str] = ()
        self._dirty: dict[Camera, None] = {}  # with changes that the sink may not know of
        self._resumed = False  # True once the sink has reported where to start

    def change(
        self, plans: Mapping[str, CameraPlan], models: Mapping[str, ModelPlan], restarted: Collection[str]
    ) -> None:
        """Switch to other cameras and models."""
        before, self._cameras = self._cameras, {}
        for name in plans:
            self._cameras[name] = before.get(name) or Camera(name, self._outbox, self._workers, self._epochs)
        for name in before.keys() - plans.keys():
            before[name].remove()
            self._dirty.pop(before[name], None)
        for name, camera in self._cameras.items():
            added = self._resumed and name not in before
            camera.change(plans[name], models, restarted=name in restarted, added=added)
        self._lossless = [camera for camera in self if camera.lossless]
        self.watch(self._watched)

    def __iter__(self) -> Iterator[Camera]:
        return iter(self._cameras.values())

    @property
    def streams(self) -> Iterator[Stream]:
        """All streams."""
        return (stream for camera in self for stream in camera.streams.values())

    # Captures

    def receive(self, peer: str, message: FromCapture) -> None:
        """Take a message of a capture."""
        camera = self._cameras.get(message.camera)
        if camera is None:
            logger.warning("ignored a message about camera %s, which is not configured", message.camera)
            return
        if isinstance(message, CaptureHello):
            camera.peer = peer
            if self._resumed:
                camera.greeted = peer
        if camera.greeted == peer == camera.peer:
            self.touch(camera)
            camera.receive(message)

    def capture_exited(self, name: str) -> None:
        """Handle the end of a camera's capture."""
        if camera := self._cameras.get(name):
            camera.peer = None
            self.touch(camera)
            camera.capture_lost()

    def send(self, name: str, message: Message) -> None:
        """Send a message to the capture of a camera."""
        self._cameras[name].send(message)
        self.touch(self._cameras[name])

    def served(self, slot: WorkerSlot, message: WorkerReady) -> None:
        """Handle a worker's report that it is done with a frame."""
        if camera := self._cameras.get(message.camera):
            self.touch(camera)
            camera.served(slot, message)

    def watch(self, watched: Collection[str]) -> None:
        """Set the cameras whose annotated frames have subscribers."""
        self._watched = set(watched)
        for stream in self.streams:
            stream.watched = stream.camera in self._watched

    def lossless_captures(self) -> list[str]:
        """Peer names of the captures of files."""
        return [camera.peer for camera in self._lossless if camera.peer]

    def is_lossless(self, name: str) -> bool:
        """True if the results of a camera's frames may be late."""
        return name in self._cameras and self._cameras[name].lossless

    # The sink

    def touch(self, camera: Camera) -> None:
        """Note that frames of a camera have changed."""
        self._dirty[camera] = None
        self._scheduler.wake(camera.streams.values())

    def touch_all(self) -> None:
        """Note that frames of any camera may have changed."""
        for camera in self:
            self.touch(camera)

    @property
    def is_idle(self) -> bool:
        """True if the sink knows all there is to know."""
        return not self._dirty

    def flush(self) -> None:
        """Report to the sink what it does not know from assignments."""
        dirty, self._dirty = self._dirty, {}
        for camera in dirty:
            for stream in camera.streams.values():
                if reports := stream.flush():
                    self._outbox.send(SINK, *reports)
                    self.touch(camera)
                if stream.is_waiting or not stream.can_report:
                    self._dirty[camera] = None

    def acknowledge(self, states: Sequence[StreamState]) -> None:
        """Apply the sink's acknowledgements."""
        cameras: dict[Camera, None] = {}
        for state in states:
            if camera := self._cameras.get(state.camera):
                cameras[camera] = None
                if stream := camera.streams.get(state.model):
                    stream.acknowledge(state)
        for camera in cameras:
            camera.release()

    def sink_hello(self, hello: SinkHello) -> None:
        """Handle a sink's hello: send it everything it needs. The first hello also shows captures where to start."""
        first, self._resumed = not self._resumed, True
        self.acknowledge(hello.streams)
        self.watch(hello.watched)
        self.touch_all()
        if first:
            for stream in self.streams:
                stream.resume()
            for camera in self:
                camera.send(Introduce())
        self._outbox.send(SINK, StartFrom(streams=[stream.outstanding.state for stream in self.streams]))
        if not first:
            for stream in self.streams:
                self._outbox.send(SINK, *stream.repeat())
