"""Calls in a process of their own: what comes back, and what does not."""

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge_daemon.errors import EdgeError, SourceError
from edge_daemon.runtime.isolated import Call, DiedError, TimedOutError, call
from tests.answering import ERRORS, Answer, Request

MODULE, LIMIT_S = "tests.answering", 60.0


@pytest.fixture(autouse=True)
def _repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def answer(request: Request, limit_s: float = LIMIT_S) -> Answer:
    return call(MODULE, request, Answer, limit_s)


def test_a_request_of_any_length_is_answered_by_another_process() -> None:
    answered = answer(Request(number=3, text="ü\n" * 1_000_000))
    assert answered.numbers == (3, 2_000_000)
    assert answered.pid != os.getpid()


def test_what_libraries_print_is_no_answer(capfd: pytest.CaptureFixture[str]) -> None:
    assert answer(Request("print", 7)).numbers == (7, 0)
    out, err = capfd.readouterr()
    assert out == ""
    assert "by Python" in err
    assert '"pid":1' in err


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_an_error_is_raised_as_it_was(number: int) -> None:
    with pytest.raises(EdgeError) as caught:
        answer(Request("raise", number))
    raised, expected = caught.value, ERRORS[number]
    assert (type(raised), str(raised), vars(raised)) == (type(expected), str(expected), vars(expected))
    assert not isinstance(raised, SourceError) or raised.reason == "refused"


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_death_is_reported_with_its_signal(number: signal.Signals) -> None:
    with pytest.raises(DiedError, match=rf"brought down the process that ran it \({number.name}\)"):
        answer(Request("kill", number))


def test_an_early_end_is_reported_with_its_exit_code() -> None:
    with pytest.raises(DiedError, match=r"\(exit code 0\)"):
        answer(Request("exit", 0))


def test_an_unexpected_error_is_reported_and_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DiedError, match=r"\(exit code 1\)"):
        answer(Request("fail", text="unforeseen"))
    assert "RuntimeError: unforeseen" in capfd.readouterr().err


def test_one_that_takes_too_long_is_ended() -> None:
    began = time.monotonic()
    with pytest.raises(TimedOutError, match=r"nothing after 0\.5 s"):
        answer(Request("hang"), 0.5)
    assert time.monotonic() - began < LIMIT_S


def test_several_wait_for_each_other_before_they_begin() -> None:
    with ExitStack() as stack:
        calls = [stack.enter_context(Call(MODULE, Request("wait", number), Answer, LIMIT_S)) for number in range(2)]
        for one in calls:
            one.wait_until_ready()
        for one in calls:
            one.go()
        assert [one.answer().numbers for one in calls] == [(0, 0), (1, 0)]
