"""Which worker gets the next frame of which camera, or the next upload: the dispatcher with both."""

from collections import Counter

import pytest

from edge_daemon.dispatcher.dispatcher import Dispatcher
from edge_daemon.dispatcher.epochs import Epochs
from edge_daemon.messages.accounting import Acks, SinkHello, StreamState
from edge_daemon.messages.scheduling import (
    Announce,
    CaptureHello,
    Request,
    Returned,
    Send,
    SendUpload,
    UploadDone,
    WebHello,
    Withdraw,
    WorkerHello,
    WorkerReady,
)
from edge_daemon.settings import CameraPlan, Delivery, ModelPlan

EPOCH = 7
MODELS = {"m": ModelPlan(requests=1.0)}


class Rig:
    """A dispatcher with one camera and one worker, to which pictures can be uploaded."""

    def __init__(self, delivery: Delivery = "live", model: ModelPlan = MODELS["m"], weight: float = 1.0) -> None:
        self.cameras = {"c": CameraPlan(models=["m"], delivery=delivery, weight=weight, max_age_s=1.0)}
        self.core = Dispatcher(self.cameras, {"m": model}, epochs=Epochs(wall=lambda: EPOCH))
        self.core.receive("sink", SinkHello(streams=[], watched=[]))
        self.core.receive("capture/c", CaptureHello(camera="c", epoch=None, buffered=[], ended=None))
        self.core.receive("w", WorkerHello(worker="w", model="m", inbox="in/1"))
        self.core.outbox.clear()

    def announce(self, seq: int, captured_ns: int = 0) -> None:
        self.core.receive("capture/c", Announce(camera="c", epoch=EPOCH, seq=seq, captured_ns=captured_ns, paced=0))

    def upload(self, number: int, deaths: int = 0) -> None:
        self.core.receive("web", Request(model="m", number=number, deaths=deaths))

    def sent(self, now_ns: int = 0) -> list[Send | SendUpload]:
        """Requests to send pictures to workers."""
        self.core.assign(now_ns)
        sent = [message for _, message in self.core.outbox if isinstance(message, Send | SendUpload)]
        self.core.outbox.clear()
        return sent

    def served(self, message: Send | SendUpload) -> None:
        if isinstance(message, SendUpload):
            self.core.receive("w", UploadDone(worker="w", number=message.number))
        else:
            seq = message.seq
            self.core.receive("w", WorkerReady(worker="w", camera="c", epoch=EPOCH, seq=seq))
            self.core.receive("sink", Acks(streams=[StreamState(camera="c", model="m", epoch=EPOCH, resolved=seq)]))


def request(number: int, inbox: str = "in/1") -> SendUpload:
    return SendUpload(model="m", worker="w", inbox=inbox, number=number)


def test_uploads_are_assigned_one_at_a_time_in_order() -> None:
    rig = Rig()
    for number in (1, 2):
        rig.upload(number)
    assert rig.sent() == [request(1)]
    assert rig.sent() == []
    rig.served(request(1))
    assert rig.sent() == [request(2)]


@pytest.mark.parametrize("weight", [0.5, 1.0, 3.0])
def test_uploads_and_a_camera_share_a_worker_by_weight(weight: float) -> None:
    rig = Rig(weight=weight)
    served = Counter[bool]()
    for number in range(400):
        rig.upload(number)
        rig.announce(number)
        (message,) = rig.sent()
        served[isinstance(message, Send)] += 1
        rig.served(message)
    assert served[True] / served[False] == pytest.approx(weight, rel=0.05)


def test_uploads_are_assigned_while_the_sink_is_away_and_frames_are_not() -> None:
    rig = Rig()
    rig.core.exited("sink", "sink")
    rig.announce(0)
    assert rig.sent() == []
    rig.upload(1)
    assert rig.sent() == [request(1)]


def test_a_worker_holds_no_second_frame_of_a_file_where_an_upload_may_come() -> None:
    for model, held in ((ModelPlan(), 3), (MODELS["m"], 1)):
        rig = Rig("lossless", model)
        for seq in range(5):
            rig.announce(seq)
        assert len(rig.sent()) == held


@pytest.mark.parametrize("again", ["repeated", "known to the web"])
def test_an_upload_is_assigned_once_however_often_it_is_requested(again: str) -> None:
    rig = Rig()
    for _ in range(2):
        rig.upload(1)
    assert rig.sent() == [request(1)]
    if again == "repeated":
        rig.upload(1)
    else:
        rig.core.receive("web", WebHello(requests=[("m", 1, 0)]))
    rig.served(request(1))
    assert rig.sent() == []


def test_an_upload_that_is_withdrawn_is_not_assigned() -> None:
    rig = Rig()
    for number in (1, 2):
        rig.upload(number)
    rig.core.receive("web", Withdraw(model="m", number=1))
    assert rig.sent() == [request(2)]


def test_an_upload_that_a_worker_died_of_is_alone_with_the_next_one() -> None:
    rig = Rig(model=ModelPlan(requests=1.0, batch=3))
    rig.upload(1, deaths=1)
    rig.upload(2)
    assert rig.sent() == [request(1)]
    rig.served(request(1))
    rig.upload(3)
    assert rig.sent() == [request(2), request(3)]
    rig.upload(4, deaths=1)
    assert rig.sent() == [], "its worker has others"


@pytest.mark.parametrize("reloaded", [False, True])
def test_the_uploads_of_a_worker_that_dies_are_returned(reloaded: bool) -> None:
    rig = Rig()
    rig.upload(1)
    assert rig.sent() == [request(1)]
    if reloaded:
        rig.core.change(rig.cameras, MODELS)
    rig.core.exited("w", "worker")
    assert rig.core.outbox == [("web", Returned(model="m", number=1))]
    rig.core.receive("w", WorkerHello(worker="w", model="m", inbox="in/2"))
    rig.upload(1, deaths=1)
    assert rig.sent() == [request(1, "in/2")]


def test_an_upload_for_a_model_that_is_gone_is_returned() -> None:
    rig = Rig()
    rig.core.receive("web", Request(model="n", number=1))
    assert rig.core.outbox == [("web", Returned(model="n", number=1))]


def test_uploads_are_gone_with_the_web() -> None:
    rig = Rig()
    for number in (1, 2):
        rig.upload(number)
    assert rig.sent() == [request(1)]
    rig.core.exited("web", "web")
    assert rig.sent() == []
    rig.core.receive("web", WebHello(requests=[("m", 1, 0)]))
    assert rig.sent() == [request(1)], "the worker has credit for it"


def test_a_stale_frame_is_not_assigned() -> None:
    rig = Rig()
    rig.announce(0, captured_ns=1)
    assert rig.sent(1_000_000_002) == []
    rig.announce(1, captured_ns=1_000_000_003)
    assert [m.seq for m in rig.sent(1_000_000_004) if isinstance(m, Send)] == [1]


def test_a_frame_does_not_become_stale_while_every_worker_is_busy() -> None:
    """The next one replaces it, which is what is reported."""
    rig = Rig()
    rig.upload(1)
    assert rig.sent() == [request(1)]
    rig.announce(0, captured_ns=1)
    assert rig.sent(5_000_000_000) == []
    rig.announce(1, captured_ns=5_000_000_001)
    rig.served(request(1))
    (send,) = rig.sent(5_000_000_002)
    assert isinstance(send, Send)
    rig.served(send)
    assert [m.dropped for _, m in rig.core.outbox if hasattr(m, "dropped")] == [{"replaced": 1}]
