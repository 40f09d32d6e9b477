"""Streams of models that come after another model and look at the objects it found."""

from collections import Counter
from collections.abc import Iterator, Sequence

from edge_daemon.dispatcher.backlog import Pending
from edge_daemon.dispatcher.outstanding import Report
from edge_daemon.dispatcher.stream import Stream
from edge_daemon.messages.fates import Failure, Reason
from edge_daemon.messages.frames import Crop
from edge_daemon.settings import CameraPlan, ModelPlan

MAX_EARLY = 8
"""Frames whose findings are kept although their assignment to the parent model is not known yet."""


class CascadeStream(Stream):
    """Knows only of the frames that its parent reports; one can be assigned once the parent's findings are here."""

    parent: Stream

    def __init__(self, camera: str, model: str, parent: Stream) -> None:
        super().__init__(camera, model)
        self.parent = parent
        parent.followers.append(self)

    def configure(self, plan: CameraPlan, model: ModelPlan) -> None:
        """See Stream.configure."""
        super().configure(plan, model)
        self._classes, self._max_crops = model.classes, model.max_crops

    def begin(self, epoch: int, resolved: int = -1) -> None:
        """See Stream.begin."""
        super().begin(epoch, resolved)
        self._early: dict[int, Sequence[Crop] | Failure] = {}

    def leave(self) -> None:
        """Receive no more from the parent."""
        self.parent.followers.remove(self)

    # From the capture: the parent reports the same

    def announce(
        self, seq: int, captured_ns: int, paced: int = 0, still: int = 0, undecodable: int = 0, replaced: int = 0
    ) -> None:
        """Note that frame `seq` can be requested; it may have been assigned before, to a worker that died."""
        self._offered = seq
        self._restore(self.outstanding.assignment(seq))

    def skip(self, seq: int, paced: int, still: int, undecodable: int = 0) -> None:
        """Do nothing: the parent's gaps contain these frames."""

    def end(self, captured: int, paced: int = 0, still: int = 0, undecodable: int = 0) -> None:
        """Do nothing: the parent reports the end."""

    def _rewind(self) -> None:
        """Keep the frames that wait: the parent does not report them again."""

    # From the parent

    def parent_reported(self, epoch: int, report: Report) -> None:
        """Add a frame that was assigned to the parent model, or (a gap) count those that will not be."""
        if epoch != self.epoch:
            return
        backlog = self.backlog
        backlog.ended |= report.end
        if report.seq <= backlog.last:
            return
        frames = report.seq - backlog.last - bool(report.frame)
        dropped = Counter(dict(_first(report.dropped, frames)))
        backlog.gap = backlog.gap + dropped + Counter({"worker-lost": frames - dropped.total()})
        backlog.last = report.seq
        if report.frame:
            backlog.add(report.seq, report.frame.captured_ns, ready=False)
        if (found := self._early.pop(report.seq, None)) is not None:
            self._receive(report.seq, found)

    def parent_lost(self, seq: int, reason: Reason) -> None:
        """Drop frame `seq`, in which the parent model will find nothing."""
        if frame := self._unready(seq):
            self.backlog.drop(frame, reason)

    def receive(self, seq: int, found: Sequence[Crop] | Failure) -> None:
        """Take the objects that the parent model found in frame `seq`, or the reason for which there are none."""
        self._receive(seq, found if isinstance(found, str) else self._selected(found))

    def _receive(self, seq: int, found: Sequence[Crop] | Failure) -> None:
        frame = self._unready(seq)
        if frame is None:
            if seq > self.backlog.last:
                self._early[seq] = found
                while len(self._early) > MAX_EARLY:
                    del self._early[min(self._early)]
        elif isinstance(found, str):
            self.backlog.drop(frame, found)
        else:
            frame.ready, frame.crops = True, list(found)
            while self.live and self.backlog.frames[0] is not frame:
                self.backlog.drop(self.backlog.frames[0], "replaced")

    def _selected(self, found: Sequence[Crop]) -> list[Crop]:
        """The objects to look at: of the configured classes, those with the highest confidence."""
        selected = [crop for crop in found if self._classes is None or crop.class_name in self._classes]
        return sorted(selected, key=lambda crop: -crop.confidence)[: self._max_crops]

    def _unready(self, seq: int) -> Pending | None:
        return next((frame for frame in self.backlog.frames if frame.seq == seq and not frame.ready), None)

    # To workers

    @property
    def has_work(self) -> bool:
        """True if a frame can be assigned."""
        if self._poison or not super().has_work:
            return self._poison is not None
        first = self.backlog.frames[0]
        return first.ready and (self.live or first.seq <= self._offered)

    def expire(self, now_ns: int) -> None:
        """Look whether the camera has to wait; the parent model has seen the frame in time."""
        self._held = self.live and self._blame.holds(now_ns)


def _first(dropped: Counter[str], count: int) -> Iterator[tuple[str, int]]:
    """The first `count` of the dropped frames: the rest was reported before."""
    for reason, frames in dropped.items():
        taken = min(frames, count)
        count -= taken
        yield reason, taken
