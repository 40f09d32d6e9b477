"""A worker as the dispatcher sees it: the frames it was assigned, and whether it may hold more."""

from dataclasses import dataclass, field

from edge_daemon.messages.frames import Input
from edge_daemon.runtime.crash_marker import FrameId


@dataclass(eq=False)
class WorkerSlot:
    """A connected worker, its model's `input`, and the frames assigned to it: camera, epoch, and the requested number.

    It takes `batch` frames at once, but none after it has `started` on them, nor beside one that has to be `alone`.
    """

    worker: str
    model: str
    inbox: str
    batch: int = 1
    input: Input | None = None
    started: bool = False
    alone: bool = False
    leaving: bool = False
    assigned: list[tuple[str | None, int, int]] = field(default_factory=list)

    def has_credit(self, prefetch: int = 0) -> bool:
        """True if it may hold another frame: a batch, or one frame and `prefetch` more for when that is done."""
        credit = 1 if self.alone else self.batch if self.batch > 1 else 1 + prefetch
        return len(self.assigned) < credit and not self.started and not self.leaving

    def done(self, camera: str | None, epoch: int, seq: int, *, newer: bool) -> None:
        """Remove a frame that it is done with; with `newer`, that may be a later one than was requested."""
        for frame in self.assigned:
            if frame[:2] == (camera, epoch) and (frame[2] == seq or (newer and frame[2] < seq)):
                self.assigned.remove(frame)
                break
        self.started &= bool(self.assigned)

    def in_hand(self, camera: str, marker: FrameId | None) -> list[int]:
        """Frames of a camera that cannot have killed it: all but that of its crash `marker`; without one, those that
        it had not started on.
        """
        innocent = [frame for frame in self.assigned if frame != marker] if marker else self.assigned[self.batch :]
        return [seq for name, _, seq in innocent if name == camera]

    def forget(self, camera: str | None) -> None:
        """Remove the frames of a camera, which may never arrive."""
        self.assigned = [frame for frame in self.assigned if frame[0] != camera]
        self.started &= bool(self.assigned)
