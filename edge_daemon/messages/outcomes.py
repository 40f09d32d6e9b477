"""A worker's outcome for a picture: sent to the sink, or to the web for an upload."""

import msgspec

from edge_daemon.messages.codec import Message
from edge_daemon.messages.fates import Failure, UploadFailure
from edge_daemon.messages.findings import Found
from edge_daemon.messages.frames import Frame, TensorPart


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds that one frame spent in each stage; `total` runs from capture to publication."""

    wait: float = 0.0
    decode: float = 0.0
    preprocess: float = 0.0
    infer: float = 0.0
    postprocess: float = 0.0
    total: float = 0.0


class Outcome(Message, frozen=True, kw_only=True, tag="outcome.1"):
    """A worker's outcome for a frame; the requested annotated picture may travel beside it: RGB bytes (height x
    width x 3), or a JPEG of the frame's `quality`. `failed` is the reason if there is no result, `served_by` the
    address of the server that made it, if not this machine.
    """

    frame: Frame
    model: str
    worker: str
    found: Found = Found()
    after: str | None = None
    timing_ms: Timing = Timing()
    failed: Failure | None = None
    served_by: str | None = None


class UploadOutcome(Message, frozen=True, kw_only=True, tag="upload-outcome.1"):
    """The outcome for the picture of request `number`; the annotated picture that was requested may travel beside
    it, as RGB bytes (height x width x 3), or the `tensors`. If there is no result, `failed` is the reason and `error`
    explains it.
    """

    number: int
    model: str
    worker: str
    found: Found = Found()
    timing_ms: Timing = Timing()
    failed: UploadFailure | None = None
    error: str = ""
    tensors: list[TensorPart] | None = None
    served_by: str | None = None
