"""Matches workers that can take a frame with the cameras and requests that have one."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from edge_daemon.dispatcher.competitor import Competitor
from edge_daemon.dispatcher.stride_scheduler import StrideScheduler
from edge_daemon.dispatcher.worker_slot import WorkerSlot

PREFETCH = 2
"""Frames of files that a worker holds beside the one in hand, so that it never waits: it reports two at a time."""


class RunQueue:
    """The competitors for the workers of one model: those that may be `ready`, and those that may soon be."""

    def __init__(self) -> None:
        self._scheduler: StrideScheduler[Competitor] = StrideScheduler({})
        self.ready: dict[Competitor, None] = {}
        self._expected: dict[Competitor, None] = {}
        self.competitors: list[Competitor] = []
        self.prefetch = 0

    def change(self, competitors: list[Competitor]) -> None:
        """Switch to other competitors or weights."""
        self._scheduler.change({one: one.weight for one in competitors})
        self.competitors = competitors
        self.ready, self._expected = dict.fromkeys(competitors), dict.fromkeys(competitors)
        self.prefetch = 0 if any(one.live for one in competitors) else PREFETCH

    def wake(self, competitor: Competitor) -> None:
        """Note that frames of the competitor have changed: it may have work."""
        self.ready[competitor] = self._expected[competitor] = None

    def matches(
        self, slots: Collection[WorkerSlot], now_ns: int, away: Collection[str]
    ) -> Iterator[tuple[WorkerSlot, Competitor]]:
        """Yield workers and the competitor of their next frame, which has to be assigned before the next pair is drawn.

        Workers that have nothing to do come first. Sources that report to a peer that is `away` get none.
        """
        for prefetch in range(1 + self.prefetch):
            for slot in slots:
                while self.ready and slot.has_credit(prefetch):
                    competitor = self._next(slot, now_ns, away)
                    if competitor is None:
                        if not slot.assigned:  # one with frames is refused what another worker has died of
                            return
                        break
                    yield slot, competitor

    def _next(self, slot: WorkerSlot, now_ns: int, away: Collection[str]) -> Competitor | None:
        """Competitor whose frame the worker gets; None if there is none, or if a better one is about to come."""
        candidates = []
        for competitor in list(self.ready):
            if competitor.reports_to in away:
                continue
            competitor.expire(now_ns)
            if competitor.has_work:
                if not (slot.assigned and competitor.is_suspect):
                    candidates.append(competitor)
            elif not competitor.is_waiting:
                del self.ready[competitor]
        if not candidates:
            return None
        expected = self._about_to_be_ready(now_ns, away) if self._scheduler.may_wait() else ()
        return self._scheduler.next(candidates, expected, lambda one: one.age_ns(now_ns))

    def _about_to_be_ready(self, now_ns: int, away: Collection[str]) -> list[Competitor]:
        self._expected = {one: None for one in self._expected if one.is_expected(now_ns)}
        return [one for one in self._expected if one not in self.ready and one.reports_to not in away]


class Scheduler:
    """The run queues of all models."""

    def __init__(self) -> None:
        self._queues: dict[str, RunQueue] = {}

    def change(self, models: Iterable[str], competitors: Collection[Competitor]) -> None:
        """Switch to other models and competitors."""
        self._queues = {model: self._queues.get(model) or RunQueue() for model in models}
        for model, queue in self._queues.items():
            queue.change([one for one in competitors if one.model == model])

    def competitors(self, model: str) -> list[Competitor]:
        """All competitors of a model."""
        return self._queues[model].competitors

    def wake(self, competitors: Iterable[Competitor]) -> None:
        """Note that frames of these competitors have changed: they may have work."""
        for competitor in competitors:
            self._queues[competitor.model].wake(competitor)

    def has_credit(self, slots: Mapping[str, Collection[WorkerSlot]]) -> bool:
        """True if a worker can take another frame; `slots` are by model."""
        return any(slot.has_credit(self._queues[model].prefetch) for model in slots for slot in slots[model])

    def matches(
        self, slots: Mapping[str, Collection[WorkerSlot]], now_ns: int, away: Collection[str]
    ) -> Iterator[tuple[WorkerSlot, Competitor]]:
        """See RunQueue.matches; `slots` are by model."""
        for model, queue in self._queues.items():
            if queue.ready and model in slots:
                yield from queue.matches(slots[model], now_ns, away)
