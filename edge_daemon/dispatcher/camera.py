"""A camera: its capture, its epochs, and a stream of its frames for each model."""

from collections.abc import Callable, Mapping

from edge_daemon.dispatcher.cascade import CascadeStream
from edge_daemon.dispatcher.outbox import SINK, Outbox
from edge_daemon.dispatcher.stream import Stream
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
)
from edge_daemon.runtime.crash_marker import FrameId
from edge_daemon.settings import CameraPlan, ModelPlan


class Camera:
    """Keeps the streams of a camera in the epoch of its capture. One that is not configured any more has no streams.

    `streams` are by model; those that come after others follow these.
    """

    def __init__(self, name: str, outbox: Outbox, workers: Workers, wall: Callable[[], float]) -> None:
        self.name, self._outbox, self._workers, self._wall = name, outbox, workers, wall
        self.streams: dict[str, Stream] = {}
        self.weight, self.lossless = 1.0, False
        self._models: list[str] = []
        self.peer: str | None = None  # the present capture
        self.greeted: str | None = None  # the capture whose hello was taken; others are not heard
        self._joining: set[Stream] = set()  # of models that are new to this camera
        self._last_epoch = 0  # no epoch is used twice, even if the camera was removed and added again
        self._restarted = False  # the next capture begins an epoch, whatever the last one left

    def change(self, plan: CameraPlan, models: Mapping[str, ModelPlan], *, restarted: bool = False) -> None:
        """Go on with other settings and models. With `restarted`, the next capture begins an epoch."""
        before = self._rebuild(plan, models)
        if restarted:
            self._restarted = True
            self.capture_lost(for_good=True)
        self.weight, self.lossless, self._models = plan.weight, plan.delivery == "lossless", plan.models
        for model, stream in self.streams.items():
            stream.live, stream.max_age_ns = not self.lossless, int(plan.max_age_s * 1e9)
            if self.greeted and model not in before:
                self._joining.add(stream)
                self.send(Introduce())
        if not self._restarted:  # some frames may have been held for a model that is gone
            self.release()

    def _rebuild(self, plan: CameraPlan, models: Mapping[str, ModelPlan]) -> dict[str, Stream]:
        """Make the streams of the models; return those that there were before."""
        before, self.streams = self.streams, {}
        for model in sorted(plan.models, key=lambda model: _depth(model, models)):
            self.streams[model] = self._stream(model, plan, models[model], before.get(model))
        for model, stream in before.items():
            if self.streams.get(model) is not stream:
                stream.leave()
                self._workers.forget(self.name, model)
        return before

    def _stream(self, model: str, plan: CameraPlan, model_plan: ModelPlan, known: Stream | None) -> Stream:
        live, max_age_ns = plan.delivery == "live", int(plan.max_age_s * 1e9)
        if model_plan.after is None:
            return known or Stream(self.name, model, live=live, max_age_ns=max_age_ns)
        parent = self.streams[model_plan.after]
        if isinstance(known, CascadeStream) and known.parent is parent:
            known.plan = model_plan
            return known
        return CascadeStream(self.name, model, live=live, max_age_ns=max_age_ns, parent=parent, plan=model_plan)

    def remove(self) -> None:
        """The camera is not configured any more."""
        for model, stream in self.streams.items():
            stream.leave()
            self._workers.forget(self.name, model)
        self.streams = {}

    def watch(self, *, watched: bool) -> None:
        """Let the first model draw if somebody watches: the picture that is published, or pixels into which the sink
        draws what the other models find.
        """
        for model, stream in self.streams.items():
            draws = watched and model == self._models[0]
            stream.annotation = None if not draws else "jpeg" if len(self._models) == 1 else "raw"

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
                    stream.announce(message.seq, message.captured_ns, message.paced, message.still, message.replaced)
                case Skipped():
                    stream.skip(message.seq, message.paced, message.still)
                case Ended():
                    stream.end(message.captured, message.paced, message.still)
                case Missing() if message.model == stream.model:
                    stream.missing(message.seq, message.worker)
                    if slot := self._workers.get(message.worker):
                        slot.done(FrameId(self.name, message.epoch, message.seq))
                case Sent() if message.model == stream.model:
                    alive = self._workers.get(message.worker, message.inbox) is not None
                    self._outbox.send(SINK, *stream.sent(message.seq, message.worker, alive=alive))

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
                self._outbox.send(SINK, Joined(state=stream.state))
            elif stream.epoch != epoch:
                self._outbox.send(SINK, *stream.capture_lost())
                stream.begin(epoch)
            for seq, captured_ns, still in hello.buffered:
                stream.announce(seq, captured_ns, still=still)
            if hello.ended is not None:
                stream.end(hello.ended, still=hello.still)
        if hello.epoch is not None:  # some of its frames may have been acknowledged while nobody could tell it
            self.release()

    def _next_epoch(self) -> tuple[int, int]:
        """Epoch and first frame of a capture that begins: a lossless one goes on where the last one was lost."""
        streams = self.streams.values()
        last, restarted, self._restarted = max(stream.epoch for stream in streams), self._restarted, False
        if last == 0 or not self.lossless or restarted:
            self._last_epoch = max(int(self._wall()), last + 1, self._last_epoch + 1)
            return self._last_epoch, 0
        known = [stream for stream in streams if stream not in self._joining]
        return last, min(stream.outstanding.resolved + 1 if stream.epoch == last else 0 for stream in known)

    def _joined_at(self, hello: CaptureHello, epoch: int) -> int:
        """The last frame of an epoch before those that a new model gets, or -1 if it gets all."""
        if hello.buffered:
            return hello.buffered[0][0] - 1
        return max((stream.backlog.last for stream in self.streams.values() if stream.epoch == epoch), default=-1)

    def capture_lost(self, *, for_good: bool = False) -> None:
        """The capture is gone. Nobody knows if a frame that it was sending has arrived: its worker gets another."""
        self._workers.forget(self.name)
        for stream in self.streams.values():
            self._outbox.send(SINK, *stream.capture_lost(for_good=for_good))

    def release(self) -> None:
        """Tell the capture which frames it need not keep."""
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
