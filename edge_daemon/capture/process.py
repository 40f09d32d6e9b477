"""A capture's process: the reader's frames on one side, the sockets to dispatcher and workers on the other."""

import logging
import os
import select
import time
from typing import NamedTuple

import msgspec
import zmq

from edge_daemon.capture.encoding import Encoding
from edge_daemon.capture.offers import Offers, PassedOver
from edge_daemon.capture.reader import Reader
from edge_daemon.capture.window import Encoded, Form, Held, Window
from edge_daemon.errors import SourceError, WireError
from edge_daemon.messages.codec import Decoder, Message, encode, pack
from edge_daemon.messages.frames import Frame, SharedBuffer
from edge_daemon.messages.published import utc
from edge_daemon.messages.scheduling import (
    Announce,
    CaptureHello,
    Ended,
    Introduce,
    Missing,
    Release,
    Send,
    Sent,
    Skipped,
    ToCapture,
    Welcome,
)
from edge_daemon.messages.status import CaptureReport
from edge_daemon.runtime.control import Control
from edge_daemon.settings import CaptureSettings
from edge_daemon.transport import zeromq
from edge_daemon.transport.peer import Peer

logger = logging.getLogger(__name__)
COPIED_BYTES = 1 << 20
"""Pictures below this are copied to be sent, which costs less than to be told when they may be let go."""
POLL_MS = 1000
STOP_S = 1.0
"""How long a reader that is to stop may take to come back from its source."""
DIAGNOSIS_S = 15.0
"""How long it may take to find out why a camera cannot be opened."""
STALLED_S = 2.0
"""A camera that gave frames and has not given one for so long is shown as stalled."""


class Outbox(NamedTuple):
    """The way to one worker: where it reads, the socket to it, and its number among those who read shared memory."""

    address: str
    socket: zmq.Socket[bytes]
    reader: int | None


def serve(control: Control) -> None:
    """Read one camera until told to stop, or until its source has ended and all of it is accounted for."""
    settings = control.settings(CaptureSettings)
    with zmq.Context() as context:
        capture = Capture(control, settings, context)
        try:
            capture.run()
        finally:
            capture.close()


class Capture:
    """Announces each frame that was read, and sends the encoded bytes of those that are asked for."""

    def __init__(self, control: Control, settings: CaptureSettings, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self._control, self._settings, self._context = control, settings, context
        self._window = Window(None if settings.delivery == "live" else settings.window, settings.window)
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._offers = Offers(live=settings.delivery == "live", refresh_s=settings.announce_s)
        self._encoding = Encoding(settings)
        self._reader = Reader(settings, self._window, self._offers, self._encoding.prepare, self._notice)
        self._peer = Peer(settings.dispatcher, f"capture/{settings.camera}/{os.getpid()}")
        self._outboxes: dict[str, Outbox] = {}
        self._decode: Decoder[list[ToCapture]] = Decoder(list[ToCapture])
        self._epoch: int | None = None
        self._ready = self._ended = self._finished = False
        self._counted, self._counted_at, self._fps = 0, time.monotonic(), 0.0
        self._said: list[Message] = []
        self._hurried = False  # whether that is to be told now

    def run(self) -> None:
        """Serve until told to stop, or finished.

        Raises:
            SourceError: a finite source cannot be opened, or the source is stuck.
        """
        poller = select.poll()
        for waited_for in (self._peer, self._control, self._wake):
            poller.register(waited_for, select.POLLIN)
        self._reader.start()
        while not self._control.stopping and not self._finished:
            ready = dict(poller.poll(self._peer.wait_ms(self._control.rest_ms(POLL_MS))))
            if self._control.fileno() in ready:
                self._control.commands()
            if self._wake in ready:
                os.eventfd_read(self._wake)
            if self._peer.renewed():
                self._said.clear()
                self._introduce()
            if self._peer.fileno() in ready:
                self._answer()
            if self._offers.due() or self._reader.captured is not None:
                self._announce()
            if self._hurried or not ready:
                self._flush()
            self._report()
        self._flush()

    def close(self) -> None:
        """Stop reading, let go of the sockets once they have sent what is under way."""
        self._reader.stop()
        self._reader.join(STOP_S)
        self._peer.close()
        for outbox in self._outboxes.values():
            outbox.socket.close()
        self._encoding.pools.close()

    def _notice(self, news: bool) -> None:
        """The reader has read a frame, or has other `news`."""
        if news or self._offers.due():
            os.eventfd_write(self._wake, 1)

    def _say(self, message: Message, *, hurried: bool = True) -> None:
        """Have the dispatcher told, with what else there is to say now; what is not `hurried` waits for more."""
        self._said.append(message)
        self._hurried |= hurried

    def _flush(self) -> None:
        if self._said:
            self._peer.send(pack(self._said))
            self._said.clear()
        self._hurried = False

    def _introduce(self) -> None:
        self._announce()
        captured = self._reader.captured if self._ended else None
        held = self._window.held() if self._epoch is not None else []
        still = self._reader.still if self._ended else 0
        hello = CaptureHello(
            camera=self._settings.camera, epoch=self._epoch, buffered=held, ended=captured, still=still
        )
        self._say(hello)

    def _answer(self) -> None:
        """Do what the dispatcher asks."""
        for data in self._peer.receive(1):
            try:
                for message in self._decode(data):
                    self._do(message)
            except WireError as error:
                logger.warning("dropped a message from the dispatcher: %s", error)

    def _do(self, message: ToCapture) -> None:
        match message:
            case Introduce():
                self._introduce()
            case Welcome() if self._epoch is None:
                self._epoch = message.epoch
                self._reader.begin(message.next_seq)
            case Send():
                self._send(message)
            case Release() if message.finished and self._ended:
                self._finished = True
                self._control.finished()
            case Release() if message.epoch == self._epoch:
                self._window.release(message.seq)

    def _announce(self, up_to: int | None = None) -> None:
        """Tell of the frames that were read (up to number `up_to`), and of the end."""
        if self._epoch is None:
            return
        camera, epoch, reader = self._settings.camera, self._epoch, self._reader
        ended = reader.captured  # read first: what the reader left before it is in `offers` by now
        for one in self._offers.take(up_to):
            seq, paced, still = one.seq, one.paced, one.still
            if isinstance(one, PassedOver):
                self._say(Skipped(camera=camera, epoch=epoch, seq=seq, paced=paced, still=still))
            else:
                self._say(
                    Announce(
                        camera=camera,
                        epoch=epoch,
                        seq=seq,
                        captured_ns=one.captured_ns,
                        paced=paced,
                        still=still,
                        replaced=one.replaced,
                    )
                )
        if ended is not None and not self._ended and self._offers.all_told():
            self._ended = True
            last = Ended(camera=camera, epoch=epoch, captured=ended, paced=reader.paced, still=reader.still)
            self._say(last)

    def _send(self, order: Send) -> None:
        """Send the frame that is asked for to the worker that waits for it."""
        if self._epoch is None:
            return
        held = self._window.take(order.seq) if order.crops is None else self._window.take_exactly(order.seq)
        if held is None:
            self._say(self._missing(order))
            return
        if order.keep:
            self._window.keep(held)
        self._announce(held.seq)
        self._offers.asked()
        form = self._encoding.form_of(held, order)
        # Where there is nothing to look at, the pixels may stay here.
        picture = Encoded(b"") if order.crops == [] else self._encoding.encoded(held, form)
        outbox = self._outbox(order)
        shared = picture.slot.lend(outbox.reader) if picture.slot and outbox.reader is not None else None
        header = encode(self._header(held, form, order, picture, shared))
        if shared and shared.slot is not None:
            outbox.socket.send(header)
        else:
            copied = picture.slot is not None or len(picture.data) < COPIED_BYTES
            outbox.socket.send_multipart([header, picture.data], copy=copied)
        sent = Sent(
            camera=self._settings.camera,
            epoch=self._epoch,
            model=order.model,
            worker=order.worker,
            inbox=order.inbox,
            seq=held.seq,
        )
        # Of a live camera there is nothing to give but the next frame; it is told when that has come.
        self._say(sent, hurried=self._settings.delivery == "lossless")

    def _missing(self, order: Send) -> Missing:
        logger.debug("frame %d was asked for and is not held any more", order.seq)
        return Missing(
            camera=self._settings.camera,
            epoch=self._epoch or 0,
            model=order.model,
            worker=order.worker,
            seq=order.seq,
        )

    def _header(self, held: Held, form: Form, order: Send, picture: Encoded, shared: SharedBuffer | None) -> Frame:
        width, height = held.picture.size
        return Frame(
            camera=self._settings.camera,
            epoch=self._epoch or 0,
            seq=held.seq,
            captured_ns=held.captured_ns,
            captured_at=utc(held.captured_at_ns),
            width=width,
            height=height,
            codec=form.codec,
            annotate=order.annotate,
            quality=self._settings.quality,
            scaled=form.scaled,
            scaling_ms=picture.scaling_ms,
            yuv=picture.yuv,
            deferrable=self._settings.delivery == "lossless",
            share=order.keep,
            truth=held.picture.truth,
            crops=order.crops,
            deaths=order.deaths,
            shared=shared,
        )

    def _outbox(self, order: Send) -> Outbox:
        """The way to a worker; a worker that came back has a new address."""
        outbox = self._outboxes.get(order.worker)
        if outbox is None or outbox.address != order.inbox:
            if outbox is not None:
                outbox.socket.close(0)
            reader = self._encoding.pools.reader(order.worker) if order.inbox.startswith("ipc://") else None
            outbox = Outbox(order.inbox, zeromq.outbox(self._context, order.inbox), reader)
            self._outboxes[order.worker] = outbox
        return outbox

    @property
    def _patience_s(self) -> float:
        """How long the reader may be at one thing; opening a camera has time-outs of its own, and then asks why."""
        settings = self._settings
        if self._reader.state == "connecting" or self._reader.state.startswith("down"):
            return max(settings.stall_timeout_s, 2 * settings.opening.open_timeout_s + DIAGNOSIS_S)
        return settings.stall_timeout_s

    def _report(self) -> None:
        reader = self._reader
        if reader.error:
            raise reader.error
        busy_since = reader.busy_since
        waited_s = 0.0 if busy_since is None else time.monotonic() - busy_since
        if waited_s > self._patience_s:
            raise SourceError(f"stuck for {waited_s:.0f} s, with neither a frame nor an error")
        if not self._ready and (reader.state != "connecting" or reader.patient):
            self._ready = True
            self._control.ready()
        width, height = reader.size
        read, now = reader.seq + 1, time.monotonic()
        if now - self._counted_at >= 1.0:
            self._fps = (read - self._counted) / (now - self._counted_at)
            self._counted, self._counted_at = read, now
            self._encoding.pools.rest(now)
        report = CaptureReport(
            fps=round(self._fps, 2),
            width=width,
            height=height,
            about=reader.about,
            announced=self._offers.told,
            held=self._window.owed,
            rejected=self._decode.rejected,
            motion=reader.gate.status if reader.gate and reader.gate.seen else msgspec.UNSET,
        )
        stalled = reader.state in ("up", "frozen") and waited_s > STALLED_S
        self._control.heartbeat("stalled" if stalled else reader.state, report)
