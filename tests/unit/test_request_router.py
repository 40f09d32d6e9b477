"""Requests to the supervisor: each is handled, answered once, and in the audit log."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from edge_daemon.config.load import loads
from edge_daemon.errors import ConfigError, EdgeError, ExitCode, StartError
from edge_daemon.messages.requests import AuditNote, Reload, Reply, Requester
from edge_daemon.runtime.audit_log import AuditLog, read
from edge_daemon.supervisor.request_router import LONGEST_TEXT, MOST_PROBLEMS, STOPPING, RequestRouter, Respond, failure

BOSS = Requester(name="boss", role="administrator", via="web", address="10.0.0.4")
RELOAD = Reload(by=BOSS)


class Caller:
    """Asks, and keeps the answers by the ids of its requests."""

    def __init__(self) -> None:
        self.answers: dict[int, list[Reply]] = {}

    def responder(self, id: int) -> Respond:
        self.answers[id] = []
        return self.answers[id].append


class Desk:
    """A router, with a handler of reloads that keeps them until the test answers."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.responders = folder, list[Respond]()
        self.requests = RequestRouter(AuditLog(folder))
        self.requests.on(Reload, lambda _, respond: self.responders.append(respond))

    @property
    def log(self) -> Sequence[tuple[str, str, str, str]]:
        """Who, action, result and text of all that was recorded, the newest last."""
        return [(entry.who, entry.action, entry.result, entry.text) for entry in read(self.folder, 100)][::-1]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_several_ask_and_each_is_answered_once(desk: Desk) -> None:
    one, other = Caller(), Caller()
    desk.requests.receive(RELOAD, one, 1)
    desk.requests.receive(RELOAD, other, 1)
    desk.requests.receive(RELOAD, one, 2)
    assert (one.answers, other.answers) == ({1: [], 2: []}, {1: []})
    desk.responders[2](Reply(text="third"))
    desk.responders[0](Reply(text="first"))
    desk.responders[0](Reply(text="again"))
    assert (one.answers, other.answers) == ({1: [Reply(text="first")], 2: [Reply(text="third")]}, {1: []})
    assert desk.log == [("boss", "reload", "done", "third"), ("boss", "reload", "done", "first")]


def test_a_signal_waits_for_no_answer_and_is_recorded(desk: Desk) -> None:
    desk.requests.receive(Reload(by=Requester(role="administrator", via="signal")))
    desk.responders[0](Reply(exit_code=ExitCode.CONFIG, text="c.yaml:1: wrong"))
    assert desk.log == [("", "reload", "failed", "c.yaml:1: wrong")]


@pytest.mark.parametrize(("error", "code"), [(StartError("taken"), 3), (ConfigError("wrong"), 2), (EdgeError("no"), 1)])
def test_an_error_of_a_handler_is_an_answer(desk: Desk, error: EdgeError, code: int) -> None:
    def fail(_: Reload, respond: Respond) -> None:
        raise error

    caller = Caller()
    desk.requests.on(Reload, fail)
    desk.requests.receive(RELOAD, caller, 7)
    assert caller.answers == {7: [Reply(exit_code=code, text=str(error))]}
    assert desk.log == [("boss", "reload", "failed", str(error))]


def test_a_request_that_nothing_serves_is_refused(tmp_path: Path) -> None:
    caller = Caller()
    RequestRouter(AuditLog(tmp_path)).receive(RELOAD, caller, 1)
    assert [reply.exit_code for reply in caller.answers[1]] == [ExitCode.FAILED]


def test_a_process_that_has_to_end_is_answered_and_what_it_asked_for_goes_on(desk: Desk) -> None:
    web, other = Caller(), Caller()
    desk.requests.receive(RELOAD, web, 1)
    desk.requests.receive(RELOAD, other, 1)
    desk.requests.release(web)
    assert [answer.final for answer in web.answers[1]] == [False]
    assert desk.log == []
    for respond in desk.responders:
        respond(Reply(text="the web has changed"))
    assert len(web.answers[1]) == 1
    assert other.answers[1] == [Reply(text="the web has changed")]
    assert len(desk.log) == 2


def test_a_daemon_that_stops_answers_all_and_whoever_still_asks(desk: Desk) -> None:
    caller = Caller()
    desk.requests.receive(RELOAD, caller, 1)
    desk.requests.stop()
    desk.requests.receive(RELOAD, caller, 2)
    desk.responders[0](Reply(text="too late"))
    assert caller.answers == {1: [STOPPING], 2: [STOPPING]}
    assert [entry[2] for entry in desk.log] == ["failed", "failed"]


def test_a_note_goes_into_the_audit_log_until_the_end(desk: Desk) -> None:
    caller, nobody = Caller(), Requester(via="web", address="10.6.6.6")
    desk.requests.receive(AuditNote(by=BOSS, action="login", result="done"), caller, 1)
    desk.requests.stop()
    desk.requests.receive(AuditNote(by=nobody, action="reload", result="refused", text="no token"), caller, 2)
    assert caller.answers == {1: [Reply()], 2: [Reply()]}
    assert desk.log == [("boss", "login", "done", ""), ("", "reload", "refused", "no token")]


def test_the_errors_of_a_configuration_are_listed_with_their_places() -> None:
    with pytest.raises(ConfigError) as caught:
        loads("cameras: {door: {sauce: 1}}\nmodels:\n  m: {path: m.onnx, workers: 0}\n", "c.yaml")
    answer = failure(caught.value)
    assert answer.exit_code == ExitCode.CONFIG
    assert answer.text == str(caught.value)
    found = [(problem.file, problem.line, problem.key) for problem in answer.problems]
    assert found == [
        ("c.yaml", 1, "cameras.door.source"),
        ("c.yaml", 1, "cameras.door.sauce"),
        ("c.yaml", 3, "models.m.workers"),
    ]
    assert answer.problems[2].text.startswith("must be from 1 to 64")


def test_an_answer_has_a_limit() -> None:
    lines = "".join(f"  c{number}: {{source: 0, sauce: {'x' * 50}}}\n" for number in range(2 * MOST_PROBLEMS))
    with pytest.raises(ConfigError) as caught:
        loads(f"cameras:\n{lines}models: {{m: {{path: m.onnx}}}}\n", "c.yaml")
    answer = failure(caught.value)
    assert len(answer.problems) == MOST_PROBLEMS
    assert len(answer.text) <= LONGEST_TEXT
