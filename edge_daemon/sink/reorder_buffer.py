"""One camera and model's results, put in order, and the one account of what became of every frame."""

from collections import Counter, deque
from dataclasses import dataclass, field

from edge_daemon.messages.accounting import Assigned, Captured, Gap, Lost, StreamState
from edge_daemon.messages.fates import NOTHING
from edge_daemon.messages.outcomes import Outcome

STASH = 64
"""Outcomes kept that came ahead of the turn they belong to."""
Picture = bytes | memoryview | None


@dataclass(frozen=True)
class Arrival:
    """A worker's outcome, the annotated RGB bytes that came with it, and when (monotonic nanoseconds)."""

    outcome: Outcome
    picture: Picture
    at_ns: int


@dataclass(frozen=True)
class Delivery:
    """A result whose turn has come, and what was dropped since the one before."""

    arrival: Arrival
    dropped: Counter[str]


@dataclass(frozen=True)
class EndOfSource:
    """All that the source had has been accounted for."""


@dataclass
class _Entry:
    """Something the dispatcher told: drops, and (but for a gap) a turn whose outcome is awaited."""

    epoch: int
    seq: int
    dropped: Counter[str]
    turn: bool
    end: bool = False
    arrival: Arrival | None = None
    lost: str | None = None


@dataclass
class _Epoch:
    """The counts of the epoch that is being released."""

    number: int
    resolved: int = -1
    published: int = -1
    gap: Counter[str] = field(default_factory=Counter)
    finished: bool = False


class ReorderBuffer:
    """Reorder buffer and account in one: a frame is delivered or dropped exactly once, in frame order.

    The dispatcher tells turns and gaps in frame order; a turn is settled by its outcome or its loss. A turn that was
    overtaken waits `reorder_wait_ns` for its outcome and is then dropped as `late`; None waits for ever (lossless).
    """

    def __init__(self, camera: str, model: str, *, reorder_wait_ns: int | None = None) -> None:
        self.camera, self.model = camera, model
        self.reorder_wait_ns = reorder_wait_ns
        self._entries: deque[_Entry] = deque()
        self._early: dict[tuple[int, int], Arrival] = {}
        self.start(StreamState(camera=camera, model=model, epoch=0))

    def start(self, state: StreamState) -> None:
        """Go on from `state`; of what was under way only the outcomes that are here are kept."""
        self.delivered = state.delivered
        self._dropped = Counter(state.dropped)
        self._epoch = _Epoch(state.epoch, state.resolved, state.published, Counter(state.gap), state.finished)
        self._captured_before = self.delivered + self._dropped.total() - (state.resolved + 1)
        self._captured = {state.epoch: state.resolved + 1}
        here = [*self._early.values(), *(entry.arrival for entry in self._entries if entry.arrival)]
        self._entries.clear()
        self._early.clear()
        for arrival in here:
            self.arrived(arrival)

    @property
    def state(self) -> StreamState:
        """How far this has come: all that a successor needs to know."""
        epoch = self._epoch
        return StreamState(
            camera=self.camera,
            model=self.model,
            epoch=epoch.number,
            resolved=epoch.resolved,
            published=epoch.published,
            gap=dict(epoch.gap),
            delivered=self.delivered,
            dropped=dict(self._dropped),
            finished=epoch.finished,
        )

    @property
    def awaits(self) -> bool:
        """Whether something was told that is not released yet: it may be due by time alone."""
        return bool(self._entries)

    @property
    def captured(self) -> int:
        """Frames known to have been captured, in all epochs."""
        return self._captured_before + sum(self._captured.values())

    @property
    def dropped(self) -> Counter[str]:
        """Frames dropped by reason, in all epochs, also those that lie between turns still awaited."""
        return sum((entry.dropped for entry in self._entries), self._dropped.copy())

    @property
    def in_flight(self) -> int:
        """Frames that wait for a worker, or for their result's turn."""
        return self.captured - self.delivered - self.dropped.total()

    def tell(self, message: Assigned | Gap | Lost | Captured) -> None:
        """Take in what the dispatcher says of this stream."""
        match message:
            case Captured():
                self._count(message.epoch, message.count)
            case Lost():
                for entry in self._entries:
                    if entry.turn and (entry.epoch, entry.seq) == (message.epoch, message.seq):
                        entry.lost = message.reason
            case Assigned() | Gap():
                self._count(message.epoch, message.seq + 1)
                dropped, turn = Counter(message.dropped) if message.dropped else NOTHING, isinstance(message, Assigned)
                entry = _Entry(message.epoch, message.seq, dropped, turn)
                if isinstance(message, Gap):
                    entry.end = message.end
                else:
                    entry.arrival = self._early.pop((message.epoch, message.seq), None)
                self._entries.append(entry)

    def arrived(self, arrival: Arrival) -> bool:
        """Take in an outcome, unless its frame is accounted for already; false where its turn was not told yet."""
        frame = arrival.outcome.frame
        for entry in self._entries:
            if entry.turn and (entry.epoch, entry.seq) == (frame.epoch, frame.seq):
                entry.arrival = entry.arrival or arrival
                return True
        if frame.epoch <= self._epoch.number and frame.seq <= self._epoch.resolved:
            return True
        self._early[frame.epoch, frame.seq] = arrival
        while len(self._early) > STASH:
            del self._early[next(iter(self._early))]
        return False

    def release(self, now_ns: int) -> list[Delivery | EndOfSource]:
        """What can be published now, in order."""
        released: list[Delivery | EndOfSource] = []
        while self._entries and self._is_settled(now_ns):
            entry = self._entries.popleft()
            if entry.epoch != self._epoch.number:
                self._turn_over(entry.epoch)
            self._drop(entry.dropped)
            self._epoch.resolved = entry.seq
            if entry.end and not self._epoch.finished:
                self._epoch.finished = True
                released.append(EndOfSource())
            elif entry.turn:
                released += self._settle(entry)
        return released

    def close(self) -> list[Delivery | EndOfSource]:
        """Release all there is; what has no outcome by now is dropped as `shutdown`, so that nothing is in flight."""
        for entry in self._entries:
            if entry.turn and entry.arrival is None:
                entry.lost = entry.lost or "shutdown"
        released = self.release(0)
        self._drop(Counter(shutdown=self.in_flight))
        return released

    def _is_settled(self, now_ns: int) -> bool:
        entry = self._entries[0]
        if not entry.turn or entry.arrival or entry.lost:
            return True
        overtaken_ns = min((e.arrival.at_ns for e in self._entries if e.arrival), default=now_ns)
        if self.reorder_wait_ns is None or now_ns - overtaken_ns <= self.reorder_wait_ns:
            return False
        entry.lost = "late"
        return True

    def _settle(self, entry: _Entry) -> list[Delivery | EndOfSource]:
        arrival = entry.arrival
        if arrival is None or arrival.outcome.failed:
            reason = arrival.outcome.failed if arrival else entry.lost
            self._drop(Counter({str(reason): 1}))
            return []
        self.delivered += 1
        gap, self._epoch.gap = self._epoch.gap or NOTHING, Counter()
        self._epoch.published = entry.seq
        return [Delivery(arrival, gap)]

    def _drop(self, dropped: Counter[str]) -> None:
        if dropped:
            self._dropped += dropped
            self._epoch.gap += dropped

    def _turn_over(self, epoch: int) -> None:
        """Close the account of the epoch before: what nobody accounted for went down with a process."""
        unknown = self._captured.pop(self._epoch.number, 0) - (self._epoch.resolved + 1)
        self._captured_before += self._epoch.resolved + 1 + unknown
        self._drop(Counter({"worker-lost": unknown}) if unknown > 0 else Counter())
        self._epoch = _Epoch(epoch)

    def _count(self, epoch: int, captured: int) -> None:
        if epoch >= self._epoch.number:
            self._captured[epoch] = max(self._captured.get(epoch, 0), captured)
