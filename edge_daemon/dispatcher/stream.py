"""One camera's frames on their way to one model: what waits, what is under way, what became of the rest."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_daemon.messages.accounting import Assigned, Captured, Gap, Lost, StreamState, ToSink
from edge_daemon.messages.fates import NOTHING, Failure, Reason
from edge_daemon.messages.frames import Crop

UNSETTLED = 64
"""Turns and gaps told without an answer from the sink; when it is so far behind, it gets no more."""


EXPECTED_NS = 100_000_000
"""A live camera's next frame is waited for only where frames come at least so often."""
EARLY = 8
"""What the model before found, kept for frames whose turn with it is not known yet."""


@dataclass(slots=True)
class Pending:
    """A frame that can be asked for, and what became of the frames between it and the one before.

    In a stream that follows another it is not `ready` before the model of that one has found `crops` in it. `deaths`
    of workers were seen that had it.
    """

    seq: int
    captured_ns: int
    before: Counter[str]
    ready: bool = True
    crops: list[Crop] | None = None
    deaths: int = 0


@dataclass(slots=True)
class Outstanding:
    """What the sink was told and has not settled yet: `frame`'s turn, or (None) a gap that ends at `seq`."""

    seq: int
    dropped: Counter[str]
    frame: Pending | None = None
    worker: str | None = None
    sent: bool = False  # on its way to that worker, as far as the capture knows
    served: bool = False
    shared: bool = False  # what was found in it is known to those that follow
    end: bool = False


class Stream:
    """Decides the fate of each frame of a camera for one model, up to its turn.

    Methods that return messages return what the sink is to get, in order. In live delivery only the newest frame
    waits. In lossless delivery all wait in order, and a frame whose worker was lost waits again, ahead of the others.

    A stream of a model that comes after another follows that one's stream: it learns of frames from what that one
    tells, and a frame waits once it is known what was found in it. A stream that is followed gives a frame out again,
    also when the sink has its result, as long as what was found in it did not arrive here.
    """

    def __init__(self, camera: str, model: str, *, live: bool, max_age_ns: int, after: "Stream | None" = None) -> None:
        self.camera, self.model, self.live = camera, model, live
        self.after = after
        self.followers: list[Stream] = []
        if after:
            after.followers.append(self)
        self.state = StreamState(camera=camera, model=model, epoch=0)
        self._max_age_ns = max_age_ns
        self.begin(0)

    def change(self, *, live: bool, max_age_ns: int) -> None:
        """Go on by other rules. `live` changes only while there is no capture."""
        self.live, self._max_age_ns = live, max_age_ns

    def join(self, epoch: int, resolved: int) -> None:
        """Begin amid an epoch that other models of the camera are in, after frame `resolved`."""
        self.state = StreamState(
            camera=self.camera, model=self.model, epoch=epoch, resolved=resolved, published=resolved
        )
        self.begin(epoch, resolved)

    def leave(self) -> None:
        """Follow no longer, and lead nobody."""
        if self.after:
            self.after.followers.remove(self)

    def begin(self, epoch: int, resolved: int = -1) -> None:
        """Start to count at the frame after `resolved`, with nothing waiting and nothing under way."""
        self.epoch = epoch
        self.announced = resolved
        self._settled = resolved  # the last turn or gap that need not be told again
        self._early: dict[int, Sequence[Crop] | Failure] = {}
        self._came_ns = self._interval_ns = 0  # when the last frame was taken, and how far they are apart
        self._offered = -1  # the last frame that the present capture has offered; it may come later to old ones
        self._pending: deque[Pending] = deque()
        self._asked: tuple[str, Pending] | None = None  # in live: who was promised a frame, this one or a newer
        self._outstanding: deque[Outstanding] = deque()
        self._counted = resolved + 1  # frames that the sink knows of
        self._gap = NOTHING  # dropped after the last frame that waits or had its turn
        self._ended = False

    # What the capture says

    def announce(self, seq: int, captured_ns: int, paced: int = 0, still: int = 0, replaced: int = 0) -> None:
        """Frame `seq` can be asked for; of those before it some were passed over (`paced`, `still`), some `replaced`
        before anybody knew of them.
        """
        self._offered = seq
        if self.after or seq <= self.announced:
            self._offer_again(seq)
            return
        self._pass_over(seq - self.announced - 1, paced, still, replaced)
        self._interval_ns, self._came_ns = (captured_ns - self._came_ns) // (replaced + 1), captured_ns
        if self.live and self._pending:
            self._drop(self._pending.pop(), "replaced")
        self._pending.append(Pending(seq, captured_ns, self._gap))
        self._gap = NOTHING
        self.announced = seq

    def passed(self, seq: int, paced: int, still: int) -> None:
        """Nobody is offered the frames up to `seq`, of which `paced` and `still` were passed over."""
        if not self.after and seq > self.announced:
            self._pass_over(seq - self.announced, paced, still)
            self.announced = seq

    def ended(self, captured: int, paced: int = 0, still: int = 0) -> None:
        """The source has no more frames than the `captured` ones; the last `paced` and `still` were passed over."""
        if not self._ended and not self.after:
            self._pass_over(captured - 1 - self.announced, paced, still)
            self.announced = captured - 1
            self._ended = True

    def sent(self, seq: int, worker: str, *, alive: bool) -> list[ToSink]:
        """Frame `seq` is on its way to `worker`, who may be gone by now, and another of its name here. Where that is
        known before the frame was announced, it will be said again.
        """
        if (told := self._turn_of(seq)) and told.worker == worker:
            told.sent = alive
        if self._asked is None or self._asked[0] != worker or not self._asked[1].seq <= seq <= self.announced:
            return []
        (_, asked), self._asked = self._asked, None
        before = asked.before
        while asked.seq < seq and self._pending:  # a newer frame had come by the time the capture was asked
            newer = self._pending.popleft()
            before = before + Counter(replaced=1) + newer.before
            asked = newer
        told = Outstanding(asked.seq, before, asked, worker)
        messages = self._tell(told)
        return messages if alive else [*messages, *self._lose(told)]

    def missing(self, worker: str, seq: int) -> None:
        """The capture does not hold frame `seq` any more, which `worker` was promised."""
        if self.live and self._asked and self._asked[0] == worker:
            frame, self._asked = self._asked[1], None
            self._pending.appendleft(frame)
            self._remove(frame, "replaced")
        elif (told := self._turn_of(seq)) and told.worker == worker:
            told.worker = None

    def capture_lost(self, *, for_good: bool = False) -> list[ToSink]:
        """The capture is gone, and with it the frames that wait; a lossless one will offer them again, unless it is
        gone `for_good`.
        """
        messages: list[ToSink] = []
        if for_good and not self.live:
            messages += [self._lost(told, "shutdown") for told in self._outstanding if told.frame and not told.served]
            turns = {told.seq for told in self._outstanding}
            self._pending = deque(frame for frame in self._pending if frame.seq not in turns)
            self._outstanding.clear()
        if self.live or for_good:
            for frame in [*self._pending, *([self._asked[1]] if self._asked else [])]:
                self._drop(frame, "shutdown")
            self._pending.clear()
        else:
            for told in self._outstanding:
                if not told.served:
                    told.worker = None
            if not self.after:
                self.announced = max(self._settled, self._last_told)
                self._ended = bool(self._outstanding) and self._outstanding[-1].end
                self._gap = NOTHING
                self._pending.clear()
        self._asked = None
        self._offered = -1
        return messages + self.flush()

    # What the stream says that this one follows

    def parent_told(self, epoch: int, told: Outstanding) -> None:
        """A frame's turn with the model before has come, or (a gap) will never."""
        if epoch != self.epoch:
            return
        self._ended |= told.end
        if told.seq <= self.announced:
            return
        between = told.seq - self.announced - bool(told.frame)
        dropped = Counter(dict(_first(told.dropped, between)))
        self._gap = self._gap + dropped + Counter({"worker-lost": between - dropped.total()})
        if told.frame:
            self._pending.append(Pending(told.seq, told.frame.captured_ns, self._gap, ready=False))
            self._gap = NOTHING
        self.announced = told.seq
        if (found := self._early.pop(told.seq, None)) is not None:
            self.offer(told.seq, found)

    def parent_lost(self, seq: int, reason: Reason) -> None:
        """The model before will find nothing in frame `seq`."""
        if frame := self._unready(seq):
            self._remove(frame, reason)

    def offer(self, seq: int, found: Sequence[Crop] | Failure) -> None:
        """What the model before found in frame `seq`, or why nothing; in live delivery older frames are of no use."""
        frame = self._unready(seq)
        if frame is None:
            if seq > self.announced:
                self._early[seq] = found
                while len(self._early) > EARLY:
                    del self._early[min(self._early)]
        elif isinstance(found, str):
            self._remove(frame, found)
        else:
            frame.ready, frame.crops = True, list(found)
            while self.live and self._pending[0] is not frame:
                self._remove(self._pending[0], "replaced")

    def _unready(self, seq: int) -> Pending | None:
        return next((frame for frame in self._pending if frame.seq == seq and not frame.ready), None)

    def _remove(self, frame: Pending, reason: Reason) -> None:
        """Drop a frame that waits anywhere."""
        place = self._pending.index(frame)
        del self._pending[place]
        dropped = frame.before + Counter({reason: 1})
        if place < len(self._pending):
            self._pending[place].before = dropped + self._pending[place].before
        else:
            self._gap = dropped + self._gap

    # What workers do

    def has_turn(self, now_ns: int) -> bool:
        """Whether a frame waits for a worker; one that waited too long is dropped now."""
        if self.live:
            if self._asked:
                return False
            if self._pending and not self.after and now_ns - self._pending[0].captured_ns > self._max_age_ns:
                self._drop(self._pending.popleft(), "stale")
        if not self._pending or len(self._outstanding) >= UNSETTLED:
            return False
        first = self._pending[0]
        return first.ready and (self.live or not self.after or first.seq <= self._offered)

    def is_expected(self, now_ns: int) -> bool:
        """Whether a live camera that has nothing to offer will have a frame in a moment."""
        return (
            self.live
            and self._asked is None
            and 0 < self._interval_ns < EXPECTED_NS
            and now_ns < self._came_ns + self._interval_ns * 5 // 4
        )

    def age_ns(self, now_ns: int) -> int:
        """How old a live camera's newest frame is, which may have come since the one that was announced."""
        age_ns = now_ns - self._came_ns
        return age_ns % self._interval_ns if 0 < self._interval_ns < EXPECTED_NS else age_ns

    def ask(self, worker: str) -> tuple[Pending, list[ToSink]]:
        """Give the next turn to `worker`: the frame to be sent, or the oldest that will do."""
        frame = self._pending.popleft()
        if self.live:  # which frame it will be is known when it is sent
            self._asked = worker, frame
            return frame, []
        if again := self._turn_of(frame.seq):
            again.worker, again.sent = worker, False
            return frame, []
        return frame, self._tell(Outstanding(frame.seq, frame.before, frame, worker))

    def served(self, worker: str, seq: int) -> None:
        """`worker` is done with frame `seq`, which was `sent`; the result is on its way to the sink."""
        if told := self._turn_of(seq):
            told.served |= told.worker == worker
            told.shared = True
            self._forget()

    def worker_lost(self, worker: str, in_hand: Sequence[int] = ()) -> list[ToSink]:
        """`worker` is gone; what it had brings no result, unless that is on its way already. It did not die of the
        frames that it had only `in_hand`.
        """
        messages: list[ToSink] = []
        for told in self._outstanding:
            if told.worker == worker:
                if told.frame and told.sent and not told.served and told.seq not in in_hand:
                    told.frame.deaths += 1
                messages += self._lose(told)
        return messages

    @property
    def holds(self) -> bool:
        """Whether frames wait that may have a turn, or be dropped, by time alone."""
        return bool(self._pending)

    @property
    def suspect(self) -> bool:
        """Whether the next turn is that of a frame that a worker has died of: it shall be alone with its worker."""
        return bool(self._pending and self._pending[0].deaths)

    # What the sink says, and is told

    def settle(self, state: StreamState) -> None:
        """The sink has decided all up to `state.resolved`; a new one may not know how far the last one had come."""
        if (state.epoch, state.resolved) < (self.state.epoch, self.state.resolved):
            return
        self.state = state
        self._forget()

    def _forget(self) -> None:
        """Let go of what is settled."""
        told, state = self._outstanding, self.state
        if state.epoch != self.epoch:
            return
        while told and told[0].seq <= state.resolved and (state.finished or not told[0].end):
            if self._is_shared_again and told[0].frame and not told[0].shared:
                break
            self._settled = max(self._settled, told.popleft().seq)
        while self._pending and self._is_settled(self._pending[0].seq):  # its worker was lost, but not its result
            self._pending.popleft()

    def _is_settled(self, seq: int) -> bool:
        return seq <= self.resolved and not (self._is_shared_again and seq > self._settled)

    @property
    def _is_shared_again(self) -> bool:
        """Whether a frame is given out again until those that follow know what was found in it."""
        return bool(self.followers) and not self.live

    def resume(self) -> None:
        """A new dispatcher goes on where the sink stands, with the last of those that follow."""
        first = self._first() if not self.live else self.state.resolved
        self.begin(self.state.epoch, first)

    def _first(self) -> int:
        """The last frame that neither this model nor one that follows needs any more."""
        own = self.state.resolved
        return min([own, *(one._first() if one.state.epoch == self.state.epoch else -1 for one in self.followers)])

    def tell_again(self) -> list[ToSink]:
        """All that a new sink has to know; results that the old one had are lost."""
        messages: list[ToSink] = []
        self._counted = max(self.resolved, self._last_told) + 1
        for told in self._outstanding:
            if told.seq > self.resolved or (told.end and not self.finished):
                messages.append(self._message(told))
                if told.served:
                    messages += self._lose(told)
        return messages

    def flush(self) -> list[ToSink]:
        """Tell what no turn has told: what was dropped lately, the end, and how many were captured."""
        if not self.up_to_date:
            return []
        messages: list[ToSink] = []
        if self._pending:
            first = self._pending[0]
            if self.live and first.before:
                messages = self._tell(Outstanding(first.seq - 1, first.before))
                first.before = NOTHING
        elif (self._gap or self._ended) and not self._end_is_told:
            messages = self._tell(Outstanding(self.announced, self._gap, end=self._ended))
            self._gap = NOTHING
        if self._counted <= self.announced:
            self._counted = self.announced + 1
            messages.append(Captured(camera=self.camera, model=self.model, epoch=self.epoch, count=self._counted))
        return messages

    @property
    def resolved(self) -> int:
        """The last frame of this epoch whose fate the sink has decided."""
        return self.state.resolved if self.state.epoch == self.epoch else -1

    @property
    def finished(self) -> bool:
        """Whether the sink has published this epoch's end."""
        return self.state.finished and self.state.epoch == self.epoch

    @property
    def up_to_date(self) -> bool:
        """Whether all that is known can be told now: not between asking for a frame and its being sent."""
        return not (self.live and self._asked) and len(self._outstanding) < UNSETTLED

    # How it is counted

    def _pass_over(self, frames: int, paced: int, still: int, replaced: int = 0) -> None:
        """Count `frames` that nobody has announced; what the capture does not know of was lost with the one before."""
        if frames <= 0:
            return
        still = min(still, frames)
        replaced = min(replaced, frames - still)
        paced = min(paced, frames - still - replaced) if self.live else frames - still
        lost = frames - paced - still - replaced
        self._gap = self._gap + Counter({"paced": paced, "still": still, "replaced": replaced, "worker-lost": lost})

    def _drop(self, frame: Pending, reason: Reason) -> None:
        """The last frame that waited is dropped."""
        self._gap = frame.before + Counter({reason: 1}) + self._gap

    @property
    def _end_is_told(self) -> bool:
        """Whether all who have to know of the end were told."""
        if self._outstanding and self._outstanding[-1].end:
            return True
        return self.finished and all(one._ended for one in self.followers)

    def _offer_again(self, seq: int) -> None:
        """A capture that came back has frame `seq` again, which may have had its turn and lost its worker."""
        told = self._turn_of(seq)
        if told and told.frame and told.worker is None and not self.live:
            self._wait_again(told.frame)

    @property
    def _last_told(self) -> int:
        """The last frame of which the sink was told something that is not settled; -1 where all is."""
        return self._outstanding[-1].seq if self._outstanding else -1

    def _turn_of(self, seq: int) -> Outstanding | None:
        return next((told for told in reversed(self._outstanding) if told.frame and told.seq == seq), None)

    def _tell(self, told: Outstanding) -> list[ToSink]:
        self._outstanding.append(told)
        self._counted = max(self._counted, told.seq + 1)
        for follower in self.followers:
            follower.parent_told(self.epoch, told)
        return [self._message(told)] if told.seq > self.resolved or (told.end and not self.finished) else []

    def _message(self, told: Outstanding) -> ToSink:
        key = {"camera": self.camera, "model": self.model}
        if told.frame:
            return Assigned(**key, epoch=self.epoch, seq=told.seq, dropped=dict(told.dropped))
        return Gap(**key, epoch=self.epoch, seq=told.seq, dropped=dict(told.dropped), end=told.end)

    def _lose(self, told: Outstanding) -> list[ToSink]:
        """No result is to be had of a turn: drop its frame, or let it wait for another."""
        told.worker, told.served = None, False
        if self.live:
            told.shared = True
            for follower in self.followers:
                follower.parent_lost(told.seq, "worker-lost")
            return [self._lost(told, "worker-lost")]
        if told.frame:
            self._wait_again(told.frame)
        return []

    def _lost(self, told: Outstanding, reason: Reason) -> Lost:
        return Lost(camera=self.camera, model=self.model, epoch=self.epoch, seq=told.seq, reason=reason)

    def _wait_again(self, frame: Pending) -> None:
        if frame.seq <= self._offered and all(frame.seq != other.seq for other in self._pending):
            self._pending = deque(sorted([frame, *self._pending], key=lambda waiting: waiting.seq))


def _first(dropped: Counter[str], count: int) -> Iterator[tuple[str, int]]:
    """So many of what was dropped: the rest was told before."""
    for reason, frames in dropped.items():
        taken = min(frames, count)
        count -= taken
        yield reason, taken
