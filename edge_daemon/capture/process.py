"""A capture's process: the reader's frames on one side, the sockets to dispatcher and workers on the other."""

import logging
import os
import select
import time
from collections.abc import Container

import msgspec
import zmq

from edge_daemon.capture.announcements import Announcements
from edge_daemon.capture.encoding import Encoding
from edge_daemon.capture.main_stream import MainStream
from edge_daemon.capture.outboxes import Outboxes
from edge_daemon.capture.picture import Picture
from edge_daemon.capture.pictures import Pictures
from edge_daemon.capture.reader import Reader
from edge_daemon.capture.recording import Recording
from edge_daemon.capture.window import BufferedFrame, Encoded, Form, Window
from edge_daemon.errors import SourceError, WireError
from edge_daemon.imaging.placement import Placement
from edge_daemon.imaging.privacy import mask_of
from edge_daemon.messages.codec import Decoder, Message, pack
from edge_daemon.messages.fates import POISON
from edge_daemon.messages.frames import Frame, SharedBuffer
from edge_daemon.messages.hints import hint_for, reason_in
from edge_daemon.messages.published import utc
from edge_daemon.messages.recording import Placed
from edge_daemon.messages.scheduling import (
    CaptureHello,
    Ended,
    Introduce,
    Missing,
    Release,
    Send,
    Sent,
    ToCapture,
    Welcome,
)
from edge_daemon.messages.status import CaptureReport
from edge_daemon.runtime.control import Control, Reconfigure, RetryNow
from edge_daemon.settings import CaptureSettings, RecordSettings
from edge_daemon.transport.coalescer import Coalescer
from edge_daemon.transport.peer import Peer

logger = logging.getLogger(__name__)
POLL_MS = 1000
STOP_S = 1.0
"""Time to wait for the reader to return from its source when it is to stop."""
DIAGNOSIS_S = 15.0
"""Time that the diagnosis of a camera that cannot be opened may take."""
STALLED_S = 2.0
"""A camera that delivered frames, and none for this long, is shown as stalled."""


def serve(control: Control) -> None:
    """Read one camera until stopped, or until its source has ended and all of it is accounted for."""
    settings = control.settings(CaptureSettings)
    with zmq.Context() as context:
        capture = Capture(control, settings, context)
        try:
            capture.run()
        finally:
            capture.close()


class Capture:
    """Announces each frame that was read, and sends the encoded bytes of those that are requested."""

    def __init__(self, control: Control, settings: CaptureSettings, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self._control, self._settings = control, settings
        self._window = Window(settings)
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._announcements = Announcements(settings)
        self._mask = mask_of(settings.privacy)
        self._encoding = Encoding(settings)
        self._pictures = (
            Pictures(context, settings.viewers, settings.camera, settings.quality) if settings.viewers else None
        )
        self._reader = Reader(
            settings, self._window, self._announcements, self._encoding.prepare, self._notice, self._pictures
        )
        self._recording: Recording | None = None
        self._main: MainStream | None = None
        if settings.record:
            self._record(settings.record)
        self._peer = Peer(settings.dispatcher, f"capture/{settings.camera}/{os.getpid()}")
        self._outboxes = Outboxes(context, self._encoding.pools)
        self._hide()
        self._decode: Decoder[list[ToCapture]] = Decoder(list[ToCapture])
        self._epoch: int | None = None
        self._ready = self._ended = self._finished = False
        self._counted, self._counted_at, self._fps = 0, time.monotonic(), 0.0
        self._stalled = False
        self._outgoing: Coalescer[Message] = Coalescer(delay_s=POLL_MS / 1e3)

    def run(self) -> None:
        """Serve until stopped, or finished.

        Raises:
            SourceError: a finite source cannot be opened, or the source is stuck.
        """
        poller = select.poll()
        for waited_for in (self._peer, self._control, self._wake):
            poller.register(waited_for, select.POLLIN)
        if self._pictures:
            poller.register(self._pictures, select.POLLIN)
        for thread in (self._recording, self._main, self._reader):
            if thread:
                thread.start()
        while not self._control.stopping and not self._finished:
            ready = dict(poller.poll(self._wait_ms()))
            if self._control.fileno() in ready:
                self._follow_commands()
            if self._wake in ready:
                os.eventfd_read(self._wake)
            if self._peer.renewed():
                self._outgoing.take()
                self._introduce()
            if self._peer.fileno() in ready:
                self._receive()
            if self._announcements.is_due() or self._reader.captured is not None:
                self._announce()
            if self._outgoing.is_due():
                self._flush()
            if self._pictures:
                self._show_newest(self._pictures, ready)
            self._report()
        self._flush()

    def close(self) -> None:
        """Stop reading, and close the sockets once they have sent what is under way."""
        for thread in (self._reader, self._main, self._recording):
            if thread:
                thread.stop()
        self._reader.join(STOP_S)
        self._peer.close()
        self._outboxes.close()
        if self._pictures:
            self._pictures.close()
        self._encoding.pools.close()

    def _record(self, record: RecordSettings) -> None:
        """Keep packets for the recorder: those of the stream that is looked at, or of another one."""
        recording = self._recording = Recording(
            self._settings.camera, record, self._reader.zero, self._placed, self._follow
        )
        if self._settings.main is None or record.on_event:
            self._reader.observer = recording.observe
        if self._settings.main is None:
            return
        placement = Placement(*record.crop) if record.crop else None
        self._main = MainStream(
            self._settings.main,
            self._settings.opening,
            recording.observe_instead if record.on_event else recording.observe,
            self._looked_at,
            placement,
            sound=record.audio,
            on_event=record.on_event,
        )
        self._main.enable(self._settings.enabled)

    def _follow(self, followed: bool) -> None:
        if self._main:
            self._main.follow(followed)

    def _looked_at(self) -> Picture | None:
        newest = self._window.newest()
        return newest.picture if newest else None

    def _placed(self) -> Placed | None:
        """How the picture that models look at lies in the recorded one, if that is another."""
        placement, size = self._main.placement if self._main else None, self._reader.size
        return Placed(size=size, part=placement) if placement and size != (0, 0) else None

    def _wait_ms(self) -> int:
        most = self._peer.wait_ms(self._control.rest_ms(POLL_MS))
        return self._pictures.wait_ms(most) if self._pictures else most

    def _show_newest(self, pictures: Pictures, ready: Container[int]) -> None:
        """Follow who looks, and show them the newest frame if it is time to."""
        if pictures.fileno() in ready:
            pictures.receive()
        if self._epoch is not None and pictures.is_due():
            pictures.show_newest(self._window.newest(), self._epoch)

    def _follow_commands(self) -> None:
        for command in self._control.commands():
            if isinstance(command, Reconfigure):
                self._change(self._control.new_settings(command, CaptureSettings))
            elif isinstance(command, RetryNow):
                self._reader.retry()

    def _change(self, settings: CaptureSettings) -> None:
        """Use other settings from now on; the source stays open."""
        if settings.privacy != self._settings.privacy:
            self._mask = mask_of(settings.privacy)
            self._hide()
        self._settings, self._control.hang_s = settings, settings.stall_timeout_s
        self._announcements.change(settings)
        self._encoding.change(settings)
        self._reader.change(settings)
        if self._main:
            self._main.enable(settings.enabled)
        self._control.reconfigured()

    def _hide(self) -> None:
        """Hide the areas of the mask in what is read and shown from now on; frames that are buffered follow when they
        are sent.
        """
        self._reader.mask = self._mask
        if self._pictures:
            self._pictures.mask = self._mask
        self._outboxes.forget()

    def _notice(self, news: bool) -> None:
        """Wake the loop: the reader has queued an announcement, or has other `news`."""
        if news or self._announcements.is_due():
            os.eventfd_write(self._wake, 1)

    def _post(self, message: Message, *, urgent: bool = True) -> None:
        """Send the dispatcher a message together with the others; one that is not `urgent` waits for more."""
        self._outgoing.add(message, urgent=urgent)

    def _flush(self) -> None:
        if messages := self._outgoing.take():
            self._peer.send(pack(messages))

    def _introduce(self) -> None:
        self._announce()
        frames = self._window.frames() if self._epoch is not None else []
        hello = CaptureHello(
            camera=self._settings.camera,
            epoch=self._epoch,
            buffered=[(frame.seq, frame.moment.due_ns, frame.still, frame.undecodable) for frame in frames],
            ended=self._reader.captured if self._ended else None,
            still=self._reader.still if self._ended else 0,
            undecodable=self._reader.undecodable if self._ended else 0,
        )
        self._post(hello)

    def _receive(self) -> None:
        """Carry out the dispatcher's messages."""
        for data in self._peer.receive(1):
            try:
                for message in self._decode(data):
                    self._carry_out(message)
            except WireError as error:
                logger.warning("dropped a message from the dispatcher: %s", error)

    def _carry_out(self, message: ToCapture) -> None:
        match message:
            case Introduce():
                self._introduce()
            case Welcome() if self._epoch is None:
                self._epoch = message.epoch
                self._reader.begin(message.epoch, message.next_seq)
            case Send():
                self._send(message)
            case Release() if message.finished and self._epoch in (None, message.epoch):
                self._finished = True
                self._control.finished()
            case Release() if message.epoch == self._epoch:
                self._window.release(message.seq)
                self._announcements.passed(message.seq)

    def _announce(self, up_to: int | None = None) -> None:
        """Announce the frames that were read (up to number `up_to`), and the end."""
        if self._epoch is None:
            return
        ended = self._reader.captured  # looked at first: what the reader queued before it is there by now
        for message in self._announcements.take(up_to):
            self._post(message)
        if ended is not None and not self._ended and self._announcements.is_empty():
            self._ended = True
            camera, reader = self._settings.camera, self._reader
            self._post(Ended(camera=camera, epoch=self._epoch, captured=ended, **reader.skipped))

    def _send(self, request: Send) -> None:
        """Send the requested frame to the worker that waits for it."""
        if self._epoch is None:
            return
        if request.deaths >= POISON and self._settings.delivery == "live":
            self._send_again(request, self._epoch)
            return
        seq = request.seq
        frame = self._window.first_from(seq) if request.crops is None else self._window.exactly(seq)
        if frame is None:
            self._post(self._missing(request, self._epoch))
            return
        if request.keep:
            self._window.keep(frame)
        frame.hide(self._mask)
        self._announce(frame.seq)
        self._announcements.passed(frame.seq)
        form = self._encoding.form_of(frame, request)
        # If there is nothing to look at, no pixels are needed.
        picture = Encoded(b"") if request.crops == [] else self._encoding.encoded(frame, form)
        outbox = self._outboxes.to(request.worker, request.inbox)
        outbox.send(self._header(frame, form, request, picture, outbox.lend(picture)), picture)
        sent = Sent(
            camera=self._settings.camera,
            epoch=self._epoch,
            model=request.model,
            worker=request.worker,
            inbox=request.inbox,
            seq=frame.seq,
        )
        # A live camera has nothing to offer before its next frame, and the message can wait for that.
        self._post(sent, urgent=self._settings.delivery == "lossless")
        if self._pictures:
            self._pictures.show(frame, self._epoch)

    def _send_again(self, request: Send, epoch: int) -> None:
        """Send another worker what one has died of, to be set aside."""
        outbox = self._outboxes.to(request.worker, request.inbox)
        found = self._outboxes.sent(request.seq)
        if found is None:
            self._post(self._missing(request, epoch))
            return
        header, picture = found
        shared = outbox.lend(picture)
        outbox.send(msgspec.structs.replace(header, deaths=request.deaths, shared=shared), picture)

    def _missing(self, request: Send, epoch: int) -> Missing:
        logger.debug("frame %d was requested and is no longer buffered", request.seq)
        return Missing(
            camera=self._settings.camera,
            epoch=epoch,
            model=request.model,
            worker=request.worker,
            seq=request.seq,
        )

    def _header(
        self, frame: BufferedFrame, form: Form, request: Send, picture: Encoded, shared: SharedBuffer | None
    ) -> Frame:
        width, height = frame.picture.size
        return Frame(
            camera=self._settings.camera,
            epoch=self._epoch or 0,
            seq=frame.seq,
            time_s=frame.moment.time_s,
            captured_ns=frame.moment.captured_ns,
            captured_at=utc(frame.moment.captured_at_ns),
            width=width,
            height=height,
            codec=form.codec,
            annotate=request.annotate,
            quality=self._settings.quality,
            scaled=form.scaled,
            scaling_ms=picture.scaling_ms,
            yuv=picture.yuv,
            deferrable=self._settings.delivery == "lossless",
            share=request.keep,
            truth=frame.picture.truth,
            file=frame.picture.file,
            scene=frame.scene or msgspec.UNSET,
            crops=request.crops,
            deaths=request.deaths,
            shared=shared,
        )

    @property
    def _patience_s(self) -> float:
        """Time that the reader may take for one step. Opening a camera has time-outs of its own, and a diagnosis."""
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
        stalled = reader.state in ("up", "frozen") and waited_s > STALLED_S
        state, next_try_at = "stalled" if stalled else reader.state, reader.next_try_at
        report = CaptureReport(
            fps=round(self._fps, 2),
            width=width,
            height=height,
            about=reader.about,
            announced=self._announcements.announced,
            held=self._window.unaccounted,
            tries=reader.tries if reader.state.startswith("down") else 0,
            hint=hint_for(reason_in(state), self._settings.source) or msgspec.UNSET,
            next_try_s=msgspec.UNSET if next_try_at is None else round(max(0.0, next_try_at - now), 1),
            rejected=self._decode.rejected,
            motion=reader.gate.status if reader.gate and reader.gate.seen else msgspec.UNSET,
            main_stream=self._main.state if self._main else msgspec.UNSET,
        )
        if stalled and not self._stalled:
            logger.warning("stalled: no frame for %.0f s", waited_s)
        elif self._stalled and not stalled and reader.state == "up":
            logger.info("frames again")
        self._stalled = stalled
        self._control.heartbeat(state, report)
