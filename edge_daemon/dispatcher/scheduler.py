"""Matches workers that can take a frame with the cameras and requests that have one."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from edge_daemon.dispatcher.source import Source
from edge_daemon.dispatcher.stride_scheduler import StrideScheduler
from edge_daemon.dispatcher.worker_slot import WorkerSlot

PREFETCH = 2
"""Frames of files that a worker holds beside the one in hand, so that it never waits: it reports two at a time."""


class RunQueue:
    """The sources that compete for the workers of one model: those that may be `ready`, and those that may soon be."""

    def __init__(self) -> None:
        self._scheduler: StrideScheduler[Source] = StrideScheduler({})
        self.ready: dict[Source, None] = {}
        self._expected: dict[Source, None] = {}
        self.sources: list[Source] = []
        self.prefetch = 0

    def change(self, sources: list[Source]) -> None:
        """Go on with other sources or weights."""
        self._scheduler.change({source: source.weight for source in sources})
        self.sources = sources
        self.ready, self._expected = dict.fromkeys(sources), dict.fromkeys(sources)
        self.prefetch = 0 if any(source.live for source in sources) else PREFETCH

    def wake(self, source: Source) -> None:
        """Something has happened to frames of the source: it may have work."""
        self.ready[source] = self._expected[source] = None

    def matches(
        self, slots: Collection[WorkerSlot], now_ns: int, away: Collection[str]
    ) -> Iterator[tuple[WorkerSlot, Source]]:
        """Yield workers and the source of their next frame, which has to be assigned before the next pair is drawn.

        Workers that have nothing to do come first. Sources that report to a peer that is `away` get none.
        """
        for prefetch in range(1 + self.prefetch):
            for slot in slots:
                while self.ready and slot.has_credit(prefetch):
                    source = self._next(slot, now_ns, away)
                    if source is None:
                        if not slot.assigned:  # one with frames is refused what another worker has died of
                            return
                        break
                    yield slot, source

    def _next(self, slot: WorkerSlot, now_ns: int, away: Collection[str]) -> Source | None:
        """Source whose frame the worker gets; None if there is none, or if a better one is about to come."""
        candidates = []
        for source in list(self.ready):
            if source.reports_to in away:
                continue
            source.expire(now_ns)
            if source.has_work:
                if not (slot.assigned and source.is_suspect):
                    candidates.append(source)
            elif not source.is_waiting:
                del self.ready[source]
        if not candidates:
            return None
        expected = self._about_to_be_ready(now_ns, away) if self._scheduler.may_wait() else ()
        return self._scheduler.next(candidates, expected, lambda source: source.age_ns(now_ns))

    def _about_to_be_ready(self, now_ns: int, away: Collection[str]) -> list[Source]:
        self._expected = {source: None for source in self._expected if source.is_expected(now_ns)}
        return [source for source in self._expected if source not in self.ready and source.reports_to not in away]


class Scheduler:
    """The run queues of all models."""

    def __init__(self) -> None:
        self._queues: dict[str, RunQueue] = {}

    def change(self, models: Iterable[str], sources: Collection[Source]) -> None:
        """Go on with other models and sources."""
        self._queues = {model: self._queues.get(model) or RunQueue() for model in models}
        for model, queue in self._queues.items():
            queue.change([source for source in sources if source.model == model])

    def sources(self, model: str) -> list[Source]:
        """All sources of a model."""
        return self._queues[model].sources

    def wake(self, sources: Iterable[Source]) -> None:
        """Something has happened to frames of these sources: they may have work."""
        for source in sources:
            self._queues[source.model].wake(source)

    def has_credit(self, slots: Mapping[str, Collection[WorkerSlot]]) -> bool:
        """True if a worker can take another frame; `slots` are by model."""
        return any(slot.has_credit(self._queues[model].prefetch) for model in slots for slot in slots[model])

    def matches(
        self, slots: Mapping[str, Collection[WorkerSlot]], now_ns: int, away: Collection[str]
    ) -> Iterator[tuple[WorkerSlot, Source]]:
        """See RunQueue.matches; `slots` are by model."""
        for model, queue in self._queues.items():
            if queue.ready and model in slots:
                yield from queue.matches(slots[model], now_ns, away)
