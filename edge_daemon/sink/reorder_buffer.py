"""The results of one camera and model in frame order, and the account of what became of every frame."""

from collections import Counter, deque
from dataclasses import dataclass, field

from edge_daemon.messages.accounting import Assigned, Captured, Gap, Lost, StreamState
from edge_daemon.messages.fates import NOTHING
from edge_daemon.messages.outcomes import Outcome

EARLY = 64
"""Outcomes kept that arrived before their assignment."""
Picture = bytes | memoryview | None


@dataclass(frozen=True)
class Arrival:
    """A worker's outcome, the annotated picture that came with it (a JPEG, or RGB bytes, height x width x 3), and when
    it arrived (monotonic nanoseconds).
    """

    outcome: Outcome
    picture: Picture
    at_ns: int


@dataclass(frozen=True)
class Delivery:
    """A result to be published, and what was dropped since the one before."""

    arrival: Arrival
    dropped: Counter[str]


@dataclass(frozen=True)
class EndOfSource:
    """All frames of the source are accounted for."""


@dataclass
class _Entry:
    """An assignment, or a gap, and what was dropped before it. An assignment waits for its outcome or its loss."""

    epoch: int
    seq: int
    dropped: Counter[str]
    assigned: bool
    end: bool = False
    arrival: Arrival | None = None
    lost: str | None = None

    @property
    def is_settled(self) -> bool:
        return not self.assigned or self.arrival is not None or self.lost is not None


@dataclass
class _Epoch:
    """Counts of the epoch that is being released."""

    number: int
    resolved: int = -1
    published: int = -1
    gap: Counter[str] = field(default_factory=Counter)
    finished: bool = False


class ReorderBuffer:
    """Releases each frame exactly once, in frame order: delivered or dropped.

    The dispatcher sends assignments and gaps in frame order; an assignment is settled by its outcome or its loss. If
    another frame overtakes it, it waits `reorder_wait_ns` for its outcome, and is then dropped as `late`; None waits
    without limit (lossless). Of a model that runs after another one, the `parent`, results come after those.
    """

    def __init__(self, camera: str, model: str, *, reorder_wait_ns: int | None = None) -> None:
        self.camera, self.model = camera, model
        self.reorder_wait_ns = reorder_wait_ns
        self.parent: ReorderBuffer | None = None
        self._entries: deque[_Entry] = deque()
        self._early: dict[tuple[int, int], Arrival] = {}
        self.start(StreamState(camera=camera, model=model, epoch=0))

    def start(self, state: StreamState) -> None:
        """Go on from `state`; only the outcomes that have arrived are kept."""
        self.delivered = state.delivered
        self._dropped = Counter(state.dropped)
        self._epoch = _Epoch(state.epoch, state.resolved, state.published, Counter(state.gap), state.finished)
        self._captured_before = self.delivered + self._dropped.total() - (state.resolved + 1)
        self._captured = {state.epoch: state.resolved + 1}
        here = [*self._early.values(), *(entry.arrival for entry in self._entries if entry.arrival)]
        self._entries.clear()
        self._early.clear()
        for arrival in here:
            self.add(arrival)

    @property
    def state(self) -> StreamState:
        """The state: all that another buffer needs to continue."""
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
    def is_empty(self) -> bool:
        """True if nothing is left to release; otherwise time alone may release something."""
        return not self._entries

    @property
    def captured(self) -> int:
        """Frames known to have been captured, in all epochs."""
        return self._captured_before + sum(self._captured.values())

    @property
    def dropped(self) -> Counter[str]:
        """Frames dropped by reason, in all epochs, with those that are not released yet."""
        return sum((entry.dropped for entry in self._entries), self._dropped.copy())

    @property
    def in_flight(self) -> int:
        """Frames that wait for a worker, for their result, or for an earlier one's."""
        return self.captured - self.delivered - self.dropped.total()

    def receive(self, message: Assigned | Gap | Lost | Captured) -> None:
        """Apply a message of the dispatcher about this stream."""
        match message:
            case Captured():
                self._count(message.epoch, message.count)
            case Lost():
                for entry in self._entries:
                    if entry.assigned and (entry.epoch, entry.seq) == (message.epoch, message.seq):
                        entry.lost = message.reason
            case Assigned() | Gap():
                self._count(message.epoch, message.seq + 1)
                dropped = Counter(message.dropped) if message.dropped else NOTHING
                entry = _Entry(message.epoch, message.seq, dropped, assigned=isinstance(message, Assigned))
                if isinstance(message, Gap):
                    entry.end = message.end
                else:
                    entry.arrival = self._early.pop((message.epoch, message.seq), None)
                self._entries.append(entry)

    def add(self, arrival: Arrival) -> bool:
        """Add an outcome, unless its frame is accounted for already; false if its assignment has not arrived yet."""
        frame = arrival.outcome.frame
        for entry in self._entries:
            if entry.assigned and (entry.epoch, entry.seq) == (frame.epoch, frame.seq):
                entry.arrival = entry.arrival or arrival
                return True
        if frame.epoch <= self._epoch.number and frame.seq <= self._epoch.resolved:
            return True
        self._early[frame.epoch, frame.seq] = arrival
        while len(self._early) > EARLY:
            del self._early[next(iter(self._early))]
        return False

    def release(self, now_ns: int) -> list[Delivery | EndOfSource]:
        """Release the frames at the front that are settled, in order; return what is to be published of them."""
        released: list[Delivery | EndOfSource] = []
        while self._entries:
            self._give_up_late(now_ns)
            if not self._entries[0].is_settled or self._is_ahead(self._entries[0]):
                break
            entry = self._entries.popleft()
            if entry.epoch != self._epoch.number:
                self._begin(entry.epoch)
            self._drop(entry.dropped)
            self._epoch.resolved = entry.seq
            if entry.end and not self._epoch.finished:
                self._epoch.finished = True
                released.append(EndOfSource())
            elif entry.assigned:
                released += self._settle(entry)
        return released

    def _is_ahead(self, entry: _Entry) -> bool:
        """True if the parent has not come as far yet."""
        if self.parent is None or entry.arrival is None:
            return False
        parent = self.parent._epoch
        return (parent.number, parent.resolved) < (entry.epoch, entry.seq)

    def close(self) -> list[Delivery | EndOfSource]:
        """Release everything: frames without an outcome are dropped as `shutdown`, so that none is in flight."""
        for entry in self._entries:
            if entry.assigned and entry.arrival is None:
                entry.lost = entry.lost or "shutdown"
        released = self.release(0)
        self._drop(Counter(shutdown=self.in_flight))
        return released

    def _give_up_late(self, now_ns: int) -> None:
        """Drop the first frame if it was overtaken too long ago."""
        first = self._entries[0]
        if first.is_settled or self.reorder_wait_ns is None:
            return
        overtaken_ns = min((entry.arrival.at_ns for entry in self._entries if entry.arrival), default=now_ns)
        if now_ns - overtaken_ns > self.reorder_wait_ns:
            first.lost = "late"

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

    def _begin(self, epoch: int) -> None:
        """Close the account of the epoch before: frames without a fate were lost with a process."""
        unknown = self._captured.pop(self._epoch.number, 0) - (self._epoch.resolved + 1)
        self._captured_before += self._epoch.resolved + 1 + unknown
        self._drop(Counter({"worker-lost": unknown}) if unknown > 0 else Counter())
        self._epoch = _Epoch(epoch)

    def _count(self, epoch: int, captured: int) -> None:
        if epoch >= self._epoch.number:
            self._captured[epoch] = max(self._captured.get(epoch, 0), captured)
