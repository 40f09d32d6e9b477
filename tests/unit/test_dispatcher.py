"""Which worker gets which frame, and the messages that captures, workers and the sink receive."""

from collections.abc import Callable

import pytest

from edge_daemon.dispatcher.dispatcher import Dispatcher
from edge_daemon.dispatcher.epochs import Epochs
from edge_daemon.dispatcher.outstanding import MAX_UNACKED
from edge_daemon.messages.accounting import (
    Acks,
    Assigned,
    Captured,
    Gap,
    Lost,
    SinkHello,
    StartFrom,
    StreamState,
    Watched,
)
from edge_daemon.messages.codec import Message
from edge_daemon.messages.fates import POISON
from edge_daemon.messages.frames import Input
from edge_daemon.messages.scheduling import (
    Announce,
    CaptureHello,
    Ended,
    Introduce,
    Leaving,
    ModelInput,
    Release,
    Send,
    Sent,
    WebHello,
    Welcome,
    WorkerHello,
    WorkerReady,
)
from edge_daemon.runtime.crash_marker import FrameId
from edge_daemon.settings import CameraPlan, ModelPlan

WALL_S = 1_763_800_000
PLANS = {"m": ModelPlan(), "n": ModelPlan()}


class Rig:
    """A dispatcher, and short forms of the messages of its peers."""

    def __init__(
        self,
        delivery: str = "lossless",
        models: tuple[str, ...] = ("m",),
        cameras: str = "c",
        crash_marker: Callable[[str], FrameId | None] = lambda inbox: None,
    ) -> None:
        live = delivery == "live"
        plan = CameraPlan(models=list(models), delivery="live" if live else "lossless", max_age_s=1.0)
        self.core = Dispatcher(
            dict.fromkeys(cameras, plan),
            dict.fromkeys(models, ModelPlan()),
            epochs=Epochs(wall=lambda: WALL_S),
            crash_marker=crash_marker,
        )

    def messages(self) -> list[tuple[str, Message]]:
        """Messages sent since the last call."""
        messages = list(self.core.outbox)
        self.core.outbox.clear()
        return messages

    def to(self, peer: str) -> list[Message]:
        return [message for target, message in self.messages() if target == peer]

    def sink(self, *streams: StreamState, watched: tuple[str, ...] = ()) -> None:
        self.core.receive("sink", SinkHello(streams=list(streams), watched=list(watched)))

    def capture(self, camera: str = "c", peer: str = "capture/1", epoch: int | None = None) -> None:
        self.core.receive(peer, CaptureHello(camera=camera, epoch=epoch, buffered=[], ended=None))

    def worker(self, name: str = "w", model: str = "m", inbox: str = "in/1") -> None:
        self.core.receive(name, WorkerHello(worker=name, model=model, inbox=inbox))

    def frame(self, seq: int, camera: str = "c", epoch: int = WALL_S, peer: str = "capture/1") -> None:
        self.core.receive(peer, Announce(camera=camera, epoch=epoch, seq=seq, captured_ns=0, paced=0))

    def sent(self, seq: int, worker: str = "w", model: str = "m", inbox: str = "in/1") -> None:
        sent = Sent(camera="c", epoch=WALL_S, model=model, worker=worker, inbox=inbox, seq=seq)
        self.core.receive("capture/1", sent)

    def done(self, seq: int, worker: str = "w", camera: str = "c") -> None:
        self.core.receive(worker, WorkerReady(worker=worker, camera=camera, epoch=WALL_S, seq=seq))

    def acked(self, resolved: int, model: str = "m", *, finished: bool = False) -> None:
        self.core.receive("sink", Acks(streams=[state(resolved, model, finished=finished)]))

    def assigned(self) -> list[tuple[str, int]]:
        """Worker and frame of each request that is sent now."""
        self.core.assign(0)
        return [(message.worker, message.seq) for _, message in self.messages() if isinstance(message, Send)]


def state(
    resolved: int, model: str = "m", *, camera: str = "c", epoch: int = WALL_S, finished: bool = False
) -> StreamState:
    return StreamState(camera=camera, model=model, epoch=epoch, resolved=resolved, finished=finished)


def ready(
    delivery: str = "lossless",
    models: tuple[str, ...] = ("m",),
    cameras: str = "c",
    crash_marker: Callable[[str], FrameId | None] = lambda inbox: None,
) -> Rig:
    """A dispatcher with its sink and its captures; no worker yet."""
    rig = Rig(delivery, models, cameras, crash_marker)
    rig.sink()
    for number, camera in enumerate(cameras, 1):
        rig.capture(camera, f"capture/{number}")
    rig.messages()
    return rig


def test_a_capture_is_welcomed_once_the_sink_is_known() -> None:
    rig = Rig()
    rig.capture()
    assert rig.messages() == [], "where to start is not known yet"
    rig.sink()
    assert rig.messages() == [("capture/1", Introduce()), ("sink", StartFrom(streams=[state(-1, epoch=0)]))]
    rig.capture()
    assert rig.messages() == [("capture/1", Welcome(epoch=WALL_S, next_seq=0))]


def test_a_worker_holds_the_next_frames() -> None:
    rig = ready()
    rig.worker()
    for seq in range(5):
        rig.frame(seq)
    assert rig.assigned() == [("w", 0), ("w", 1), ("w", 2)]
    assert rig.assigned() == []
    rig.done(0)
    rig.done(1)
    assert rig.assigned() == [("w", 3), ("w", 4)]


@pytest.mark.parametrize(
    ("at", "deaths"),
    [
        (None, {0: 1, 1: 0}),
        (FrameId("c", WALL_S, 0), {0: 1, 1: 0}),
        (FrameId("c", WALL_S, 1), {0: 0, 1: 1}),
        (FrameId("d", WALL_S, 1), {0: 0, 1: 0}),
        (FrameId("c", WALL_S - 1, 1), {0: 0, 1: 0}),
    ],
)
def test_a_worker_dies_of_the_frame_in_its_crash_marker(at: FrameId | None, deaths: dict[int, int]) -> None:
    rig = ready(crash_marker=lambda inbox: at if inbox == "in/1" else None)
    rig.worker()
    for seq in range(2):
        rig.frame(seq)
    rig.core.assign(0)
    for seq in range(2):
        rig.sent(seq)
    rig.core.exited("w", "worker")
    for name in ("v", "w"):
        rig.worker(name, inbox="in/2")
    rig.messages()
    rig.core.assign(0)
    sends = [message for message in rig.to("capture/1") if isinstance(message, Send)]
    assert {send.seq: send.deaths for send in sends} == deaths


def test_a_crash_marker_shows_that_a_frame_arrived_although_the_capture_has_not_reported_it() -> None:
    rig = ready(crash_marker=lambda inbox: FrameId("c", WALL_S, 0))
    rig.worker()
    rig.frame(0)
    assert rig.assigned() == [("w", 0)]
    rig.core.exited("w", "worker")
    rig.worker(inbox="in/2")
    rig.core.assign(0)
    assert [message.deaths for message in rig.to("capture/1") if isinstance(message, Send)] == [1]


def test_in_live_the_capture_or_the_worker_reports_which_frame_was_assigned() -> None:
    rig = ready("live")
    rig.worker()
    rig.frame(0)
    rig.frame(2)
    assert rig.assigned() == [("w", 2)]
    rig.done(2)
    assert [m.seq for m in rig.to("sink") if isinstance(m, Assigned)] == [2]
    rig.frame(3)
    assert rig.assigned() == [("w", 3)]
    rig.sent(2)
    assert rig.to("sink") == [], "that is the report of the frame before, which comes late"
    rig.sent(3)
    assert [m.seq for m in rig.to("sink") if isinstance(m, Assigned)] == [3]


def test_in_live_a_worker_may_be_done_with_a_frame_before_it_is_announced() -> None:
    rig = ready("live")
    rig.worker()
    rig.frame(0)
    assert rig.assigned() == [("w", 0)]
    rig.done(1)
    assert rig.to("sink") == [], "what lies between is not known yet"
    rig.frame(1)
    rig.sent(1)
    assert rig.to("sink") == [Assigned(camera="c", model="m", epoch=WALL_S, seq=1, dropped={"replaced": 1})]


def test_no_worker_holds_a_frame_that_another_could_begin() -> None:
    rig = ready()
    for name in ("v", "w"):
        rig.worker(name)
    for seq in range(3):
        rig.frame(seq)
    assert rig.assigned() == [("v", 0), ("w", 1), ("v", 2)]


def test_in_live_a_worker_has_one_frame_at_a_time() -> None:
    rig = ready("live", cameras="cd")
    rig.worker()
    rig.frame(0)
    rig.frame(0, "d", peer="capture/2")
    assert len(rig.assigned()) == 1
    rig.sent(0)
    assert rig.assigned() == [], "it would be old by then"


def test_a_worker_has_credit_again_when_it_is_done_with_a_frame_that_it_was_assigned() -> None:
    rig = ready()
    rig.worker()
    for seq in range(3):
        rig.frame(seq)
    assert rig.assigned() == [("w", 0), ("w", 1), ("w", 2)]
    rig.frame(3)
    rig.done(7)
    rig.core.receive("w", WorkerReady(worker="w", camera="c", epoch=WALL_S - 1, seq=0))
    assert rig.assigned() == [], "that was assigned by another dispatcher, or of another capture"
    rig.done(0)
    assert rig.assigned() == [("w", 3)]


def test_in_live_a_newer_frame_than_the_requested_one_gives_credit_back() -> None:
    rig = ready("live")
    rig.worker()
    for seq in (3, 5):
        rig.frame(seq)
        rig.core.assign(0)
    rig.sent(5)
    rig.done(2)
    rig.frame(6)
    rig.messages()
    assert rig.assigned() == []
    rig.done(5)
    assert rig.assigned() == [("w", 6)]


def test_an_assignment_is_sent_to_sink_and_capture() -> None:
    rig = ready()
    rig.worker()
    rig.frame(0)
    rig.core.assign(0)
    assert rig.messages() == [
        ("sink", Assigned(camera="c", model="m", epoch=WALL_S, seq=0, dropped={})),
        ("capture/1", Send(model="m", worker="w", inbox="in/1", seq=0)),
    ]


def test_workers_get_frames_of_their_own_model_only() -> None:
    rig = ready(models=("m", "n"))
    rig.worker("n-0", "n")
    rig.worker("x-0", "unheard-of")
    rig.frame(0)
    assert rig.assigned() == [("n-0", 0)]
    assert rig.assigned() == []


def test_the_first_model_of_a_watched_camera_annotates() -> None:
    rig = ready(models=("m", "n"))
    rig.worker("m-0", "m")
    rig.worker("n-0", "n")
    for seq, watched in enumerate([[], ["c"], []]):
        rig.core.receive("sink", Watched(cameras=watched))
        rig.frame(seq)
        rig.core.assign(0)
        sends = {m.worker: m.annotate for _, m in rig.messages() if isinstance(m, Send)}
        assert sends == {"m-0": "raw" if watched else None, "n-0": None}
        for worker in sends:
            rig.done(seq, worker)


def test_the_only_model_of_a_watched_camera_encodes_the_picture_that_is_published() -> None:
    rig = ready()
    rig.worker()
    rig.core.receive("sink", Watched(cameras=["c"]))
    rig.frame(0)
    rig.core.assign(0)
    assert [m.annotate for _, m in rig.messages() if isinstance(m, Send)] == ["jpeg"]


def test_only_assignments_of_files_are_deferrable() -> None:
    file, live = ready(), ready("live")
    assigned = Assigned(camera="c", model="m", epoch=WALL_S, seq=0, dropped={})
    lost = Lost(camera="c", model="m", epoch=WALL_S, seq=0, reason="worker-lost")
    assert [file.core.is_deferrable(message) for message in (assigned, lost)] == [True, False]
    assert not live.core.is_deferrable(assigned)


def test_nothing_is_assigned_while_the_sink_is_away() -> None:
    rig = ready()
    rig.worker()
    rig.frame(0)
    rig.core.exited("sink", "sink")
    assert rig.assigned() == []
    rig.core.flush()
    assert rig.messages() == []
    rig.sink()
    assert rig.assigned() == [("w", 0)]


def test_cameras_share_a_worker() -> None:
    rig = ready("live", cameras="abc")
    rig.worker()
    served = []
    for seq in range(9):
        for number, camera in enumerate("abc", 1):
            rig.frame(seq, camera, peer=f"capture/{number}")
        rig.core.assign(0)
        (send,) = ((peer, m) for peer, m in rig.messages() if isinstance(m, Send))
        number = int(send[0].removeprefix("capture/"))
        sent = Sent(camera="abc"[number - 1], epoch=WALL_S, model="m", worker="w", inbox="in/1", seq=seq)
        rig.core.receive(send[0], sent)
        rig.done(seq, camera="abc"[number - 1])
        served.append(send[0])
    assert sorted(served[:3]) == sorted(served[3:6]) == sorted(served[6:]) == ["capture/1", "capture/2", "capture/3"]


def test_the_frame_of_a_lost_worker_goes_to_another_in_live_to_be_set_aside_and_in_lossless_to_be_run() -> None:
    live, lossless = ready("live"), ready()
    for rig in (live, lossless):
        rig.worker("w")
        rig.frame(0)
        assert rig.assigned() == [("w", 0)]
        rig.sent(0)
        rig.messages()
        rig.core.exited("w", "worker")
    for rig, deaths in ((live, POISON), (lossless, 1)):
        assert rig.messages() == []
        rig.worker("v")
        rig.core.assign(0)
        ((_, send),) = rig.messages()
        assert isinstance(send, Send)
        assert (send.worker, send.seq, send.deaths) == ("v", 0, deaths)


def test_a_worker_without_a_channel_gets_no_frames_and_has_lost_none() -> None:
    rig = ready("live")
    rig.worker()
    rig.frame(0)
    assert rig.assigned() == [("w", 0)]
    rig.sent(0)
    rig.core.receive("w", WorkerReady(worker="w", camera="c", epoch=WALL_S, seq=0))
    rig.messages()
    rig.core.disconnected("w")
    rig.core.disconnected("stranger")
    rig.frame(1)
    assert rig.assigned() == []
    rig.worker()
    assert rig.assigned() == [("w", 1)], "it has connected again"


def test_a_worker_with_a_new_inbox_is_another_one() -> None:
    rig = ready()
    rig.worker(inbox="in/1")
    rig.frame(0)
    assert rig.assigned() == [("w", 0)]
    rig.worker(inbox="in/2")
    rig.core.assign(0)
    assert [m for m in rig.to("capture/1") if isinstance(m, Send)] == [Send(model="m", worker="w", inbox="in/2", seq=0)]


def test_a_frame_that_was_sent_to_the_inbox_of_the_worker_before_is_lost() -> None:
    rig = ready("live")
    rig.worker(inbox="in/1")
    rig.frame(0)
    assert rig.assigned() == [("w", 0)]
    rig.core.exited("w", "worker")
    rig.worker(inbox="in/2")
    rig.sent(0, inbox="in/1")
    assert rig.to("sink") == [
        Assigned(camera="c", model="m", epoch=WALL_S, seq=0, dropped={}),
        Lost(camera="c", model="m", epoch=WALL_S, seq=0, reason="worker-lost"),
    ]
    rig.frame(1)
    assert rig.assigned() == [("w", 1)]


def test_a_lost_capture_gives_credit_back_to_workers_that_wait_for_its_frames() -> None:
    rig = ready("live")
    rig.worker()
    rig.frame(0)
    assert rig.assigned() == [("w", 0)]
    rig.core.exited("c", "capture")
    assert rig.messages() == [("sink", Gap(camera="c", model="m", epoch=WALL_S, seq=0, dropped={"shutdown": 1}))]
    rig.capture(peer="capture/2")
    assert rig.messages() == [("capture/2", Welcome(epoch=WALL_S + 1, next_seq=0))], "the clock may stand still"
    rig.frame(0, epoch=WALL_S + 1, peer="capture/2")
    assert rig.assigned() == [("w", 0)]


def test_a_frame_that_its_capture_may_not_have_sent_completely_is_assigned_again() -> None:
    """A capture reports that a frame is on its way, and is killed before all of it is sent."""
    live, lossless = ready("live"), ready()
    for rig in (live, lossless):
        rig.worker()
        rig.frame(0)
        assert rig.assigned() == [("w", 0)]
        rig.sent(0)
        rig.core.exited("c", "capture")
        rig.capture(peer="capture/2")
    live.frame(0, epoch=WALL_S + 1, peer="capture/2")
    lossless.frame(0, peer="capture/2")
    assert live.assigned() == [("w", 0)]
    assert lossless.assigned() == [("w", 0)]


def test_messages_of_a_lost_capture_are_ignored() -> None:
    rig = ready()
    rig.worker()
    rig.core.exited("c", "capture")
    rig.frame(0)
    assert rig.assigned() == []
    rig.capture(peer="capture/2")
    rig.frame(0, peer="capture/1")
    assert rig.assigned() == []


def test_frames_of_another_epoch_are_ignored() -> None:
    rig = ready("live")
    rig.worker()
    rig.frame(0, epoch=WALL_S - 1)
    assert rig.assigned() == []


def test_a_lossless_capture_that_comes_back_begins_where_the_slowest_model_is() -> None:
    rig = ready(models=("m", "n"))
    rig.acked(7, "m")
    rig.acked(4, "n")
    rig.core.exited("c", "capture")
    rig.messages()
    rig.capture(peer="capture/2")
    assert rig.messages() == [("capture/2", Welcome(epoch=WALL_S, next_seq=5))]


def test_frames_are_released_when_all_models_are_done_with_them() -> None:
    rig = ready(models=("m", "n"))
    rig.acked(7, "m")
    assert rig.messages() == []
    rig.acked(4, "n")
    assert rig.messages() == [("capture/1", Release(epoch=WALL_S, seq=4, finished=False))]
    rig.acked(9, "m", finished=True)
    assert rig.to("capture/1")[-1] == Release(epoch=WALL_S, seq=4, finished=False)
    rig.acked(9, "n", finished=True)
    assert rig.messages() == [("capture/1", Release(epoch=WALL_S, seq=9, finished=True))]


def test_frames_that_only_a_removed_model_was_not_done_with_are_released() -> None:
    rig = ready(models=("m", "n"))
    rig.acked(7, "m")
    assert rig.messages() == []
    rig.core.change({"c": CameraPlan(models=["m"], delivery="lossless")}, PLANS)
    assert rig.to("capture/1") == [Release(epoch=WALL_S, seq=7, finished=False)], "or it would wait for ever"


def test_a_file_whose_capture_is_away_when_a_model_is_added_goes_on_where_it_was() -> None:
    rig = ready()
    rig.acked(7)
    rig.core.exited("c", "capture")
    rig.core.change({"c": CameraPlan(models=["m", "n"], delivery="lossless")}, PLANS)
    rig.messages()
    rig.capture(peer="capture/2")
    assert rig.to("capture/2") == [Welcome(epoch=WALL_S, next_seq=8)]


def test_frames_that_were_resolved_before_the_capture_introduced_itself_are_released() -> None:
    rig = Rig()
    rig.sink(StreamState(camera="c", model="m", epoch=7, resolved=4, published=4))
    rig.messages()
    held = [(seq, seq, 0, 0) for seq in range(2, 5)]
    rig.core.receive("capture/c", CaptureHello(camera="c", epoch=7, buffered=held, ended=None))
    assert rig.to("capture/c")[-1] == Release(epoch=7, seq=4, finished=False), "or it would never have room for more"


def test_a_capture_that_comes_back_after_the_end_learns_that_it_is_finished() -> None:
    rig = ready()
    rig.acked(9, finished=True)
    rig.core.exited("c", "capture")
    rig.messages()
    rig.capture(peer="capture/2")
    assert rig.messages() == [("capture/2", Release(epoch=WALL_S, seq=9, finished=True))]


def test_the_number_of_captured_frames_is_reported_once() -> None:
    rig = ready()
    rig.frame(4)
    rig.core.flush()
    count = Captured(camera="c", model="m", epoch=WALL_S, count=5)
    assert [m for m in rig.to("sink") if isinstance(m, Captured)] == [count]
    rig.core.flush()
    assert rig.messages() == []
    rig.sink()
    rig.core.flush()
    assert [m for m in rig.to("sink") if isinstance(m, Captured)] == [count], "a new sink does not know it"


def test_a_sink_that_was_far_behind_receives_more_as_soon_as_it_has_caught_up() -> None:
    rig = ready()
    rig.worker()
    for seq in range(MAX_UNACKED + 2):
        rig.frame(seq)
    assigned = []
    while some := rig.assigned():
        for _, seq in some:
            rig.done(seq)
            assigned.append(seq)
    assert assigned == list(range(MAX_UNACKED))
    rig.core.flush()
    assert rig.assigned() == []
    rig.acked(0)
    assert rig.assigned() == [("w", MAX_UNACKED)]
    rig.acked(1)
    assert rig.assigned() == [("w", MAX_UNACKED + 1)]


def test_a_new_sink_receives_where_to_start_and_what_is_outstanding() -> None:
    rig = ready("live")
    for seq, worker in enumerate(["w", "v"]):
        rig.worker(worker)
        rig.frame(seq)
        rig.assigned()
        rig.sent(seq, worker)
    rig.done(0)
    rig.messages()
    rig.core.exited("sink", "sink")
    rig.sink()
    assert rig.to("sink") == [
        StartFrom(streams=[state(-1, epoch=0)]),
        Assigned(camera="c", model="m", epoch=WALL_S, seq=0, dropped={}),
        Lost(camera="c", model="m", epoch=WALL_S, seq=0, reason="worker-lost"),
        Assigned(camera="c", model="m", epoch=WALL_S, seq=1, dropped={}),
    ]


def test_a_new_dispatcher_starts_from_the_state_of_the_sink() -> None:
    rig = Rig()
    rig.sink(state(4, epoch=9))
    rig.capture(epoch=9)
    rig.worker()
    rig.messages()
    for seq in range(3, 6):
        rig.frame(seq, epoch=9)
    assert rig.assigned() == [("w", 5)]


def test_the_end_of_a_source_is_reported() -> None:
    rig = ready()
    rig.core.receive("capture/1", Ended(camera="c", epoch=WALL_S, captured=3, paced=3))
    rig.core.flush()
    assert Gap(camera="c", model="m", epoch=WALL_S, seq=2, dropped={"paced": 3}, end=True) in rig.to("sink")


def test_a_camera_that_is_not_configured_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    rig = ready()
    rig.capture("stranger", "capture/9")
    rig.acked(3, "stranger")
    rig.core.exited("stranger", "capture")
    rig.core.exited("stranger", "worker")
    rig.done(0, "stranger")
    rig.worker()
    rig.done(0, camera="stranger")
    assert rig.messages() == []
    assert "camera stranger" in caplog.text


def test_a_frame_that_a_worker_died_of_is_alone_with_the_next_one_and_carries_its_deaths() -> None:
    rig = Rig()
    rig.core = Dispatcher(
        {"c": CameraPlan(models=["m"], delivery="lossless")},
        {"m": ModelPlan(batch=3)},
        epochs=Epochs(wall=lambda: WALL_S),
    )
    rig.sink()
    rig.capture()
    for seq in range(4):
        rig.frame(seq)
    rig.messages()
    assigned = []
    for life in range(3):
        rig.worker(inbox=f"in/{life}")
        rig.core.assign(0)
        sends = [message for message in rig.to("capture/1") if isinstance(message, Send)]
        assigned.append([(send.seq, send.deaths) for send in sends])
        for send in sends:
            rig.core.receive(
                "capture/1",
                Sent(camera="c", epoch=WALL_S, model="m", worker="w", inbox=send.inbox, seq=send.seq),
            )
        rig.core.exited("w", "worker")
    assert assigned == [[(0, 0), (1, 0), (2, 0)], [(0, 1)], [(0, 2)]]


def test_a_worker_did_not_die_of_a_frame_that_never_reached_it() -> None:
    rig = Rig()
    rig.sink()
    rig.capture()
    rig.frame(0)
    for life in range(3):
        rig.worker(inbox=f"in/{life}")
        rig.core.assign(0)
        assert [m.deaths for m in rig.to("capture/1") if isinstance(m, Send)] == [0]
        rig.core.exited("w", "worker")


@pytest.mark.parametrize("taker", ["w", "x"])
def test_such_a_frame_waits_for_a_worker_that_has_no_other(taker: str) -> None:
    plan = CameraPlan(models=["m"], delivery="lossless")
    rig = Rig(cameras="ab")
    rig.core = Dispatcher({"a": plan, "b": plan}, {"m": ModelPlan(batch=3)}, epochs=Epochs(wall=lambda: WALL_S))
    rig.sink()
    for camera in "ab":
        rig.capture(camera, f"capture/{camera}")
    rig.worker("v", inbox="in/v")
    rig.frame(0, "a", peer="capture/a")
    rig.core.assign(0)
    rig.core.receive("capture/a", Sent(camera="a", epoch=WALL_S, model="m", worker="v", inbox="in/v", seq=0))
    rig.frame(0, "b", peer="capture/b")
    rig.worker("w", inbox="in/w")
    rig.core.receive("v", Leaving(worker="v", inbox="in/v"))  # so that the next goes to the other
    rig.core.assign(0)
    rig.messages()
    rig.core.exited("v", "worker")
    rig.core.assign(0)
    assert not [m for _, m in rig.messages() if isinstance(m, Send)], "the other worker has something else"
    if taker == "w":
        rig.core.receive("w", WorkerReady(worker="w", camera="b", epoch=WALL_S, seq=0))
    else:
        rig.worker("x", inbox="in/x")
    rig.core.assign(0)
    assert [(m.worker, m.seq, m.deaths) for _, m in rig.messages() if isinstance(m, Send)] == [(taker, 0, 1)]


def test_the_web_knows_the_input_of_each_model_that_takes_requests() -> None:
    rig = Rig()
    rig.core.change({}, {"m": ModelPlan(requests=1), "n": ModelPlan()})
    needed = Input(width=64, height=32)
    for model in ("n", "m"):
        rig.core.receive(model, WorkerHello(worker=model, model=model, inbox="in/1", input=needed))
    assert rig.to("web") == [ModelInput(model="m", input=needed)]
    rig.core.exited("web", "web")
    rig.core.receive("web", WebHello(requests=[]))
    assert ModelInput(model="m", input=needed) in rig.to("web")
