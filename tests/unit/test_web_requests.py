"""Pictures that people send in: each is answered once, whoever dies. The real queue and book, joined."""

from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge_daemon.dispatcher.dispatcher import Dispatcher
from edge_daemon.dispatcher.epochs import Epochs
from edge_daemon.errors import EdgeError
from edge_daemon.messages.accounting import SinkHello
from edge_daemon.messages.codec import Message
from edge_daemon.messages.fates import POISON, Failure
from edge_daemon.messages.frames import ResultFilter, Upload
from edge_daemon.messages.outcomes import UploadOutcome
from edge_daemon.messages.scheduling import Returned, SendUpload, UploadDone, WorkerHello
from edge_daemon.settings import CameraPlan, ModelPlan
from edge_daemon.web.budget import BusyError
from edge_daemon.web.requests import Answer, GoneError, Picture, Requests

PICTURE = Picture(b"", 1, 1)
WORKERS = ("v", "w")
MOST = 4


class Web(RuleBasedStateMachine):
    """A dispatcher, the web's book of requests, two workers; messages between them in order, lost with who dies."""

    @initialize()
    def start(self) -> None:
        self.answers: dict[int, list[Answer | EdgeError]] = {}
        self.withdrawn: set[int] = set()
        self.to_dispatcher: deque[tuple[str, Message]] = deque()
        self.to_web: deque[Message] = deque()
        self.inboxes: dict[str, deque[Upload]] = {name: deque() for name in WORKERS}
        self.lives = dict.fromkeys(WORKERS, 0)
        self.book = Requests(["m"], "ipc://web", most=MOST)
        self.start_dispatcher()

    def start_dispatcher(self) -> None:
        self.core = Dispatcher(
            {"c": CameraPlan(models=["m"], delivery="live")},
            {"m": ModelPlan(requests=1.0)},
            epochs=Epochs(wall=lambda: 1.0),
        )
        self.core.receive("sink", SinkHello(streams=[], watched=[]))
        for name in WORKERS:
            self.greet(name)
        self.to_dispatcher.append(("web", self.book.hello()))

    def greet(self, name: str) -> None:
        hello = WorkerHello(worker=name, model="m", inbox=f"{name}/{self.lives[name]}")
        self.to_dispatcher.append((name, hello))

    @rule()
    def ask(self) -> None:
        answers: list[Answer | EdgeError] = []
        try:
            number = self.book.add("m", PICTURE, ResultFilter(), annotate=False, now_ns=0, hand=answers.append)
        except BusyError:
            assert len(self.book) == MOST
            return
        self.answers[number] = answers

    @precondition(lambda self: self.answers)
    @rule(data=st.data())
    def hang_up(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.answers)))
        if not self.answers[number]:
            self.withdrawn.add(number)
        self.book.withdraw(number)

    @rule()
    def carry(self) -> None:
        for message in self.book.outbox:
            self.to_dispatcher.append(("web", message))
        self.book.outbox.clear()
        if self.to_dispatcher:
            self.core.receive(*self.to_dispatcher.popleft())  # type: ignore[arg-type]
        self.core.assign(0)
        self.to_web.extend(message for peer, message in self.core.outbox if peer == "web")
        self.core.outbox.clear()
        if not self.to_web:
            return
        match self.to_web.popleft():
            case SendUpload() as send:
                found = self.book.send(send)
                if found and send.inbox == f"{send.worker}/{self.lives[send.worker]}":
                    self.inboxes[send.worker].append(found[0])
            case Returned() as returned:
                self.book.returned(returned)

    @rule(name=st.sampled_from(WORKERS), lost=st.booleans())
    def work(self, name: str, lost: bool = False) -> None:
        """A worker is done with a picture; its answer may die with it, after it has said that it is free."""
        if not self.inboxes[name]:
            return
        upload = self.inboxes[name].popleft()
        self.to_dispatcher.append((name, UploadDone(worker=name, number=upload.number)))
        if lost:
            self.kill_worker(name, free=True)
            return
        failed: Failure | None = "poison" if upload.deaths >= POISON else None
        self.book.arrived(UploadOutcome(number=upload.number, model="m", worker=name, failed=failed))

    @rule(name=st.sampled_from(WORKERS), free=st.booleans())
    def kill_worker(self, name: str, free: bool) -> None:
        """What it said last has come through (`free`) or not."""
        self.inboxes[name].clear()
        if free:
            for one in [one for one in self.to_dispatcher if one[0] == name]:
                self.core.receive(*one)  # type: ignore[arg-type]
        self.to_dispatcher = deque(one for one in self.to_dispatcher if one[0] != name)
        self.lives[name] += 1
        self.core.exited(name, "worker")
        self.greet(name)

    @rule()
    def kill_dispatcher(self) -> None:
        self.to_dispatcher.clear()
        self.to_web.clear()
        self.book.outbox.clear()
        self.start_dispatcher()

    @invariant()
    def nobody_is_answered_twice(self) -> None:
        for number, answers in self.answers.items():
            assert len(answers) <= 1
            assert not (answers and number in self.withdrawn)

    def teardown(self) -> None:
        for _ in range(200):
            self.carry()
            for name in WORKERS:
                self.work(name)
        for number, answers in self.answers.items():
            assert answers or number in self.withdrawn, "everybody is answered in the end"
        assert not len(self.book)


TestWeb = Web.TestCase
TestWeb.settings = settings(stateful_step_count=60)


def test_who_may_not_wait_is_told_so() -> None:
    book = Requests(["m"], "ipc://web", most=0)
    with pytest.raises(BusyError, match="wait for model m"):
        book.add("m", PICTURE, ResultFilter(), annotate=False, now_ns=0, hand=lambda _: None)
    assert not book.outbox


def test_what_waits_for_a_model_that_is_gone_is_told_so() -> None:
    book, answers = Requests(["m", "n"], "ipc://web", most=2), list[Answer | EdgeError]()
    for model in ("m", "n"):
        book.add(model, PICTURE, ResultFilter(), annotate=False, now_ns=0, hand=answers.append)
    book.change(["n"])
    assert [type(answer) for answer in answers] == [GoneError]
    assert len(book) == 1
