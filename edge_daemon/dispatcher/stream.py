"""The frames of one camera for one model: those that wait, those that are assigned, and the fate of the others."""

import logging
from collections.abc import Sequence
from typing import Protocol

from edge_daemon.dispatcher.arrivals import Arrivals
from edge_daemon.dispatcher.backlog import Backlog, Pending
from edge_daemon.dispatcher.blame import Blame
from edge_daemon.dispatcher.competitor import Competitor
from edge_daemon.dispatcher.outbox import SINK
from edge_daemon.dispatcher.outstanding import MAX_UNACKED, Outstanding, Report
from edge_daemon.dispatcher.worker_slot import WorkerSlot
from edge_daemon.messages.accounting import StreamState, ToSink
from edge_daemon.messages.fates import NOTHING, POISON, Failure, Reason
from edge_daemon.messages.frames import Annotation, Crop
from edge_daemon.messages.scheduling import Send
from edge_daemon.runtime.crash_marker import FrameId, InHand
from edge_daemon.settings import CameraPlan, ModelPlan

logger = logging.getLogger(__name__)


class Follower(Protocol):
    """A stream of a model that comes after this stream's model."""

    backlog: Backlog
    outstanding: Outstanding

    def parent_reported(self, epoch: int, report: Report) -> None:
        """Take the report that a frame was assigned, or (a gap) will not be."""

    def parent_lost(self, seq: int, reason: Reason) -> None:
        """Note that nothing will be found in frame `seq`."""

    def receive(self, seq: int, found: Sequence[Crop] | Failure) -> None:
        """Take the objects found in frame `seq`, or the reason for which there are none."""

    def last_released(self) -> int:
        """Last frame that neither this stream nor its followers need."""


class Stream(Competitor):
    """Decides the fate of each frame until a worker has it, and reports it to the sink until that has acknowledged it.

    Methods that return messages return those for the sink, in order. In live delivery only the newest frame waits. In
    lossless delivery all wait in order, and a frame whose worker died waits again, ahead of the others. A lossless
    stream with followers assigns a frame again until they have received what was found in it, even if the sink has its
    result.
    """

    camera: str
    parent: "Stream | None" = None
    reports_to = SINK

    def __init__(self, camera: str, model: str) -> None:
        self.camera, self.model = camera, model
        self.live, self.weight, self._max_age_ns = True, 1.0, 0
        self.watched = False
        self._annotation: Annotation | None = None
        self._blame, self._held = Blame(), False
        self.followers: list[Follower] = []
        self.outstanding = Outstanding(camera, model)
        self.begin(0)

    def configure(self, plan: CameraPlan, model: ModelPlan) -> None:
        """Switch to other settings. Delivery changes only while there is no capture.

        The first model of a camera draws if somebody watches: the picture that is published, or pixels into which the
        sink draws what the other models find.
        """
        self.live, self.weight, self._max_age_ns = plan.delivery == "live", plan.weight, int(plan.max_age_s * 1e9)
        drawn: Annotation = "raw" if len(plan.models) > 1 or plan.tracked else "jpeg"
        self._annotation = drawn if self.model == plan.models[0] else None

    def leave(self) -> None:
        """Handle the removal of the camera or its model."""

    def join(self, epoch: int, resolved: int) -> None:
        """Begin within an epoch of the camera's other models, after frame `resolved`."""
        self.outstanding.state = StreamState(
            camera=self.camera, model=self.model, epoch=epoch, resolved=resolved, published=resolved
        )
        self.begin(epoch, resolved)

    def resume(self) -> None:
        """Begin where the sink and the followers are: the dispatcher is new."""
        state = self.outstanding.state
        self.begin(state.epoch, state.resolved if self.live else self.last_released())

    def begin(self, epoch: int, resolved: int = -1) -> None:
        """Count from the frame after `resolved` on, with none waiting and none outstanding."""
        self.epoch = epoch
        self.outstanding.begin(epoch, resolved)
        self.backlog, self._arrivals = Backlog(resolved), Arrivals()
        self._offered = -1  # last frame announced by the present capture, which may read old ones again
        self._requested: tuple[str, Pending] | None = None  # live: a worker's frame, which may become a newer one
        self._poison: Report | None = None  # live: a frame that killed a worker, and is to be set aside

    # From the capture

    def announce(
        self, seq: int, captured_ns: int, paced: int = 0, still: int = 0, undecodable: int = 0, replaced: int = 0
    ) -> None:
        """Note that frame `seq` can be requested; of those before it, the capture has dropped the counted ones."""
        self._offered = seq
        if seq <= self.backlog.last:
            self._restore(self.outstanding.assignment(seq))
            return
        self.backlog.skip(seq - 1, paced, still, undecodable, replaced, live=self.live)
        self._arrivals.add(captured_ns, replaced + 1)
        if self.live and self.backlog.frames:
            self.backlog.drop(self.backlog.frames[-1], "replaced")
        self.backlog.add(seq, captured_ns)

    def skip(self, seq: int, paced: int, still: int, undecodable: int = 0) -> None:
        """Count frames up to `seq`, which will not be announced."""
        self.backlog.skip(seq, paced, still, undecodable, live=self.live)

    def end(self, captured: int, paced: int = 0, still: int = 0, undecodable: int = 0) -> None:
        """Note the end of a source of `captured` frames, the last ones of which were not announced."""
        if not self.backlog.ended:
            self.backlog.end(captured - 1, paced, still, undecodable, live=self.live)

    def sent(self, seq: int, worker: str, *, alive: bool) -> list[ToSink]:
        """Note that frame `seq` was sent to `worker`, which is not `alive` if another one has its name by now. If the
        frame is not announced yet, this is received again later.
        """
        if (report := self.outstanding.assignment(seq)) and report.worker == worker:
            report.sent = alive
        if not self._requested:
            return []
        who, frame = self._requested
        if who != worker or not frame.seq <= seq <= self.backlog.last:
            return []
        self._requested = None
        frame = self.backlog.take_newer(frame, seq)
        report = Report(frame.seq, frame.before, frame, worker)
        messages = self._report(report)
        return messages if alive else [*messages, *self._lose(report)]

    def missing(self, seq: int, worker: str) -> list[ToSink]:
        """Handle the capture's report that it no longer has frame `seq`, which `worker` was assigned."""
        if self._requested and self._requested[0] == worker:
            frame = self._requested[1]
            self._withdraw()
            self.backlog.drop(frame, "replaced")
        elif (report := self.outstanding.assignment(seq)) and report.worker == worker:
            report.worker = None
            if self.live:  # it was to be set aside
                return self._lose(report)
        return []

    def capture_lost(self, *, for_good: bool = False) -> list[ToSink]:
        """Handle the end of the capture, with all frames that wait. A lossless one will announce them again, unless it
        is gone `for_good`.
        """
        messages: list[ToSink] = []
        if for_good and not self.live:
            messages += self._abandon()
        if self.live or for_good:
            if self._poison:
                report, self._poison = self._poison, None
                messages += self._lose(report)
            self._withdraw()
            self.backlog.drop_all("shutdown")
        else:
            for report in self.outstanding.reports:
                if not report.served:
                    report.worker = None
            self._rewind()
        self._offered = -1
        return messages + self.flush()

    def _rewind(self) -> None:
        """Forget the frames after the last assigned one; they are announced again."""
        last = max(self.outstanding.released, self.outstanding.last_seq)
        self.backlog.rewind(last, ended=self.outstanding.has_end)

    def _abandon(self) -> list[ToSink]:
        """Give up all frames without a result."""
        reports = list(self.outstanding.reports)
        self.outstanding.reports.clear()
        self.backlog.remove({report.seq for report in reports})
        return [self.outstanding.lost(report, "shutdown") for report in reports if report.frame and not report.served]

    def _withdraw(self) -> None:
        """Put the requested frame back: it waits again."""
        if self._requested:
            self.backlog.restore(self._requested[1])
            self._requested = None

    def _restore(self, report: Report | None) -> None:
        """Put a frame that was assigned back, if the capture has it and no worker."""
        if report and report.frame and report.worker is None and not self.live and report.seq <= self._offered:
            self.backlog.restore(report.frame)

    # To and from workers

    @property
    def has_work(self) -> bool:
        """True if a frame can be assigned."""
        return (bool(self.backlog.frames) and self.can_report and not self._held) or self._poison is not None

    @property
    def is_waiting(self) -> bool:
        """True if there are frames that can be assigned, or become stale, without another message."""
        return bool(self.backlog.frames) or self._poison is not None

    @property
    def is_suspect(self) -> bool:
        """True if a worker has died with the next frame."""
        if self.live:
            return self._blame.is_suspect
        frames = self.backlog.frames
        return bool(frames and frames[0].deaths)

    def expire(self, now_ns: int) -> None:
        """Drop the frame that waits if it has become stale. Look whether the camera has to wait for what it did."""
        self._held = self.live and self._blame.holds(now_ns)
        frames = self.backlog.frames
        if self.live and frames and not self._requested and now_ns - frames[0].captured_ns > self._max_age_ns:
            self.backlog.drop(frames[0], "stale")

    def is_expected(self, now_ns: int) -> bool:
        """True if a live camera's next frame is about to arrive."""
        return self.live and not self._requested and self._arrivals.is_due(now_ns)

    def age_ns(self, now_ns: int) -> int | None:
        """Age of a live camera's newest frame, which may have come since the one that was announced."""
        return self._arrivals.age_ns(now_ns) if self.live else None

    def assign(self, slot: WorkerSlot) -> tuple[Send, list[ToSink]]:
        """Assign the next frame to a worker; of a live camera, a newer one may be sent instead."""
        if self._poison:
            report, self._poison = self._poison, None
            assert report.frame
            report.worker, report.sent = slot.worker, True
            slot.assign(FrameId(self.camera, self.epoch, report.seq), alone=True)
            return self._send_of(report.frame, slot), []
        frame = self.backlog.take()
        slot.assign(FrameId(self.camera, self.epoch, frame.seq), alone=self.is_suspect or frame.deaths > 0)
        messages: list[ToSink] = []
        if self.live:  # which frame it will be is known when it is sent
            self._requested = slot.worker, frame
        elif again := self.outstanding.assignment(frame.seq):
            again.worker, again.sent = slot.worker, False
        else:
            messages = self._report(Report(frame.seq, frame.before, frame, slot.worker))
        return self._send_of(frame, slot), messages

    def _send_of(self, frame: Pending, slot: WorkerSlot) -> Send:
        return Send(
            model=self.model,
            worker=slot.worker,
            inbox=slot.inbox,
            seq=frame.seq,
            annotate=self._annotation if self.watched else None,
            keep=bool(self.followers),
            input=slot.input,
            crops=frame.crops,
            deaths=frame.deaths,
        )

    def served(self, seq: int, worker: str, found: Sequence[Crop] | Failure = ()) -> list[ToSink]:
        """Handle the report that `worker` is done with frame `seq`; its result is on its way to the sink."""
        messages = self.sent(seq, worker, alive=True)
        if report := self.outstanding.assignment(seq):
            report.served |= report.worker == worker
            report.shared = True
            self._release()
        for follower in self.followers:
            follower.receive(seq, found)
        return messages

    def worker_lost(self, slot: WorkerSlot, marker: InHand | None = None) -> list[ToSink]:
        """Handle the death of a worker: its frames bring no result, unless that is on its way already. Frames that it
        had not started did not cause its death.
        """
        messages: list[ToSink] = []
        if isinstance(marker, FrameId) and (marker.camera, marker.epoch) == (self.camera, self.epoch):
            messages += self.sent(marker.seq, slot.worker, alive=True)
        not_started = slot.not_started(self.camera, marker)
        for report in list(self.outstanding.reports):
            if report.worker == slot.worker:
                if report.frame and (report.sent or self.live) and not report.served and report.seq not in not_started:
                    report.frame.deaths += 1
                    if self.live and slot.suspects(marker) == 1:
                        messages += self._blamed(report, report.frame, slot)
                        continue
                    self._blame.suspect()
                messages += self._lose(report)
        return messages

    def _blamed(self, report: Report, frame: Pending, slot: WorkerSlot) -> list[ToSink]:
        """Set a live camera's frame aside, of which a worker died; the camera waits if it was not the first."""
        if frame.deaths >= POISON:  # the worker that was to set it aside has died too
            return self._lose(report)
        wait_s = self._blame.add()
        pause = f"; {self.model} looks at nothing of this camera for {wait_s:.0f} s" if wait_s else ""
        what = f"frame {report.seq} of {self.camera}"
        logger.warning("%s died of %s%s", slot.worker, what, pause, extra={"camera": self.camera})
        report.worker, frame.deaths, self._poison = None, POISON, report
        return []

    def _lose(self, report: Report) -> list[ToSink]:
        """Handle an assignment that brings no result: drop its frame, or put it back."""
        report.worker, report.served = None, False
        if not self.live:
            self._restore(report)
            return []
        report.shared = True
        for follower in self.followers:
            follower.parent_lost(report.seq, "worker-lost")
        return [self.outstanding.lost(report, "worker-lost")]

    # To and from the sink

    def acknowledge(self, state: StreamState) -> None:
        """Apply an acknowledgement of all frames up to `state.resolved`. A new sink may know less than the last."""
        known = self.outstanding.state
        if (state.epoch, state.resolved) >= (known.epoch, known.resolved):
            self.outstanding.state = state
            self._release()

    def _release(self) -> None:
        """Forget settled frames: also one that waits again because its worker was lost, if its result was not."""
        last = self.outstanding.release(only_shared=bool(self.followers) and not self.live)
        if self.backlog.frames:
            self.backlog.release(last)

    def last_released(self) -> int:
        """Last frame that neither this stream nor its followers need."""
        state = self.outstanding.state
        theirs = [one.last_released() if one.outstanding.state.epoch == state.epoch else -1 for one in self.followers]
        return min([state.resolved, *theirs])

    def repeat(self) -> list[ToSink]:
        """Return all reports for a new sink. Results that only the last one had are lost."""
        messages: list[ToSink] = []
        self.outstanding.forget_count()
        for report in self.outstanding.reports:
            if message := self.outstanding.message(report):
                messages += message
                if report.served:
                    messages += self._lose(report)
        return messages

    def flush(self) -> list[ToSink]:
        """Report what assignments do not contain: frames dropped lately, the end, and the number of captured frames."""
        if not self.can_report:
            return []
        messages: list[ToSink] = []
        backlog = self.backlog
        if backlog.frames:
            first = backlog.frames[0]
            if self.live and first.before:
                messages += self._report(Report(first.seq - 1, first.before))
                first.before = NOTHING
        elif (backlog.gap or backlog.ended) and not self._end_is_reported:
            messages += self._report(Report(backlog.last, backlog.gap, end=backlog.ended))
            backlog.gap = NOTHING
        if self.outstanding.counted <= backlog.last:
            messages.append(self.outstanding.captured(backlog.last + 1))
        return messages

    def _report(self, report: Report) -> list[ToSink]:
        messages = self.outstanding.add(report)
        for follower in self.followers:
            follower.parent_reported(self.epoch, report)
        return messages

    @property
    def can_report(self) -> bool:
        """True if reports can be made: no live frame is requested and not sent, and the sink keeps up."""
        return not self._requested and len(self.outstanding.reports) < MAX_UNACKED

    @property
    def _end_is_reported(self) -> bool:
        """True if the sink and the followers know of the end."""
        return self.outstanding.has_end or (
            self.outstanding.finished and all(one.backlog.ended for one in self.followers)
        )
