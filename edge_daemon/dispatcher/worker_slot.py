"""A worker as the dispatcher sees it: the pictures it was assigned, and its credit for more."""

from dataclasses import dataclass, field

from edge_daemon.messages.frames import Input
from edge_daemon.runtime.crash_marker import FrameId, InHand


@dataclass(eq=False)
class WorkerSlot:
    """A connected worker, its model's `input`, and what was assigned to it: frames (as requested) and uploads.

    While `connected`, it takes `batch` of them at once, but none after it has `started`, nor beside one that has to be
    `alone`. One whose model runs elsewhere has no batches, but its own `credit` for frames under way.
    """

    worker: str
    model: str
    inbox: str
    batch: int = 1
    credit: int = 1
    input: Input | None = None
    started: bool = False
    alone: bool = False
    leaving: bool = False
    connected: bool = True
    assigned: list[InHand] = field(default_factory=list)

    def has_credit(self, prefetch: int = 0) -> bool:
        """True if it may hold another picture: a batch, or its credit and `prefetch` more for when one is done."""
        usual = self.batch if self.batch > 1 else self.credit and self.credit + prefetch
        credit = min(1, usual) if self.alone else usual
        return len(self.assigned) < credit and self.connected and not self.started and not self.leaving

    def assign(self, picture: InHand, *, alone: bool) -> None:
        """Add a picture; `alone` if a worker has died with it."""
        self.assigned.append(picture)
        self.alone = alone

    def done(self, picture: InHand) -> None:
        """Remove a picture that it is done with."""
        if picture in self.assigned:
            self.assigned.remove(picture)
            self.started &= bool(self.assigned)

    def done_up_to(self, last: FrameId) -> None:
        """Remove a frame that it is done with: `last`, or else the newest before it, which was requested when `last`
        was not there. So those that are done in another order find theirs too.
        """
        same = [
            one for one in self.assigned if isinstance(one, FrameId) and one[:2] == last[:2] and one.seq <= last.seq
        ]
        if same:
            self.done(max(same))

    def not_started(self, camera: str, marker: InHand | None) -> list[int]:
        """Frames of a camera that it cannot have died of: all but that of its crash `marker`; without one, those that
        it had not started on.
        """
        innocent = self.assigned[self.batch :] if marker is None else [one for one in self.assigned if one != marker]
        return [one.seq for one in innocent if isinstance(one, FrameId) and one.camera == camera]

    def suspects(self, marker: InHand | None) -> int:
        """Number of pictures that it may have died of."""
        return 1 if marker is not None else min(len(self.assigned), self.batch)

    def forget(self, camera: str | None) -> None:
        """Remove the frames of a camera, or (None) the uploads: they may never arrive."""
        self.assigned = [one for one in self.assigned if (one.camera if isinstance(one, FrameId) else None) != camera]
        self.started &= bool(self.assigned)
