"""A worker as the dispatcher sees it: what it was given, and whether it can be given more."""

from dataclasses import dataclass, field

from edge_daemon.messages.frames import Input
from edge_daemon.runtime.crash_marker import InHand


@dataclass
class WorkerSlot:
    """A worker that is here, with its model's `input`, and the frames that it was given: camera, epoch, and the number
    asked for.

    It takes `batch` frames at once, and none more once it has `begun`, or beside one that is to be `alone`.
    """

    model: str
    inbox: str
    batch: int = 1
    input: Input | None = None
    begun: bool = False
    alone: bool = False
    leaves: bool = False
    given: list[tuple[str, int, int]] = field(default_factory=list)

    def has_room(self, ahead: int = 0) -> bool:
        """Whether it can be given a frame: with `ahead`, so many more than it takes at once, for when it is done."""
        most = 1 if self.alone else self.batch if self.batch > 1 else 1 + ahead
        return len(self.given) < most and not self.begun and not self.leaves

    def done(self, camera: str, epoch: int, seq: int, *, newer: bool) -> None:
        """It is done with a frame: with `newer`, that may be a later one than was asked for."""
        for given in self.given:
            if given[:2] == (camera, epoch) and (given[2] == seq or (newer and given[2] < seq)):
                self.given.remove(given)
                break
        self.begun &= bool(self.given)

    def in_hand(self, camera: str, at: InHand | None) -> list[int]:
        """The frames of a camera that it has and is not `at`; or, where it has not said so, cannot have begun."""
        given = [one for one in self.given if one != at] if at else self.given[self.batch :]
        return [seq for name, _, seq in given if name == camera]

    def forget(self, camera: str) -> None:
        """Frames of a camera may never come."""
        self.given = [given for given in self.given if given[0] != camera]
        self.begun &= bool(self.given)
