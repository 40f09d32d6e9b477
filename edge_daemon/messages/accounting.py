"""Between the dispatcher and the sink: every frame's fate, and how far each stream has come."""

import msgspec

from edge_daemon.messages.codec import Message
from edge_daemon.messages.fates import Dropped, Reason

StreamKey = tuple[str, str]
"""Names of a camera and of a model that runs on it."""


class StreamState(msgspec.Struct, frozen=True, kw_only=True):
    """Progress of one camera and model: the state needed to continue after a process was lost.

    `resolved` is the last frame number whose fate is decided, `published` the last one delivered (-1: none yet),
    `gap` what was dropped since then; the other counts run over all epochs.
    """

    camera: str
    model: str
    epoch: int
    resolved: int = -1
    published: int = -1
    gap: Dropped = {}
    delivered: int = 0
    dropped: Dropped = {}
    finished: bool = False

    @property
    def key(self) -> StreamKey:
        """Camera and model."""
        return self.camera, self.model


# dispatcher -> sink


class StartFrom(Message, frozen=True, kw_only=True, tag="start-from.1"):
    """Answers the sink's hello: begin (again) from these states, whatever was under way."""

    streams: list[StreamState]


class Joined(Message, frozen=True, kw_only=True, tag="joined.1"):
    """A model starts to run on a camera that is up already: its first frame comes after `state.resolved`."""

    state: StreamState


class Assigned(Message, frozen=True, kw_only=True, tag="assigned.1"):
    """Frame `seq` was assigned to a worker; of the frames since the previous assignment, `dropped` were not."""

    camera: str
    model: str
    epoch: int
    seq: int
    dropped: Dropped


class Gap(Message, frozen=True, kw_only=True, tag="gap.1"):
    """No frame was assigned recently: unassigned frames up to `seq` were dropped.

    The source has ended if `end` is set, and `seq` is then its last frame.
    """

    camera: str
    model: str
    epoch: int
    seq: int
    dropped: Dropped
    end: bool = False


class Lost(Message, frozen=True, kw_only=True, tag="lost.1"):
    """The assignment of frame `seq` will bring no result."""

    camera: str
    model: str
    epoch: int
    seq: int
    reason: Reason


class Captured(Message, frozen=True, kw_only=True, tag="captured.1"):
    """Number of frames of this epoch that are known to have been captured."""

    camera: str
    model: str
    epoch: int
    count: int


# sink -> dispatcher


class SinkHello(Message, frozen=True, kw_only=True, tag="sink-hello.1"):
    """First message after every (re)connection: the progress of each stream known to this sink."""

    streams: list[StreamState]
    watched: list[str]


class Acks(Message, frozen=True, kw_only=True, tag="acks.1"):
    """Progress of each of these streams."""

    streams: list[StreamState]


class Watched(Message, frozen=True, kw_only=True, tag="watched.1"):
    """The cameras whose annotated frames somebody subscribes to."""

    cameras: list[str]


ToSink = StartFrom | Joined | Assigned | Gap | Lost | Captured
