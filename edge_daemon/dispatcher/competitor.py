"""The competitors for the workers of a model: streams of cameras' frames, and queues of uploaded pictures."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from edge_daemon.dispatcher.worker_slot import WorkerSlot
from edge_daemon.messages.codec import Message
from edge_daemon.messages.scheduling import Send, SendUpload
from edge_daemon.runtime.crash_marker import InHand


class Competitor(ABC):
    """Frames that wait for the workers of `model`, and get a share of them by `weight`. Uploads have no `camera`.

    Frames of a `live` competitor must not wait at a worker that is busy with another. The fate of frames is reported to
    the peer `reports_to`; while that is away, nothing is assigned.
    """

    camera: str | None
    model: str
    weight: float
    live: bool
    reports_to: str

    @property
    @abstractmethod
    def is_waiting(self) -> bool:
        """True if there are frames that may be assigned, or become stale, without another message."""

    @property
    def has_work(self) -> bool:
        """True if a frame can be assigned."""
        return self.is_waiting

    @property
    @abstractmethod
    def is_suspect(self) -> bool:
        """True if a worker has died with the next frame: it has to be alone with its worker."""

    @abstractmethod
    def expire(self, now_ns: int) -> None:
        """Drop frames that have become stale."""

    def is_expected(self, now_ns: int) -> bool:
        """True if the next frame is about to arrive."""
        return False

    def age_ns(self, now_ns: int) -> int | None:
        """Age of the newest frame; None if it is of no importance."""
        return None

    @abstractmethod
    def assign(self, slot: WorkerSlot) -> tuple[Send | SendUpload, Sequence[Message]]:
        """Assign the next frame to a worker; return the request to send it, and reports."""

    @abstractmethod
    def worker_lost(self, slot: WorkerSlot, marker: InHand | None = None) -> Sequence[Message]:
        """Take back the frames of a worker that died with the picture of its crash `marker` in hand; return reports."""
