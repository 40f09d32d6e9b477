"""Promises 1 to 4 of the design, whatever the order of events and whichever process dies."""

from collections import Counter
from typing import Any, get_args

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge_daemon.messages.fates import POISON
from edge_daemon.messages.published import End, Result
from edge_daemon.settings import CameraPlan, ModelPlan
from tests.unit.world import POISONOUS, Fate, World, fate_in_file

REASONS = {
    "paced",
    "still",
    "undecodable",
    "replaced",
    "stale",
    "late",
    "worker-lost",
    "shutdown",
    "model-error",
    "poison",
}
PLANS = {"a": ModelPlan(), "b": ModelPlan(batch=2), "c": ModelPlan(after="a", max_crops=1)}
MODELS = list(PLANS)
BRIEF: dict[str, Any] = {"max_age_s": 1e-7, "reorder_wait_s": 1e-6}
LIVE = CameraPlan(models=MODELS, delivery="live", **BRIEF)
FILE = CameraPlan(models=MODELS, delivery="lossless", weight=2.0)
WORKERS = {"a-0": "a", "a-1": "a", "b-0": "b", "c-0": "c"}


class Daemon(RuleBasedStateMachine):
    """One live and one lossless camera, three models (one comes after another, one takes two frames), four workers."""

    joins = False
    """True if models begin within an epoch of a camera."""

    @initialize(length=st.integers(0, 12))
    def start(self, length: int) -> None:
        self.length = length
        self.world = World({"live": LIVE, "file": FILE}, WORKERS, length, PLANS)

    @precondition(lambda self: self.world.busy_queues())
    @rule(data=st.data())
    def carry(self, data: st.DataObject) -> None:
        self.world.carry(*data.draw(st.sampled_from(self.world.busy_queues())))

    @precondition(lambda self: self.world.busy_queues())
    @rule()
    def carry_all(self) -> None:
        for source, target in self.world.busy_queues():
            self.world.carry(source, target)

    @rule(camera=st.sampled_from(["live", "file"]), fate=st.sampled_from(get_args(Fate)))
    def read(self, camera: str, fate: Fate) -> None:
        if camera in self.world.captures and self.world.can_read(camera):
            self.world.read_frame(camera, fate=fate)

    @rule(camera=st.sampled_from(["live", "yard"]))
    def report_skipped(self, camera: str) -> None:
        if camera in self.world.captures:
            self.world.report_skipped(camera)

    @rule(camera=st.sampled_from(["live", "yard"]))
    def send_deferred(self, camera: str) -> None:
        if camera in self.world.captures:
            self.world.send(self.world.captures[camera])

    @rule(worker=st.sampled_from(sorted(WORKERS)))
    def work(self, worker: str) -> None:
        self.world.work(worker)

    @rule(step=st.integers(1, 300))
    def wait(self, step: int) -> None:
        self.world.now += step
        self.world.release()
        self.world.flush()

    @rule(victim=st.sampled_from([*WORKERS, "live", "file", "sink", "dispatcher", "both"]), cut_off=st.booleans())
    def kill(self, victim: str, cut_off: bool) -> None:
        if victim in self.world.workers:
            self.world.kill_worker(victim)
        elif victim in self.world.captures:
            self.world.kill_capture(victim, cut_off=cut_off)
        elif victim == "sink":
            self.world.kill_sink()
        elif victim == "dispatcher":
            self.world.kill_dispatcher()
        else:
            self.world.kill_both()

    @invariant()
    def subscribers_can_account_for_every_frame(self) -> None:
        for messages in self.world.published.values():
            last: dict[int, int] = {}
            for message in messages:
                if isinstance(message, Result):
                    assert message.seq > last.get(message.epoch, -1), "in order, none twice"
                    gap = message.seq - last.get(message.epoch, -1) - 1
                    if message.epoch in last or not self.joins:
                        assert gap == sum(message.dropped.values()), message
                    assert gap >= sum(message.dropped.values()), message
                    assert set(message.dropped) <= REASONS
                    last[message.epoch] = message.seq

    @invariant()
    def accounts_balance(self) -> None:
        for models in self.world.collector.counts(self.world.now).values():
            for counts in models.values():
                assert counts.captured == counts.delivered + sum(counts.dropped.values()) + counts.in_flight
                assert counts.in_flight >= 0

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.run_out()
        assert all(capture.finished for capture in self.world.captures.values() if not capture.live)
        self.subscribers_can_account_for_every_frame()
        self.accounts_balance()
        for model in MODELS:
            messages = self.world.published.get(("file", model), [])
            *results, end = messages
            assert isinstance(end, End), "the last message is the end"
            assert not any(isinstance(message, End) for message in results)
            assert end.captured == self.length
            assert end.delivered == len(results)
            dropped = sum((Counter(r.dropped) for r in results if isinstance(r, Result)), Counter())
            fates = Counter(fate_in_file(seq) for seq in range(self.length))
            offered = {seq for seq in range(self.length) if fate_in_file(seq) == "offered"}
            poison = offered - {message.seq for message in results if isinstance(message, Result)}
            self.only_poison_is_missing(model, poison)
            assert end.delivered == fates.pop("offered", 0) - len(poison), "lossless loses nothing"
            assert end.dropped == fates + Counter({"poison": len(poison)})
            assert sum(dropped.values()) <= sum(end.dropped.values())

    def only_poison_is_missing(self, model: str, missing: set[int]) -> None:
        """Two workers died of it, or of the same frame in the parent model."""
        models = [model, *filter(None, [PLANS[model].after])]
        for seq in missing:
            assert max(self.world.deaths["file", one, seq] for one in models) >= POISON
        if model == POISONOUS[1] and POISONOUS[2] < self.length:
            assert POISONOUS[2] in missing, "and a frame that kills all workers is given up"


class Reloaded(Daemon):
    """The same while other cameras and models come, change and go. The file does not change, and loses nothing."""

    joins = True

    @precondition(lambda self: self.world.restarted is None and self.world.sink_has_started)
    @rule(
        live=st.sampled_from([None, "live", "lossless"]),
        yard=st.sampled_from([None, "live", "lossless"]),
        models=st.sampled_from([["a"], ["b", "a"], ["a", "c"], MODELS]),
        restarted=st.booleans(),
    )
    def reload(self, live: str | None, yard: str | None, models: list[str], restarted: bool) -> None:
        cameras = {"file": FILE}
        for name, delivery in (("live", live), ("yard", yard)):
            if delivery:
                cameras[name] = CameraPlan(models=models, delivery=delivery, **BRIEF)  # type: ignore[arg-type]
        stay = [name for name in cameras if name in self.world.cameras and name != "file"]
        changed = [n for n in stay if restarted or cameras[n].delivery != self.world.cameras[n].delivery]
        self.world.change_sink(cameras, changed)

    @precondition(lambda self: self.world.restarted is not None)
    @rule()
    def reloaded(self) -> None:
        self.world.change_dispatcher()

    @rule(worker=st.sampled_from(sorted(WORKERS)))
    def leave(self, worker: str) -> None:
        self.world.leave(worker)

    @rule(camera=st.sampled_from(["live", "yard"]), fate=st.sampled_from(get_args(Fate)))
    def read_another(self, camera: str, fate: Fate) -> None:
        self.read(camera, fate=fate)

    def teardown(self) -> None:
        if hasattr(self, "world") and self.world.restarted is not None:
            self.world.change_dispatcher()
        super().teardown()


TestDaemon = Daemon.TestCase
TestReloaded = Reloaded.TestCase
TestDaemon.settings = TestReloaded.settings = settings(stateful_step_count=60)


def test_a_camera_that_comes_back_at_once_begins_afresh() -> None:
    """The sink receives an assignment of its former life when it knows the camera again."""
    machine = Reloaded()
    machine.length, machine.world = 1, World({"live": LIVE, "file": FILE}, WORKERS, 1, PLANS)
    for _ in range(3):
        machine.carry_all()
    machine.reload(live=None, models=["a"], restarted=False, yard="lossless")
    machine.reloaded()
    machine.carry_all()
    machine.carry_all()
    machine.read_another(camera="yard", fate="offered")
    machine.reload(live=None, models=["a"], restarted=False, yard=None)
    machine.reloaded()
    machine.reload(live=None, models=["a"], restarted=False, yard="lossless")
    machine.teardown()
