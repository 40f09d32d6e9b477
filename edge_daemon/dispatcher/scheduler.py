"""Matches workers that can take a frame with the cameras and requests that have one."""

from collections.abc import Collection, Iterator, Mapping

from edge_daemon.dispatcher.source import Source
from edge_daemon.dispatcher.stride_scheduler import StrideScheduler
from edge_daemon.dispatcher.worker_slot import WorkerSlot

PREFETCH = 2
"""Frames that a worker holds beside the one in hand, so that it never waits, if none of them is urgent: it reports that
it is ready after every second frame.
"""


class RunQueue:
    """The sources that compete for the workers of one model: those that may be `ready`, and those that may soon be."""

    def __init__(self) -> None:
        self._scheduler: StrideScheduler[Source] = StrideScheduler({})
        self._ready: dict[Source, None] = {}
        self._expected: dict[Source, None] = {}
        self.sources: list[Source] = []
        self.prefetch = 0

    def change(self, weights: Mapping[Source, float]) -> None:
        """Go on with other sources or weights."""
        self._scheduler.change(weights)
        self.sources = list(weights)
        self._ready, self._expected = dict.fromkeys(weights), dict.fromkeys(weights)
        self.prefetch = 0 if any(source.is_urgent for source in weights) else PREFETCH

    def wake(self, source: Source) -> None:
        """The source has changed."""
        self._ready[source] = self._expected[source] = None

    def expire(self, now_ns: int, away: Collection[str]) -> None:
        """Drop stale frames, so that they are not assigned."""
        for source in self._ready:
            if source.reports_to not in away:
                source.expire(now_ns)

    def next(self, slot: WorkerSlot, now_ns: int, away: Collection[str]) -> Source | None:
        """Source whose frame the worker gets; None if there is none, or if a better one is about to come. Sources that
        report to a peer that is `away` are passed over.
        """
        candidates = []
        for source in list(self._ready):
            if source.reports_to in away:
                continue
            if source.has_work:
                if not (source.is_suspect and slot.assigned):
                    candidates.append(source)
            elif not source.is_waiting:
                del self._ready[source]
        if not candidates:
            return None
        expected = self._about_to_be_ready(now_ns, away) if self._scheduler.may_wait() else ()
        ages = {source: age for source in candidates if (age := source.age_ns(now_ns)) is not None}
        return self._scheduler.next(candidates, expected, ages)

    def _about_to_be_ready(self, now_ns: int, away: Collection[str]) -> list[Source]:
        self._expected = {source: None for source in self._expected if source.is_expected(now_ns)}
        return [source for source in self._expected if source not in self._ready and source.reports_to not in away]


class Scheduler:
    """The run queues of all models."""

    def __init__(self) -> None:
        self._queues: dict[str, RunQueue] = {}
        self._prefetch = 0

    def change(self, weights: Mapping[str, Mapping[Source, float]]) -> None:
        """Go on with other models, and the weights of their sources."""
        self._queues = {model: self._queues.get(model) or RunQueue() for model in weights}
        for model, queue in self._queues.items():
            queue.change(weights[model])
        self._prefetch = max((queue.prefetch for queue in self._queues.values()), default=0)

    def sources(self, model: str) -> list[Source]:
        """All sources of a model."""
        return self._queues[model].sources

    def wake(self, source: Source) -> None:
        """The source has changed: it may have work."""
        self._queues[source.model].wake(source)

    def has_credit(self, slots: Collection[WorkerSlot]) -> bool:
        """True if a worker can take another frame."""
        return any(slot.has_credit(self._queues[slot.model].prefetch) for slot in slots)

    def matches(
        self, slots: Collection[WorkerSlot], now_ns: int, away: Collection[str]
    ) -> Iterator[tuple[WorkerSlot, Source]]:
        """Yield workers with the source of their next frame, which has to be assigned before the next pair is drawn.
        Workers that have nothing to do come first.
        """
        for model in {slot.model for slot in slots if slot.has_credit()}:
            self._queues[model].expire(now_ns, away)
        for prefetch in range(1 + self._prefetch):
            exhausted = {model for model, queue in self._queues.items() if prefetch > queue.prefetch}
            for slot in slots:
                while slot.model not in exhausted and slot.has_credit(prefetch):
                    source = self._queues[slot.model].next(slot, now_ns, away)
                    if source is None:
                        if not slot.assigned:  # one that has a frame may not get the same as one that has none
                            exhausted.add(slot.model)
                        break
                    yield slot, source
