"""A camera: its capture, its epochs, and a stream of its frames for each model."""

from collections.abc import Iterable, Mapping

from edge_daemon.dispatcher.cascade import CascadeStream
from edge_daemon.dispatcher.epochs import Epochs
from edge_daemon.dispatcher.outbox import SINK, Outbox
from edge_daemon.dispatcher.stream import Stream
from edge_daemon.dispatcher.worker_slot import WorkerSlot
from edge_daemon.dispatcher.workers import Workers
from edge_daemon.messages.accounting import Joined
from edge_daemon.messages.codec import Message
from edge_daemon.messages.scheduling import (
    Announce,
    CaptureHello,
    Ended,
    FromCapture,
    Introduce,
    Missing,
    Release,
    Sent,
    Skipped,
    Welcome,
    WorkerReady,
)
from edge_daemon.runtime.crash_marker import FrameId
from edge_daemon.settings import CameraPlan, ModelPlan


class Camera:
    """Keeps the streams of a camera, which are by model, in the epoch of its capture."""

    def __init__(self, name: str, outbox: Outbox, workers: Workers, epochs: Epochs) -> None:
        self.name, self._outbox, self._workers, self._epochs = name, outbox, workers, epochs
        self.streams: dict[str, Stream] = {}
        self.lossless = False
        self.peer: str | None = None  # the present capture
        self.greeted: str | None = None  # the capture whose hello was taken: only its messages count
        self._joining: set[Stream] = set()  # of models that are new to this camera
        self._restarted = False  # the next capture begins an epoch in any case

    def change(
        self, plan: CameraPlan, models: Mapping[str, ModelPlan], *, restarted: bool = False, added: bool = False
    ) -> None:
        """Switch to other settings and models. With `restarted`, the next capture begins an epoch. `added` is for a
        camera that the sink may have received reports about when it was there before: its streams begin afresh.
        """
        before, self.streams = self.streams, {}
        for model in sorted(plan.models, key=lambda model: _depth(model, models)):
            self.streams[model] = self._stream(model, models[model].after, before.get(model))
        self._remove(stream for model, stream in before.items() if self.streams.get(model) is not stream)
        if restarted:
            self._restarted = True
            self.capture_lost(for_good=True)
        self.lossless = plan.delivery == "lossless"
        for model, stream in self.streams.items():
            stream.configure(plan, models[model])
            if (self.greeted or added) and model not in before:
                self._joining.add(stream)
            if self.greeted and model not in before:
                self.send(Introduce())
        if not self._restarted:  # some frames may have been held for a model that is gone
            self.release()

    def _stream(self, model: str, after: str | None, known: Stream | None) -> Stream:
        """The known stream if it has the same parent, or a new one."""
        parent = self.streams[after] if after else None
        if known and known.parent is parent:
            return known
        return CascadeStream(self.name, model, parent) if parent else Stream(self.name, model)

    def remove(self) -> None:
        """Handle the removal of the camera from the configuration."""
        self._remove(self.streams.values())

    def _remove(self, streams: Iterable[Stream]) -> None:
        for stream in streams:
            stream.leave()
            self._workers.forget(self.name, stream.model)

    # The capture

    def receive(self, message: FromCapture) -> None:
        """Take a message of the capture."""
        if isinstance(message, CaptureHello):
            self._hello(message)
            return
        for stream in self.streams.values():
            if stream.epoch != message.epoch:
                continue
            match message:
                case Announce():
                    stream.announce(
                        message.seq,
                        message.captured_ns,
                        message.paced,
                        message.still,
                        message.undecodable,
                        message.replaced,
                    )
                case Skipped():
                    stream.skip(message.seq, message.paced, message.still, message.undecodable)
                case Ended():
                    stream.end(message.captured, message.paced, message.still, message.undecodable)
                case Missing() if message.model == stream.model:
                    self._outbox.send(SINK, *stream.missing(message.seq, message.worker))
                    if slot := self._workers.get(message.worker):
                        slot.done(FrameId(self.name, message.epoch, message.seq))
                case Sent() if message.model == stream.model:
                    alive = self._workers.get(message.worker, message.inbox) is not None
                    self._outbox.send(SINK, *stream.sent(message.seq, message.worker, alive=alive))

    def served(self, slot: WorkerSlot, message: WorkerReady) -> None:
        """Handle a worker's report that it is done with a frame. A slot has no frames of streams that are gone."""
        stream = self.streams.get(slot.model)
        if stream is None:
            return
        if stream.epoch == message.epoch:
            found = message.failed or message.found or ()
            self._outbox.send(SINK, *stream.served(message.seq, message.worker, found))
        frame = FrameId(self.name, message.epoch, message.seq)
        if stream.live:
            slot.done_up_to(frame)
        else:
            slot.done(frame)

    def _hello(self, hello: CaptureHello) -> None:
        epoch = hello.epoch
        if epoch is None:
            self.capture_lost()
            if self._is_finished and not self._restarted:
                self.release()
                return
            epoch, first = self._next_epoch()
            self.send(Welcome(epoch=epoch, next_seq=first))
        joined_at = self._joined_at(hello, epoch)
        for stream in self.streams.values():
            if stream in self._joining:
                self._joining.remove(stream)
                stream.join(epoch, joined_at)
                self._outbox.send(SINK, Joined(state=stream.outstanding.state))
            elif stream.epoch != epoch:
                self._outbox.send(SINK, *stream.capture_lost())
                stream.begin(epoch)
            for seq, captured_ns, still, undecodable in hello.buffered:
                stream.announce(seq, captured_ns, still=still, undecodable=undecodable)
            if hello.ended is not None:
                stream.end(hello.ended, still=hello.still, undecodable=hello.undecodable)
        if hello.epoch is not None:  # frames may have been acknowledged while it was disconnected
            self.release()

    def _next_epoch(self) -> tuple[int, int]:
        """Epoch and first frame of a capture that begins: a lossless one continues where the last one was lost."""
        streams = self.streams.values()
        last, restarted, self._restarted = max(stream.epoch for stream in streams), self._restarted, False
        if last == 0 or not self.lossless or restarted:
            return self._epochs.begin(self.name, last), 0
        known = [stream for stream in streams if stream not in self._joining]
        return last, min(stream.outstanding.resolved + 1 if stream.epoch == last else 0 for stream in known)

    def _joined_at(self, hello: CaptureHello, epoch: int) -> int:
        """The last frame of an epoch before those that a new model gets, or -1 if it gets all."""
        if hello.buffered:
            return hello.buffered[0][0] - 1
        return max((stream.backlog.last for stream in self.streams.values() if stream.epoch == epoch), default=-1)

    def capture_lost(self, *, for_good: bool = False) -> None:
        """Handle the end of the capture. A frame on its way may not have arrived, so its worker is given another."""
        self._workers.forget(self.name)
        for stream in self.streams.values():
            self._outbox.send(SINK, *stream.capture_lost(for_good=for_good))

    def release(self) -> None:
        """Send the capture the last of the frames that it need not keep."""
        finished, streams = self._is_finished, list(self.streams.values())
        if streams and (finished or self.lossless):
            seq = min(stream.outstanding.resolved for stream in streams)
            if finished or seq >= 0:
                self.send(Release(epoch=streams[0].epoch, seq=seq, finished=finished))

    @property
    def _is_finished(self) -> bool:
        return all(stream.outstanding.finished for stream in self.streams.values())

    def send(self, message: Message) -> None:
        """Send a message to the capture, if there is one."""
        if self.peer:
            self._outbox.send(self.peer, message)


def _depth(model: str, models: Mapping[str, ModelPlan]) -> int:
    """Number of models before this one in its cascade."""
    after = models[model].after
    return 0 if after is None else 1 + _depth(after, models)
