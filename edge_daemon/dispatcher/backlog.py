"""The frames of a stream that wait for a worker, and a count of those that were dropped between them."""

from collections import Counter, deque
from collections.abc import Collection
from dataclasses import dataclass

from edge_daemon.messages.fates import NOTHING, Reason
from edge_daemon.messages.frames import Crop


@dataclass(slots=True, eq=False)
class Pending:
    """A frame that waits, and the frames dropped between it and the one before, by reason.

    In a cascade it is not `ready` before the parent model has found `crops` in it. `deaths` workers had it when they
    died.
    """

    seq: int
    captured_ns: int
    before: Counter[str]
    ready: bool = True
    crops: list[Crop] | None = None
    deaths: int = 0


class Backlog:
    """Frames that wait, in order.

    `last` is the newest frame that is known, `gap` counts the frames dropped after the last that waits or was assigned,
    and `ended` is set when the source has no more frames.
    """

    def __init__(self, last: int) -> None:
        self.last, self.ended = last, False
        self.gap = NOTHING
        self.frames: deque[Pending] = deque()

    def add(self, seq: int, captured_ns: int, *, ready: bool = True) -> None:
        """Add frame `seq`, which waits."""
        self.frames.append(Pending(seq, captured_ns, self.gap, ready))
        self.gap = NOTHING
        self.last = seq

    def skip(self, seq: int, paced: int, still: int, undecodable: int = 0, replaced: int = 0, *, live: bool) -> None:
        """Count the frames up to `seq`, none of which waits, by reason. A capture does not know of those that were lost
        with the one before it; those of a file are read again.
        """
        if (frames := seq - self.last) <= 0:
            return
        left = frames
        undecodable = min(undecodable, left)
        left -= undecodable
        still = min(still, left)
        left -= still
        replaced = min(replaced, left)
        left -= replaced
        paced = min(paced, left) if live else left
        counts = {"undecodable": undecodable, "still": still, "replaced": replaced, "paced": paced}
        self.gap = self.gap + Counter(counts | {"worker-lost": frames - sum(counts.values())})
        self.last = seq

    def end(self, last: int, paced: int, still: int, undecodable: int = 0, *, live: bool) -> None:
        """Note that there are no frames after `last`."""
        self.skip(last, paced, still, undecodable, live=live)
        self.last, self.ended = last, True

    def drop(self, frame: Pending, reason: Reason) -> None:
        """Count a frame that waits as dropped."""
        dropped = frame.before + Counter({reason: 1})
        if self.frames[-1] is frame:
            self.frames.pop()
            self.gap = dropped + self.gap
        else:
            position = self.frames.index(frame)
            del self.frames[position]
            self.frames[position].before = dropped + self.frames[position].before

    def drop_all(self, reason: Reason) -> None:
        """Count all frames that wait as dropped."""
        while self.frames:
            self.drop(self.frames[-1], reason)

    def take(self) -> Pending:
        """Remove the first frame and return it."""
        return self.frames.popleft()

    def take_newer(self, frame: Pending, seq: int) -> Pending:
        """Take the last of the frames up to `seq`; it replaces the others, and `frame`, which was taken before."""
        while frame.seq < seq and self.frames:
            newer = self.take()
            newer.before = frame.before + Counter(replaced=1) + newer.before
            frame = newer
        return frame

    def restore(self, frame: Pending) -> None:
        """Put a frame that was taken back in its place, unless it is there."""
        if all(frame.seq != other.seq for other in self.frames):
            self.frames = deque(sorted([frame, *self.frames], key=lambda pending: pending.seq))

    def rewind(self, last: int, *, ended: bool) -> None:
        """Forget the frames after `last`: they will be announced again."""
        self.last, self.ended = last, ended
        self.gap = NOTHING
        self.frames.clear()

    def remove(self, seqs: Collection[int]) -> None:
        """Remove frames that are accounted for elsewhere."""
        self.frames = deque(frame for frame in self.frames if frame.seq not in seqs)

    def release(self, last: int) -> None:
        """Remove the frames up to `last`, whose fate is decided."""
        while self.frames and self.frames[0].seq <= last:
            self.frames.popleft()
