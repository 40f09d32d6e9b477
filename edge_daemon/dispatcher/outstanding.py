"""The reports of a stream to the sink, until it has acknowledged them."""

from collections import Counter, deque
from dataclasses import dataclass

from edge_daemon.dispatcher.backlog import Pending
from edge_daemon.messages.accounting import Assigned, Captured, Gap, Lost, StreamState, ToSink
from edge_daemon.messages.fates import Reason

MAX_UNACKED = 64
"""A sink that is this many reports of a stream behind receives no more of them."""


@dataclass(slots=True, eq=False)
class Report:
    """The assignment of `frame`, or (None) a gap that ends at `seq`; `dropped` are the frames before, by reason.

    The frame was `sent` to its `worker`, as far as the capture knows; that has `served` it; the streams that follow
    have received what was found (`shared`). `end` marks the last report of a source.
    """

    seq: int
    dropped: Counter[str]
    frame: Pending | None = None
    worker: str | None = None
    sent: bool = False
    served: bool = False
    shared: bool = False
    end: bool = False


class Outstanding:
    """The `reports` in the order of their frames, and the `state`: how far the sink has come.

    `released` is the last frame whose report was acknowledged and is not needed any more, `counted` the number of
    captured frames that the sink knows of.
    """

    def __init__(self, camera: str, model: str) -> None:
        self._camera, self._model = camera, model
        self.state = StreamState(camera=camera, model=model, epoch=0)
        self.begin(0, -1)

    def begin(self, epoch: int, resolved: int) -> None:
        """Forget all, and start after frame `resolved`."""
        self._epoch = epoch
        self.reports: deque[Report] = deque()
        self.released = resolved
        self.counted = resolved + 1

    @property
    def last_seq(self) -> int:
        """Last frame that was reported and is not acknowledged; -1 if there is none."""
        return self.reports[-1].seq if self.reports else -1

    @property
    def has_end(self) -> bool:
        """True if the end of the source was reported."""
        return bool(self.reports) and self.reports[-1].end

    @property
    def resolved(self) -> int:
        """Last frame of this epoch whose fate the sink has decided."""
        return self.state.resolved if self.state.epoch == self._epoch else -1

    @property
    def finished(self) -> bool:
        """True if the sink has published the end of this epoch."""
        return self.state.finished and self.state.epoch == self._epoch

    def assignment(self, seq: int) -> Report | None:
        """The report that frame `seq` was assigned."""
        for report in reversed(self.reports):
            if report.seq == seq and report.frame:
                return report
        return None

    def add(self, report: Report) -> list[ToSink]:
        """Add a report; return its message."""
        self.reports.append(report)
        self.counted = max(self.counted, report.seq + 1)
        return self.message(report)

    def message(self, report: Report) -> list[ToSink]:
        """The message to the sink, unless it has decided this already: a frame may be assigned again for followers."""
        if report.seq <= self.resolved and (self.finished or not report.end):
            return []
        key = {"camera": self._camera, "model": self._model}
        if report.frame:
            return [Assigned(**key, epoch=self._epoch, seq=report.seq, dropped=dict(report.dropped))]
        return [Gap(**key, epoch=self._epoch, seq=report.seq, dropped=dict(report.dropped), end=report.end)]

    def lost(self, report: Report, reason: Reason) -> Lost:
        """The message that an assignment brings no result."""
        return Lost(camera=self._camera, model=self._model, epoch=self._epoch, seq=report.seq, reason=reason)

    def captured(self, count: int) -> Captured:
        """The message that `count` frames were captured."""
        self.counted = count
        return Captured(camera=self._camera, model=self._model, epoch=self._epoch, count=count)

    def forget_count(self) -> None:
        """Forget the count that was reported: a new sink knows only what is sent again."""
        self.counted = max(self.resolved, self.last_seq) + 1

    def release(self, *, only_shared: bool) -> int:
        """Remove what was acknowledged; with `only_shared`, no frame whose findings have not reached the followers.

        Return the last frame that is not needed any more.
        """
        reports, resolved, finished = self.reports, self.resolved, self.finished
        while reports and reports[0].seq <= resolved and (finished or not reports[0].end):
            if only_shared and reports[0].frame and not reports[0].shared:
                break
            self.released = max(self.released, reports.popleft().seq)
        return min(resolved, self.released) if only_shared else resolved
