"""Weights hold for cameras of any rate and size: the real dispatcher, on a clock of its own."""

import heapq
import itertools
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.dispatcher.dispatcher import Dispatcher
from edge_daemon.dispatcher.epochs import Epochs
from edge_daemon.messages.accounting import Acks, Assigned, SinkHello, StreamState
from edge_daemon.messages.scheduling import (
    Announce,
    CaptureHello,
    Send,
    Sent,
    Welcome,
    WorkerHello,
    WorkerReady,
)
from edge_daemon.settings import CameraPlan, Delivery, ModelPlan
from tests.examples import one_in

S = 1_000_000_000
MINUTE_S = 60
WITHIN = 0.05


class Camera:
    """Gives `fps` frames a second; serving one takes `service_s`, give or take a fifth, as on a real machine."""

    def __init__(self, fps: float, service_s: float, weight: float) -> None:
        self.fps, self.service_s, self.weight = fps, service_s, weight
        self.seq, self.epoch = -1, 0


def shares(cameras: dict[str, Camera], workers: int, delivery: Delivery = "live") -> Counter[str]:
    """How many frames of each camera are served in a minute."""
    plans = {
        name: CameraPlan(models=["m"], delivery=delivery, weight=camera.weight, max_age_s=5.0)
        for name, camera in cameras.items()
    }
    core = Dispatcher(plans, {"m": ModelPlan()}, epochs=Epochs(wall=lambda: 1.0))
    served, order = Counter[str](), itertools.count()
    events: list[tuple[int, int, str, str]] = []
    luck = random.Random(1)

    def at(time_ns: int, what: str, who: str) -> None:
        heapq.heappush(events, (time_ns, next(order), what, who))

    def carry(now_ns: int) -> None:
        core.assign(now_ns)
        for peer, message in core.outbox[:]:
            core.outbox.remove((peer, message))
            name = peer.removeprefix("capture/")
            if isinstance(message, Welcome):
                cameras[name].epoch = message.epoch
            elif isinstance(message, Send):
                camera = cameras[name]
                core.receive(
                    peer,
                    Sent(camera=name, epoch=camera.epoch, model="m", worker=message.worker, inbox="i", seq=camera.seq),
                )
                took_ns = int(camera.service_s * luck.uniform(0.8, 1.2) * S)
                at(now_ns + took_ns, "done", f"{message.worker}/{name}/{camera.seq}")
            elif isinstance(message, Assigned):
                state = StreamState(
                    camera=message.camera,
                    model="m",
                    epoch=message.epoch,
                    resolved=message.seq,
                    published=message.seq,
                )
                core.receive("sink", Acks(streams=[state]))

    core.receive("sink", SinkHello(streams=[], watched=[]))
    for name in cameras:
        core.receive(f"capture/{name}", CaptureHello(camera=name, epoch=None, buffered=[], ended=None))
        at(0, "frame", name)
    for number in range(workers):
        core.receive(f"w{number}", WorkerHello(worker=f"w{number}", model="m", inbox="i"))
    carry(0)
    while events and events[0][0] < MINUTE_S * S:
        now_ns, _, what, who = heapq.heappop(events)
        if what == "frame":
            camera = cameras[who]
            camera.seq += 1
            core.receive(
                f"capture/{who}",
                Announce(camera=who, epoch=camera.epoch, seq=camera.seq, captured_ns=now_ns, paced=0),
            )
            at(now_ns + int(S / camera.fps), "frame", who)
        else:
            worker, name, seq = who.split("/")
            served[name] += 1
            core.receive(worker, WorkerReady(worker=worker, camera=name, epoch=cameras[name].epoch, seq=int(seq)))
        carry(now_ns)
    return served


@pytest.mark.long
@one_in(4)
@given(
    kinds=st.lists(
        st.tuples(st.floats(3, 8), st.floats(0.03, 0.1), st.sampled_from([0.5, 1.0, 2.0, 3.0])), min_size=2, max_size=5
    ),
    workers=st.integers(1, 3),
)
def test_cameras_that_want_more_than_there_is_share_by_weight(
    kinds: list[tuple[float, float, float]], workers: int
) -> None:
    weights = sum(weight for _, _, weight in kinds)
    mean_s = sum(weight * service_s for _, service_s, weight in kinds) / weights
    # Where a worker that becomes free finds no new frame of one, the others' share suffices for that.
    cameras = {
        f"c{number}": Camera(more * workers / mean_s / (1 - weight / weights), service_s, weight)
        for number, (more, service_s, weight) in enumerate(kinds)
    }
    served = shares(cameras, workers)
    total = served.total()
    assert total > MINUTE_S
    for name, camera in cameras.items():
        share = total * camera.weight / weights
        assert abs(served[name] - share) <= max(WITHIN * share, 2), served


def test_a_camera_that_wants_less_than_its_share_gets_all_it_wants() -> None:
    served = shares({"slow": Camera(5, 0.04, 1), "fast": Camera(60, 0.04, 1)}, workers=1)
    assert served["slow"] == pytest.approx(5 * MINUTE_S, rel=0.02)
    assert served.total() == pytest.approx(25 * MINUTE_S, rel=0.02), "and the rest is not wasted"
