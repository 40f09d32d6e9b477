"""Everything that workers have in common: their sockets, their messages, and the way they leave."""

import logging
from pathlib import Path

import msgspec
import zmq

from edge_daemon.errors import WireError
from edge_daemon.messages.codec import Decoder
from edge_daemon.messages.findings import Found
from edge_daemon.messages.frames import Header, Input, Upload
from edge_daemon.messages.scheduling import Leaving, ToWorker, WorkerHello
from edge_daemon.messages.status import WorkerReport
from edge_daemon.models.description import description
from edge_daemon.models.model import Model
from edge_daemon.runtime.control import Control
from edge_daemon.runtime.crash_marker import CrashMarker, FrameId, InHand
from edge_daemon.settings import ModelSettings, WorkerSettings
from edge_daemon.transport import zeromq
from edge_daemon.transport.peer import Peer
from edge_daemon.transport.shared_memory import Mappings
from edge_daemon.worker.job import Job
from edge_daemon.worker.outbox import STOP_S, Outbox
from edge_daemon.worker.quarantine import REASONS, Quarantine
from edge_daemon.worker.report import filtered

logger = logging.getLogger(__name__)
REST_MS = 1000
"""Time to wait for a picture before looking for commands."""
FADING = 0.99
"""Share of the longest time for a frame that is left of it one frame later."""
BURST = 64


class BaseWorker:
    """Receives pictures at its inbox, and sends what is found in them. Without `batches`, it marks what it has in
    hand.
    """

    def __init__(
        self, control: Control, settings: WorkerSettings, context: zmq.Context[zmq.Socket[bytes]], *, batches: bool
    ) -> None:
        self._control, self._settings = control, settings
        self._address = zeromq.of_this_process(settings.inbox)  # pictures for an earlier worker must not arrive here
        self._inbox = zeromq.inbox(context, self._address)
        self._sources: list[zmq.Socket[bytes] | int] = [self._inbox]  # of what `step` serves
        self._mappings = Mappings()
        self._crash_marker = None if batches else CrashMarker(settings.inbox)
        self._peer = Peer(settings.dispatcher, settings.worker)
        self._outbox = Outbox(control, settings, context, self._peer, self._report)
        self._decode_header: Decoder[Header] = Decoder(Header)
        self._from_dispatcher: Decoder[list[ToWorker]] = Decoder(list[ToWorker])
        self._served, self._longest_s = 0, 0.0
        self._described: object = None
        folder = settings.quarantine
        self._quarantine = Quarantine(Path(folder), settings.worker, without_token(settings.model)) if folder else None

    def step(self) -> None:
        """Serve what has arrived."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the sockets once they have sent what is under way."""
        self._peer.close()
        self._outbox.close()
        self._inbox.close()
        if self._crash_marker:
            self._crash_marker.close()

    def _introduce(self) -> None:
        """Send the dispatcher the hello of this worker."""
        raise NotImplementedError

    def _hello(self, input: Input | None, credit: int = 1) -> None:
        self._outbox.send_now(
            WorkerHello(
                worker=self._settings.worker,
                model=self._settings.model.name,
                inbox=self._address,
                input=input,
                credit=credit,
            )
        )

    def _input_of(self, model: Model) -> Input | None:
        """Size that is enough of a picture; None for a model that looks at parts of it."""
        if self._settings.model.after is not None:
            return None
        height, width = model.size
        recipe = model.recipe
        crop = recipe.zoom if recipe.fit == "crop" else None
        return Input(width=width, height=height, stretch=recipe.fit == "stretch", crop=crop)

    def _describe(self, model: Model) -> None:
        """Leave a description of the model for the web, and another one when a frame has settled how it is read."""
        if self._settings.description is None or self._described is model.facts:
            return
        self._described = model.facts
        try:
            file = Path(self._settings.description)
            new = file.with_name(f".{file.name}")
            new.write_bytes(msgspec.json.encode(description(model, self._settings.model)))
            new.replace(file)
        except OSError as error:
            logger.warning("cannot describe the model: %s", error.strerror)

    def _receive(self) -> Job | None:
        """Receive a picture that has arrived; None if its header cannot be read."""
        header, *payload = self._inbox.recv_multipart(copy=False)
        try:
            described = self._decode_header(header.buffer)
            shared = self._mappings.data(described.shared) if described.shared else memoryview(b"")
            return Job(described, payload[0].buffer if payload else shared)
        except WireError as error:
            logger.warning("dropped a frame: %s", error)
            self._introduce()  # it is ready, and cannot name the frame
            return None

    def _send(self, job: Job) -> None:
        """Send the outcome of a job."""
        if self._quarantine and job.failed in REASONS:
            self._quarantine.put(job.header, job.payload, job.failed, job.error)
        self._outbox.add(job, _found(job))
        if job.header.shared:
            self._mappings.give_back(job.header.shared)
        self._served += 1

    def _mark(self, picture: InHand) -> None:
        """Record what this worker has in hand."""
        if self._crash_marker:
            self._crash_marker.put(picture)

    def _report(self) -> WorkerReport:
        """The figures for heartbeats."""
        raise NotImplementedError

    @property
    def _rejected(self) -> int:
        return self._decode_header.rejected + self._from_dispatcher.rejected

    def _leave(self) -> None:
        """Serve the pictures that are on their way here, until the dispatcher reports no more, or is gone."""
        poller = poller_of(*self._sources, self._peer.fileno())
        self._outbox.send_now(Leaving(worker=self._settings.worker, inbox=self._address))
        while self._peer.connected and (ready := dict(poller.poll(round(STOP_S * 1e3)))):
            if any(source in ready for source in self._sources):
                self.step()
            elif self._read_dismissal():
                break
        self._outbox.flush()

    def _read_dismissal(self) -> bool:
        """Read the dispatcher's messages; true if it dismisses this worker."""
        for data in self._peer.receive(BURST):
            try:
                if any(message.inbox == self._address for message in self._from_dispatcher(data)):
                    return True
            except WireError as error:
                logger.warning("dropped a message from the dispatcher: %s", error)
        return False


def without_token(model: ModelSettings) -> ModelSettings:
    """The settings of a model, to be kept on disk."""
    if model.remote is None:
        return model
    return msgspec.structs.replace(model, remote=msgspec.structs.replace(model.remote, token=None))


def poller_of(*waited_for: zmq.Socket[bytes] | int) -> zmq.Poller:
    """A poller for these sockets and file descriptors."""
    poller = zmq.Poller()
    for one in waited_for:
        poller.register(one, zmq.POLLIN)
    return poller


def in_hand(header: Header) -> InHand:
    """A picture as the crash marker names it."""
    return header.number if isinstance(header, Upload) else FrameId(header.camera, header.epoch, header.seq)


def _found(job: Job) -> Found:
    if job.failed:
        return Found()
    found = job.report()
    return filtered(found, job.header.filter) if isinstance(job.header, Upload) else found
