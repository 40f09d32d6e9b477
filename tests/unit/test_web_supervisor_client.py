"""What the web asks of the supervisor: answers find whoever asked, and nobody waits for ever."""

import asyncio
from collections.abc import Iterator

import pytest
from fastapi import HTTPException

from edge_daemon.messages.requests import AuditNote, Reload, Reply, Requester
from edge_daemon.runtime.control import Ask, Control, ProcessChannel, Replied
from edge_daemon.web.supervisor_client import MOST_WAITING, SupervisorClient

BOSS = Requester(name="boss", role="administrator", via="web")
NOBODY = Requester(via="web", address="10.6.6.6")


class Ends:
    """Both ends of the web's control channel."""

    def __init__(self) -> None:
        self.ours = ProcessChannel()
        self.control = Control(self.ours.theirs.detach())
        self.supervisor = SupervisorClient(self.control)

    def asked(self) -> list[Ask]:
        """Requests that have reached the supervisor since the last call."""
        return [report for report in self.ours.receive() or [] if isinstance(report, Ask)]

    def take_in(self) -> None:
        """Do what the web's process does with its commands."""
        for command in self.control.commands():
            if isinstance(command, Replied):
                self.supervisor.replied(command)
        if self.control.stopping:
            self.supervisor.release()


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.ours.close()
    ends.control.close()


async def asking(ends: Ends) -> "asyncio.Task[Reply]":
    """A request that has been sent."""
    task = asyncio.ensure_future(ends.supervisor.ask(Reload(by=BOSS)))
    await asyncio.sleep(0)
    return task


def test_each_gets_its_own_answer_in_any_order(ends: Ends) -> None:
    async def run() -> None:
        tasks = [await asking(ends) for _ in range(3)]
        asks = ends.asked()
        tasks[1].cancel()
        for number in (2, 1, 0):
            ends.ours.send(Replied(id=asks[number].id, reply=Reply(text=str(number))))
        ends.ours.send(Replied(id=999, reply=Reply(text="nobody asked")))
        ends.take_in()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert answers[0] == Reply(text="0")
        assert isinstance(answers[1], asyncio.CancelledError)
        assert answers[2] == Reply(text="2")

    asyncio.run(run())


def test_when_the_supervisor_is_gone_all_are_told_and_nobody_asks_again(ends: Ends) -> None:
    async def run() -> None:
        tasks = [await asking(ends) for _ in range(3)]
        ends.ours.close()
        ends.take_in()
        tasks.append(await asking(ends))
        for task in tasks:
            with pytest.raises(HTTPException) as caught:
                await task
            assert caught.value.status_code == 503

    asyncio.run(run())


def test_a_limited_number_waits(ends: Ends) -> None:
    async def run() -> None:
        tasks = [await asking(ends) for _ in range(MOST_WAITING)]
        with pytest.raises(HTTPException) as caught:
            await ends.supervisor.ask(Reload(by=BOSS))
        assert caught.value.status_code == 503
        tasks.pop().cancel()
        await asyncio.sleep(0)
        tasks.append(await asking(ends))
        for ask in ends.asked():
            ends.ours.send(Replied(id=ask.id, reply=Reply()))
        ends.take_in()
        assert await asyncio.gather(*tasks) == [Reply()] * MOST_WAITING

    asyncio.run(run())


def test_many_refusals_make_few_entries_and_hide_no_other_kind(ends: Ends) -> None:
    for _ in range(1000):
        ends.supervisor.note(NOBODY, "reload", "refused", "a token is needed")
    ends.supervisor.note(NOBODY, "audit", "refused", "a token is needed")
    ends.supervisor.note(BOSS, "login", "done")
    noted = [ask.request for ask in ends.asked()]
    assert noted == [
        AuditNote(by=NOBODY, action="reload", result="refused", text="a token is needed"),
        AuditNote(by=NOBODY, action="audit", result="refused", text="a token is needed"),
        AuditNote(by=BOSS, action="login", result="done"),
    ]
