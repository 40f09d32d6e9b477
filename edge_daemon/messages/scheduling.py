"""Between the dispatcher and the processes that have frames (captures, the web) or take them (workers)."""

from edge_daemon.messages.accounting import Acks, SinkHello, Watched
from edge_daemon.messages.codec import Message
from edge_daemon.messages.fates import Failure
from edge_daemon.messages.frames import Annotation, Crop, Input

# capture -> dispatcher


class CaptureHello(Message, frozen=True, kw_only=True, tag="capture-hello.2"):
    """First message after every (re)connection. `epoch` is None from a capture that has not begun.

    `buffered` has number, time and preceding `still` and `undecodable` frames of each frame that can be requested.
    `ended` is the number of frames of a finite source that has ended; of the last ones, `still` were still and
    `undecodable` could not be decoded.
    """

    camera: str
    epoch: int | None
    buffered: list[tuple[int, int, int, int]]
    ended: int | None
    still: int = 0
    undecodable: int = 0


class Announce(Message, frozen=True, kw_only=True, tag="announce.2"):
    """A frame can be requested.

    `captured_ns` is when it was captured plus the least time that frames of this camera take to be read: `max_age`
    counts the rest. Of the frames before it, `paced` were skipped because of the configured fps, `still` because
    nothing moved, `undecodable` because they are damaged, and `replaced` by this one before they were announced.
    """

    camera: str
    epoch: int
    seq: int
    captured_ns: int
    paced: int
    still: int = 0
    undecodable: int = 0
    replaced: int = 0


class Skipped(Message, frozen=True, kw_only=True, tag="skipped.1"):
    """Frames up to `seq` will not be announced; the counts are those since the last announcement."""

    camera: str
    epoch: int
    seq: int
    paced: int
    still: int
    undecodable: int = 0


class Missing(Message, frozen=True, kw_only=True, tag="missing.1"):
    """Frame `seq`, which was to be sent to `worker`, is no longer buffered."""

    camera: str
    epoch: int
    model: str
    worker: str
    seq: int


class Sent(Message, frozen=True, kw_only=True, tag="sent.1"):
    """Frame `seq` is on its way to `worker`, as requested; `inbox` distinguishes workers with the same name.

    A live camera sends this late, together with its next message: the worker's `WorkerReady` says the same.
    """

    camera: str
    epoch: int
    model: str
    worker: str
    inbox: str
    seq: int


class Ended(Message, frozen=True, kw_only=True, tag="ended.1"):
    """A finite source gave its last frame; `captured` were read in all. The last `paced`, `still` and `undecodable`
    ones were skipped.
    """

    camera: str
    epoch: int
    captured: int
    paced: int
    still: int = 0
    undecodable: int = 0


# dispatcher -> capture


class Welcome(Message, frozen=True, kw_only=True, tag="welcome.1"):
    """Answers a capture that has not begun: number the frames in `epoch`, and announce those from `next_seq` on."""

    epoch: int
    next_seq: int


class Send(Message, frozen=True, kw_only=True, tag="send.1"):
    """Send the oldest buffered frame from number `seq` on to `worker`, which reads frames at `inbox`.

    If somebody watches, the worker draws what it finds (`annotate`); otherwise the frame need be no larger than
    `input`. With `crops` it has to be frame `seq` itself, and they travel with it. With `keep` the frame will be
    requested again, for models that come after this one. `deaths` workers died while they had it.
    """

    model: str
    worker: str
    inbox: str
    seq: int
    annotate: Annotation | None = None
    keep: bool = False
    input: Input | None = None
    crops: list[Crop] | None = None
    deaths: int = 0


class Release(Message, frozen=True, kw_only=True, tag="release.1"):
    """Every model's fate of all frames up to `seq` is decided: they need not be buffered."""

    epoch: int
    seq: int
    finished: bool


class Introduce(Message, frozen=True, kw_only=True, tag="introduce.1"):
    """A new dispatcher asks for a hello."""


# web -> dispatcher


class WebHello(Message, frozen=True, kw_only=True, tag="web-hello.1"):
    """First message after every (re)connection: model, number and deaths of each request without an answer."""

    requests: list[tuple[str, int, int]]


class Request(Message, frozen=True, kw_only=True, tag="request.2"):
    """A picture for `model` waits: request `number`. `deaths` workers died while they had it."""

    model: str
    number: int
    deaths: int = 0


class Withdraw(Message, frozen=True, kw_only=True, tag="withdraw.2"):
    """Request `number` needs no answer any more: it has one, or its client is gone."""

    model: str
    number: int


# dispatcher -> web


class SendUpload(Message, frozen=True, kw_only=True, tag="send-upload.1"):
    """Send the picture of request `number` to `worker`, which reads at `inbox`."""

    model: str
    worker: str
    inbox: str
    number: int


class Returned(Message, frozen=True, kw_only=True, tag="returned.2"):
    """The worker that had the picture of request `number`, or was to receive it, is gone."""

    model: str
    number: int


class ModelInput(Message, frozen=True, kw_only=True, tag="model-input.1"):
    """A worker of `model` is there: no picture need be larger than `input`."""

    model: str
    input: Input | None


# web or worker -> dispatcher


class UploadDone(Message, frozen=True, kw_only=True, tag="upload-done.1"):
    """This worker is done with the picture of request `number`, or will not receive it, and can take another."""

    worker: str
    number: int


# worker -> dispatcher


class WorkerHello(Message, frozen=True, kw_only=True, tag="worker-hello.2"):
    """First message after every (re)connection: this worker serves `model` and reads frames at `inbox`.

    It needs whole frames if its `input` is None, and takes up to `credit` of them at a time.
    """

    worker: str
    model: str
    inbox: str
    input: Input | None = None
    credit: int = 1


class WorkerReady(Message, frozen=True, kw_only=True, tag="worker-ready.1"):
    """This worker is done with frame `seq` and can take another.

    `found` are the detections for the models that run after this one; None if it `failed`, or there are no such models.
    """

    worker: str
    camera: str
    epoch: int
    seq: int
    found: list[Crop] | None = None
    failed: Failure | None = None


class BatchStarted(Message, frozen=True, kw_only=True, tag="batch-started.1"):
    """This worker has started a batch: a frame that it is sent now waits until the batch is done."""

    worker: str


class Credit(Message, frozen=True, kw_only=True, tag="credit.1"):
    """This worker takes up to `credit` pictures at a time from now on: more or fewer are under way to servers."""

    worker: str
    inbox: str
    credit: int


class Leaving(Message, frozen=True, kw_only=True, tag="leaving.1"):
    """This worker is about to stop: it serves what it was sent, and takes no more."""

    worker: str
    inbox: str


# dispatcher -> worker


class Dismissed(Message, frozen=True, kw_only=True, tag="dismissed.1"):
    """No frame is on its way to the worker that reads at `inbox`."""

    inbox: str


FromCapture = CaptureHello | Announce | Skipped | Missing | Sent | Ended
FromWeb = WebHello | Request | Withdraw | UploadDone
FromWorker = WorkerHello | BatchStarted | Credit | WorkerReady | UploadDone | Leaving
ToDispatcher = FromCapture | FromWeb | FromWorker | SinkHello | Acks | Watched
ToCapture = Welcome | Send | Release | Introduce
ToWeb = SendUpload | Returned | ModelInput | Introduce
ToWorker = Dismissed
