"""Who gets whose frame, and what captures, workers and the sink are told."""

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
from edge_daemon.messages.scheduling import (
    Announce,
    CaptureHello,
    Ended,
    Introduce,
    Leaving,
    Release,
    Send,
    Sent,
    Welcome,
    WorkerHello,
    WorkerReady,
)
from edge_daemon.runtime.crash_marker import FrameId
from edge_daemon.settings import CameraPlan, ModelPlan

WALL_S = 1_763_800_000
PLANS = {"m": ModelPlan(), "n": ModelPlan()}


class Collector:
    """A dispatcher, and what was said to it in short."""

    def __init__(
        self,
        delivery: str = "lossless",
        models: tuple[str, ...] = ("m",),
        cameras: str = "c",
        crash_marker: Callable[[str], FrameId | None] = lambda inbox: None,
    ) -> None:
        live = delivery == "live"
        turn = CameraPlan(models=list(models), delivery="live" if live else "lossless", max_age_s=1.0)
        self.core = Dispatcher(
            dict.fromkeys(cameras, turn),
            dict.fromkeys(models, ModelPlan()),
            epochs=Epochs(wall=lambda: WALL_S),
            crash_marker=crash_marker,
        )

    def said(self) -> list[tuple[str, Message]]:
        """What it has said since the last call."""
        said = list(self.core.outbox)
        self.core.outbox.clear()
        return said

    def to(self, peer: str) -> list[Message]:
        return [message for target, message in self.said() if target == peer]

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
        """Worker and frame of each that is asked for now."""
        self.core.assign(0)
        return [(message.worker, message.seq) for _, message in self.said() if isinstance(message, Send)]


def state(
    resolved: int, model: str = "m", *, camera: str = "c", epoch: int = WALL_S, finished: bool = False
) -> StreamState:
    return StreamState(camera=camera, model=model, epoch=epoch, resolved=resolved, finished=finished)


def ready(
    delivery: str = "lossless",
    models: tuple[str, ...] = ("m",),
    cameras: str = "c",
    crash_marker: Callable[[str], FrameId | None] = lambda inbox: None,
) -> Collector:
    """A dispatcher with its sink and its captures; no worker yet, and nothing unread."""
    desk = Collector(delivery, models, cameras, crash_marker)
    desk.sink()
    for number, camera in enumerate(cameras, 1):
        desk.capture(camera, f"capture/{number}")
    desk.said()
    return desk


def test_a_capture_is_welcomed_once_the_sink_is_known() -> None:
    desk = Collector()
    desk.capture()
    assert desk.said() == [], "where to start is not known yet"
    desk.sink()
    assert desk.said() == [("capture/1", Introduce()), ("sink", StartFrom(streams=[state(-1, epoch=0)]))]
    desk.capture()
    assert desk.said() == [("capture/1", Welcome(epoch=WALL_S, next_seq=0))]


def test_a_worker_has_the_next_frame_in_hand() -> None:
    desk = ready()
    desk.worker()
    for seq in range(5):
        desk.frame(seq)
    assert desk.assigned() == [("w", 0), ("w", 1), ("w", 2)]
    assert desk.assigned() == []
    desk.done(0)
    desk.done(1)
    assert desk.assigned() == [("w", 3), ("w", 4)]


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
def test_a_worker_dies_of_the_frame_that_it_was_at(at: FrameId | None, deaths: dict[int, int]) -> None:
    desk = ready(crash_marker=lambda inbox: at if inbox == "in/1" else None)
    desk.worker()
    for seq in range(2):
        desk.frame(seq)
    desk.core.assign(0)
    for seq in range(2):
        desk.sent(seq)
    desk.core.exited("w", "worker")
    for name in ("v", "w"):
        desk.worker(name, inbox="in/2")
    desk.said()
    desk.core.assign(0)
    sends = [message for message in desk.to("capture/1") if isinstance(message, Send)]
    assert {send.seq: send.deaths for send in sends} == deaths


def test_a_worker_that_died_of_a_frame_had_it_whatever_was_heard_of_that() -> None:
    desk = ready(crash_marker=lambda inbox: FrameId("c", WALL_S, 0))
    desk.worker()
    desk.frame(0)
    assert desk.assigned() == [("w", 0)]
    desk.core.exited("w", "worker")
    desk.worker(inbox="in/2")
    desk.core.assign(0)
    assert [message.deaths for message in desk.to("capture/1") if isinstance(message, Send)] == [1]


def test_in_live_a_frame_had_its_turn_whether_by_word_of_the_capture_or_of_the_worker() -> None:
    desk = ready("live")
    desk.worker()
    desk.frame(0)
    desk.frame(2)
    assert desk.assigned() == [("w", 2)]
    desk.done(2)
    assert [m.seq for m in desk.to("sink") if isinstance(m, Assigned)] == [2]
    desk.frame(3)
    assert desk.assigned() == [("w", 3)]
    desk.sent(2)
    assert desk.to("sink") == [], "the word of the frame before comes late, and is none of this one"
    desk.sent(3)
    assert [m.seq for m in desk.to("sink") if isinstance(m, Assigned)] == [3]


def test_in_live_a_worker_may_be_done_with_a_frame_before_it_is_announced() -> None:
    desk = ready("live")
    desk.worker()
    desk.frame(0)
    assert desk.assigned() == [("w", 0)]
    desk.done(1)
    assert desk.to("sink") == [], "what lies between is not known yet"
    desk.frame(1)
    desk.sent(1)
    assert desk.to("sink") == [Assigned(camera="c", model="m", epoch=WALL_S, seq=1, dropped={"replaced": 1})]


def test_nobody_has_a_frame_in_hand_that_another_could_begin() -> None:
    desk = ready()
    for name in ("v", "w"):
        desk.worker(name)
    for seq in range(3):
        desk.frame(seq)
    assert desk.assigned() == [("v", 0), ("w", 1), ("v", 2)]


def test_in_live_a_worker_has_one_frame_at_a_time() -> None:
    desk = ready("live", cameras="cd")
    desk.worker()
    desk.frame(0)
    desk.frame(0, "d", peer="capture/2")
    assert len(desk.assigned()) == 1
    desk.sent(0)
    assert desk.assigned() == [], "it would be old by then"


def test_a_worker_is_free_when_it_is_done_with_what_it_was_given_last() -> None:
    desk = ready()
    desk.worker()
    for seq in range(3):
        desk.frame(seq)
    assert desk.assigned() == [("w", 0), ("w", 1), ("w", 2)]
    desk.frame(3)
    desk.done(7)
    desk.core.receive("w", WorkerReady(worker="w", camera="c", epoch=WALL_S - 1, seq=0))
    assert desk.assigned() == [], "that was of a dispatcher or a capture before"
    desk.done(0)
    assert desk.assigned() == [("w", 3)]


def test_in_live_a_newer_frame_than_was_asked_for_will_do() -> None:
    desk = ready("live")
    desk.worker()
    for seq in (3, 5):
        desk.frame(seq)
        desk.core.assign(0)
    desk.sent(5)
    desk.done(2)
    desk.frame(6)
    desk.said()
    assert desk.assigned() == []
    desk.done(5)
    assert desk.assigned() == [("w", 6)]


def test_what_is_given_is_told_to_sink_and_capture() -> None:
    desk = ready()
    desk.worker()
    desk.frame(0)
    desk.core.assign(0)
    assert desk.said() == [
        ("sink", Assigned(camera="c", model="m", epoch=WALL_S, seq=0, dropped={})),
        ("capture/1", Send(model="m", worker="w", inbox="in/1", seq=0)),
    ]


def test_workers_get_frames_of_their_own_model_only() -> None:
    desk = ready(models=("m", "n"))
    desk.worker("n-0", "n")
    desk.worker("x-0", "unheard-of")
    desk.frame(0)
    assert desk.assigned() == [("n-0", 0)]
    assert desk.assigned() == []


def test_the_first_model_of_a_watched_camera_annotates() -> None:
    desk = ready(models=("m", "n"))
    desk.worker("m-0", "m")
    desk.worker("n-0", "n")
    for seq, watched in enumerate([[], ["c"], []]):
        desk.core.receive("sink", Watched(cameras=watched))
        desk.frame(seq)
        desk.core.assign(0)
        sends = {m.worker: m.annotate for _, m in desk.said() if isinstance(m, Send)}
        assert sends == {"m-0": "raw" if watched else None, "n-0": None}
        for worker in sends:
            desk.done(seq, worker)


def test_the_only_model_of_a_watched_camera_makes_the_picture_that_is_published() -> None:
    desk = ready()
    desk.worker()
    desk.core.receive("sink", Watched(cameras=["c"]))
    desk.frame(0)
    desk.core.assign(0)
    assert [m.annotate for _, m in desk.said() if isinstance(m, Send)] == ["jpeg"]


def test_the_sink_may_wait_for_the_turns_of_files_alone() -> None:
    file, live = ready(), ready("live")
    turn = Assigned(camera="c", model="m", epoch=WALL_S, seq=0, dropped={})
    lost = Lost(camera="c", model="m", epoch=WALL_S, seq=0, reason="worker-lost")
    assert [file.core.is_deferrable(message) for message in (turn, lost)] == [True, False]
    assert not live.core.is_deferrable(turn)


def test_nothing_is_given_while_the_sink_is_away() -> None:
    desk = ready()
    desk.worker()
    desk.frame(0)
    desk.core.exited("sink", "sink")
    assert desk.assigned() == []
    desk.core.flush()
    assert desk.said() == []
    desk.sink()
    assert desk.assigned() == [("w", 0)]


def test_cameras_share_a_worker() -> None:
    desk = ready("live", cameras="abc")
    desk.worker()
    served = []
    for seq in range(9):
        for number, camera in enumerate("abc", 1):
            desk.frame(seq, camera, peer=f"capture/{number}")
        desk.core.assign(0)
        (send,) = ((peer, m) for peer, m in desk.said() if isinstance(m, Send))
        number = int(send[0].removeprefix("capture/"))
        sent = Sent(camera="abc"[number - 1], epoch=WALL_S, model="m", worker="w", inbox="in/1", seq=seq)
        desk.core.receive(send[0], sent)
        desk.done(seq, camera="abc"[number - 1])
        served.append(send[0])
    assert sorted(served[:3]) == sorted(served[3:6]) == sorted(served[6:]) == ["capture/1", "capture/2", "capture/3"]


def test_a_lost_worker_s_frame_is_dropped_in_live_and_given_again_in_lossless() -> None:
    live, lossless = ready("live"), ready()
    for desk in (live, lossless):
        desk.worker("w")
        desk.frame(0)
        assert desk.assigned() == [("w", 0)]
        desk.sent(0)
        desk.said()
        desk.core.exited("w", "worker")
    assert live.said() == [("sink", Lost(camera="c", model="m", epoch=WALL_S, seq=0, reason="worker-lost"))]
    assert lossless.said() == []
    for desk in (live, lossless):
        desk.worker("v")
    assert live.assigned() == []
    assert lossless.assigned() == [("v", 0)]


def test_a_worker_with_a_new_address_is_another_one() -> None:
    desk = ready()
    desk.worker(inbox="in/1")
    desk.frame(0)
    assert desk.assigned() == [("w", 0)]
    desk.worker(inbox="in/2")
    desk.core.assign(0)
    assert [m for m in desk.to("capture/1") if isinstance(m, Send)] == [
        Send(model="m", worker="w", inbox="in/2", seq=0)
    ]


def test_a_frame_that_was_sent_to_the_one_before_at_another_address_is_lost() -> None:
    desk = ready("live")
    desk.worker(inbox="in/1")
    desk.frame(0)
    assert desk.assigned() == [("w", 0)]
    desk.core.exited("w", "worker")
    desk.worker(inbox="in/2")
    desk.sent(0, inbox="in/1")
    assert desk.to("sink") == [
        Assigned(camera="c", model="m", epoch=WALL_S, seq=0, dropped={}),
        Lost(camera="c", model="m", epoch=WALL_S, seq=0, reason="worker-lost"),
    ]
    desk.frame(1)
    assert desk.assigned() == [("w", 1)]


def test_a_lost_capture_frees_the_workers_it_had_not_served() -> None:
    desk = ready("live")
    desk.worker()
    desk.frame(0)
    assert desk.assigned() == [("w", 0)]
    desk.core.exited("c", "capture")
    assert desk.said() == [("sink", Gap(camera="c", model="m", epoch=WALL_S, seq=0, dropped={"shutdown": 1}))]
    desk.capture(peer="capture/2")
    assert desk.said() == [("capture/2", Welcome(epoch=WALL_S + 1, next_seq=0))], "the clock may stand still"
    desk.frame(0, epoch=WALL_S + 1, peer="capture/2")
    assert desk.assigned() == [("w", 0)]


def test_a_frame_that_its_capture_may_not_have_sent_whole_is_offered_again() -> None:
    """A capture says that a frame is on its way, and is killed before all of it has left."""
    live, lossless = ready("live"), ready()
    for desk in (live, lossless):
        desk.worker()
        desk.frame(0)
        assert desk.assigned() == [("w", 0)]
        desk.sent(0)
        desk.core.exited("c", "capture")
        desk.capture(peer="capture/2")
    live.frame(0, epoch=WALL_S + 1, peer="capture/2")
    lossless.frame(0, peer="capture/2")
    assert live.assigned() == [("w", 0)]
    assert lossless.assigned() == [("w", 0)]


def test_the_last_words_of_a_lost_capture_are_not_heard() -> None:
    desk = ready()
    desk.worker()
    desk.core.exited("c", "capture")
    desk.frame(0)
    assert desk.assigned() == []
    desk.capture(peer="capture/2")
    desk.frame(0, peer="capture/1")
    assert desk.assigned() == []


def test_frames_of_another_epoch_are_not_of_this_one() -> None:
    desk = ready("live")
    desk.worker()
    desk.frame(0, epoch=WALL_S - 1)
    assert desk.assigned() == []


def test_a_lossless_capture_that_comes_back_begins_where_the_slowest_model_is() -> None:
    desk = ready(models=("m", "n"))
    desk.acked(7, "m")
    desk.acked(4, "n")
    desk.core.exited("c", "capture")
    desk.said()
    desk.capture(peer="capture/2")
    assert desk.said() == [("capture/2", Welcome(epoch=WALL_S, next_seq=5))]


def test_frames_are_released_when_all_models_have_them_behind() -> None:
    desk = ready(models=("m", "n"))
    desk.acked(7, "m")
    assert desk.said() == []
    desk.acked(4, "n")
    assert desk.said() == [("capture/1", Release(epoch=WALL_S, seq=4, finished=False))]
    desk.acked(9, "m", finished=True)
    assert desk.to("capture/1")[-1] == Release(epoch=WALL_S, seq=4, finished=False)
    desk.acked(9, "n", finished=True)
    assert desk.said() == [("capture/1", Release(epoch=WALL_S, seq=9, finished=True))]


def test_frames_that_only_a_model_that_is_gone_had_not_behind_are_released() -> None:
    desk = ready(models=("m", "n"))
    desk.acked(7, "m")
    assert desk.said() == []
    desk.core.change({"c": CameraPlan(models=["m"], delivery="lossless")}, PLANS)
    assert desk.to("capture/1") == [Release(epoch=WALL_S, seq=7, finished=False)], "or it would wait for ever"


def test_a_file_whose_capture_is_away_when_a_model_comes_goes_on_where_it_was() -> None:
    desk = ready()
    desk.acked(7)
    desk.core.exited("c", "capture")
    desk.core.change({"c": CameraPlan(models=["m", "n"], delivery="lossless")}, PLANS)
    desk.said()
    desk.capture(peer="capture/2")
    assert desk.to("capture/2") == [Welcome(epoch=WALL_S, next_seq=8)]


def test_a_capture_learns_what_was_settled_before_the_dispatcher_knew_of_it() -> None:
    desk = Collector()
    desk.sink(StreamState(camera="c", model="m", epoch=7, resolved=4, published=4))
    desk.said()
    held = [(seq, seq, 0) for seq in range(2, 5)]
    desk.core.receive("capture/c", CaptureHello(camera="c", epoch=7, buffered=held, ended=None))
    told = desk.to("capture/c")
    assert told == [Release(epoch=7, seq=4, finished=False)], "or it would never have room for more"


def test_a_capture_that_comes_back_after_the_end_is_told_that_it_is_done() -> None:
    desk = ready()
    desk.acked(9, finished=True)
    desk.core.exited("c", "capture")
    desk.said()
    desk.capture(peer="capture/2")
    assert desk.said() == [("capture/2", Release(epoch=WALL_S, seq=9, finished=True))]


def test_the_sink_learns_how_many_were_captured_once() -> None:
    desk = ready()
    desk.frame(4)
    desk.core.flush()
    count = Captured(camera="c", model="m", epoch=WALL_S, count=5)
    assert [m for m in desk.to("sink") if isinstance(m, Captured)] == [count]
    desk.core.flush()
    assert desk.said() == []
    desk.sink()
    desk.core.flush()
    assert [m for m in desk.to("sink") if isinstance(m, Captured)] == [count], "a new sink does not know it"


def test_a_sink_that_is_far_behind_gets_more_as_soon_as_it_has_caught_up() -> None:
    desk = ready()
    desk.worker()
    for seq in range(MAX_UNACKED + 2):
        desk.frame(seq)
    given = []
    while lot := desk.assigned():
        for _, seq in lot:
            desk.done(seq)
            given.append(seq)
    assert given == list(range(MAX_UNACKED))
    desk.core.flush()
    assert desk.assigned() == []
    desk.acked(0)
    assert desk.assigned() == [("w", MAX_UNACKED)]
    desk.acked(1)
    assert desk.assigned() == [("w", MAX_UNACKED + 1)]


def test_a_new_sink_is_told_where_to_start_and_what_is_under_way() -> None:
    desk = ready("live")
    for seq, worker in enumerate(["w", "v"]):
        desk.worker(worker)
        desk.frame(seq)
        desk.assigned()
        desk.sent(seq, worker)
    desk.done(0)
    desk.said()
    desk.core.exited("sink", "sink")
    desk.sink()
    assert desk.to("sink") == [
        StartFrom(streams=[state(-1, epoch=0)]),
        Assigned(camera="c", model="m", epoch=WALL_S, seq=0, dropped={}),
        Lost(camera="c", model="m", epoch=WALL_S, seq=0, reason="worker-lost"),
        Assigned(camera="c", model="m", epoch=WALL_S, seq=1, dropped={}),
    ]


def test_a_new_dispatcher_takes_the_word_of_the_sink() -> None:
    desk = Collector()
    desk.sink(state(4, epoch=9))
    desk.capture(epoch=9)
    desk.worker()
    desk.said()
    for seq in range(3, 6):
        desk.frame(seq, epoch=9)
    assert desk.assigned() == [("w", 5)]


def test_the_end_of_a_source_goes_to_the_sink() -> None:
    desk = ready()
    desk.core.receive("capture/1", Ended(camera="c", epoch=WALL_S, captured=3, paced=3))
    desk.core.flush()
    assert Gap(camera="c", model="m", epoch=WALL_S, seq=2, dropped={"paced": 3}, end=True) in desk.to("sink")


def test_a_camera_that_is_not_configured_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    desk = ready()
    desk.capture("stranger", "capture/9")
    desk.acked(3, "stranger")
    desk.core.exited("stranger", "capture")
    desk.core.exited("stranger", "worker")
    desk.done(0, "stranger")
    desk.worker()
    desk.done(0, camera="stranger")
    assert desk.said() == []
    assert "camera stranger" in caplog.text


def test_a_frame_that_a_worker_died_of_is_alone_with_the_next_and_the_third_is_warned() -> None:
    desk = Collector()
    desk.core = Dispatcher(
        {"c": CameraPlan(models=["m"], delivery="lossless")},
        {"m": ModelPlan(batch=3)},
        epochs=Epochs(wall=lambda: WALL_S),
    )
    desk.sink()
    desk.capture()
    for seq in range(4):
        desk.frame(seq)
    desk.said()
    given = []
    for life in range(3):
        desk.worker(inbox=f"in/{life}")
        desk.core.assign(0)
        sends = [message for message in desk.to("capture/1") if isinstance(message, Send)]
        given.append([(send.seq, send.deaths) for send in sends])
        for send in sends:
            desk.core.receive(
                "capture/1",
                Sent(camera="c", epoch=WALL_S, model="m", worker="w", inbox=send.inbox, seq=send.seq),
            )
        desk.core.exited("w", "worker")
    assert given == [[(0, 0), (1, 0), (2, 0)], [(0, 1)], [(0, 2)]]


def test_a_frame_that_never_reached_the_worker_that_died_is_not_to_blame() -> None:
    desk = Collector()
    desk.sink()
    desk.capture()
    desk.frame(0)
    for life in range(3):
        desk.worker(inbox=f"in/{life}")
        desk.core.assign(0)
        assert [m.deaths for m in desk.to("capture/1") if isinstance(m, Send)] == [0]
        desk.core.exited("w", "worker")


@pytest.mark.parametrize("taker", ["w", "x"])
def test_a_seat_that_is_taken_is_no_place_for_such_a_frame(taker: str) -> None:
    turn = CameraPlan(models=["m"], delivery="lossless")
    desk = Collector(cameras="ab")
    desk.core = Dispatcher({"a": turn, "b": turn}, {"m": ModelPlan(batch=3)}, epochs=Epochs(wall=lambda: WALL_S))
    desk.sink()
    for camera in "ab":
        desk.capture(camera, f"capture/{camera}")
    desk.worker("v", inbox="in/v")
    desk.frame(0, "a", peer="capture/a")
    desk.core.assign(0)
    desk.core.receive("capture/a", Sent(camera="a", epoch=WALL_S, model="m", worker="v", inbox="in/v", seq=0))
    desk.frame(0, "b", peer="capture/b")
    desk.worker("w", inbox="in/w")
    desk.core.receive("v", Leaving(worker="v", inbox="in/v"))  # so that the next goes to the other
    desk.core.assign(0)
    desk.said()
    desk.core.exited("v", "worker")
    desk.core.assign(0)
    assert not [m for _, m in desk.said() if isinstance(m, Send)], "the other worker has something else"
    if taker == "w":
        desk.core.receive("w", WorkerReady(worker="w", camera="b", epoch=WALL_S, seq=0))
    else:
        desk.worker("x", inbox="in/x")
    desk.core.assign(0)
    assert [(m.worker, m.seq, m.deaths) for _, m in desk.said() if isinstance(m, Send)] == [(taker, 0, 1)]
