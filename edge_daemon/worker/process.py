"""A worker's process: it owns one model and serves one frame at a time."""

import logging
import os
import time
from typing import Any

import cv2
import zmq

from edge_daemon import sockets
from edge_daemon.errors import ModelError, PictureError, WireError
from edge_daemon.imaging.annotation import annotate
from edge_daemon.imaging.codecs import decode_bgr
from edge_daemon.imaging.colour import Pixels, bgr_to_rgb
from edge_daemon.link import Link
from edge_daemon.models.model import Model
from edge_daemon.settings import WorkerSettings
from edge_daemon.wire import Decoder, Found, Frame, Free, Outcome, Timing, WorkerHello, encode
from edge_daemon.worker.report import report

logger = logging.getLogger(__name__)
POLL_MS = 500
STOP_S = 2.0
"""How long a worker that is to stop waits for a sink that is away."""


def serve(link: Link) -> None:
    """Serve frames with one model until told to stop."""
    settings = link.settings(WorkerSettings)
    cv2.setNumThreads(1)
    model = Model(settings.model)
    logger.info("%s", model.describe())
    with zmq.Context() as context:
        worker = Worker(link, settings, model, context)
        try:
            worker.run()
        finally:
            worker.close()


class Worker:
    """Decodes, detects, and draws what was found when somebody watches."""

    def __init__(
        self, link: Link, settings: WorkerSettings, model: Model, context: zmq.Context[zmq.Socket[bytes]]
    ) -> None:
        self._link, self._settings, self._model = link, settings, model
        self._address = f"{settings.inbox}-{os.getpid()}"  # what was meant for the worker before must not come here
        self._inbox = sockets.inbox(context, self._address)
        self._outcomes = sockets.outcomes(context, settings.sink)
        self._peer = sockets.Peer(context, settings.dispatcher, settings.worker)
        self._decode: Decoder[Frame] = Decoder(Frame)
        self._served = 0

    def run(self) -> None:
        """Serve until told to stop."""
        poller = zmq.Poller()
        for waited_for in (self._inbox, self._peer.changes, self._link.fileno()):
            poller.register(waited_for, zmq.POLLIN)
        self._link.ready()
        while not self._link.stopping:
            ready = dict(poller.poll(POLL_MS))
            self._link.orders()
            if self._peer.changed():
                self._greet()
            if self._inbox in ready:
                self.step()
            self._link.beat("up", {"served": self._served})

    def close(self) -> None:
        """Let go of the sockets once they have sent what is under way."""
        self._peer.close()
        self._outcomes.close()
        self._inbox.close()

    def step(self) -> None:
        """Serve one frame."""
        header, *payload = self._inbox.recv_multipart(copy=False)
        try:
            frame = self._decode(header.buffer)
        except WireError as error:
            logger.warning("dropped a frame: %s", error)
            self._greet()  # it is free, and of which frame cannot be said
            return
        outcome, picture = self._serve(frame, payload[0].buffer if payload else memoryview(b""))
        self._served += 1
        self._deliver([encode(outcome), picture] if picture is not None else [encode(outcome)])

    def _serve(self, frame: Frame, payload: memoryview) -> tuple[Outcome, memoryview | None]:
        """What the model makes of a frame, and the annotated RGB picture if one is wanted."""
        began_ns = time.monotonic_ns()
        try:
            bgr = decode_bgr(payload, frame.codec, frame.width, frame.height)
            decoded_ns = time.monotonic_ns()
            findings, timing = self._model.detect(bgr)
        except (PictureError, ModelError) as error:
            logger.warning("frame %d of %s: %s", frame.seq, frame.camera, error)
            reason = "undecodable" if isinstance(error, PictureError) else "model-error"
            return self._outcome(frame, failed=reason), None
        finally:  # before drawing, so that the next frame is here when this one is done
            self._free(frame)
        stages = Timing(
            wait=(began_ns - frame.captured_ns) / 1e6,
            decode=(decoded_ns - began_ns) / 1e6,
            preprocess=timing.preprocess,
            infer=timing.infer,
            postprocess=timing.postprocess,
        )
        found = report(findings, self._model, frame.width, frame.height)
        outcome = self._outcome(frame, found=found, timing_ms=stages)
        return outcome, _annotated(bgr, found) if frame.annotate else None

    def _greet(self) -> None:
        hello = WorkerHello(
            worker=self._settings.worker, model=self._settings.model.name, inbox=self._address, busy=False
        )
        self._peer.send(encode(hello))

    def _free(self, frame: Frame) -> None:
        free = Free(worker=self._settings.worker, camera=frame.camera, epoch=frame.epoch, seq=frame.seq)
        self._peer.send(encode(free))

    def _outcome(self, frame: Frame, **made: Any) -> Outcome:
        return Outcome(frame=frame, model=self._settings.model.name, worker=self._settings.worker, **made)

    def _deliver(self, parts: list[bytes | memoryview]) -> None:
        """Hand an outcome to the sink, waiting while it is away: a result is not to be lost for that."""
        patience = time.monotonic() + STOP_S
        while not self._outcomes.poll(POLL_MS, zmq.POLLOUT):
            self._link.orders()
            self._link.beat("waiting for the sink")
            if self._link.stopping and time.monotonic() > patience:
                return
        self._outcomes.send_multipart(parts, copy=False)


def _annotated(bgr: Pixels, found: Found) -> memoryview:
    """The picture with all that was found drawn in: RGB bytes, row by row."""
    rgb = bgr_to_rgb(bgr)
    annotate(rgb, found)
    return rgb.data
