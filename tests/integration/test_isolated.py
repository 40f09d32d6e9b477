"""Calls in a process of their own: what comes back, and what does not."""

import os
import signal
import time
from collections.abc import Callable

import msgspec
import pytest

from edge_daemon.errors import EdgeError, ModelError, SourceError
from edge_daemon.runtime.isolated import Call, DiedError, TimedOutError, call

LIMIT_S = 60.0


class Asked(msgspec.Struct, frozen=True):
    number: int
    text: str = ""


class Answered(msgspec.Struct, frozen=True):
    numbers: list[int]


def echo(asked: Asked) -> Answered:
    print("noise on standard output")
    return Answered([asked.number, len(asked.text), os.getpid()])


def refuse(asked: Asked) -> Answered:
    raise [SourceError("no camera", "refused"), ModelError("no model"), EdgeError("nothing")][asked.number]


def die(asked: Asked) -> Answered:
    os.kill(os.getpid(), asked.number)
    raise AssertionError


def fail(asked: Asked) -> Answered:
    raise RuntimeError(asked.text)


def hang(asked: Asked) -> Answered:
    time.sleep(LIMIT_S)
    return Answered([])


def pause(asked: Asked, ready: Callable[[], None]) -> Answered:
    ready()
    return Answered([asked.number])


def test_a_request_of_any_length_is_answered_and_output_is_no_answer(capfd: pytest.CaptureFixture[str]) -> None:
    number, length, pid = call(echo, Asked(3, "x" * 1_000_000), limit_s=LIMIT_S).numbers
    assert (number, length) == (3, 1_000_000)
    assert pid != os.getpid()
    assert capfd.readouterr().err == "noise on standard output\n"


@pytest.mark.parametrize(("number", "kind"), list(enumerate((SourceError, ModelError, EdgeError))))
def test_an_error_is_raised_as_it_was(number: int, kind: type[EdgeError]) -> None:
    with pytest.raises(EdgeError) as caught:
        call(refuse, Asked(number), limit_s=LIMIT_S)
    assert type(caught.value) is kind
    assert not isinstance(caught.value, SourceError) or caught.value.reason == "refused"


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_death_is_reported_with_its_signal(number: signal.Signals) -> None:
    with pytest.raises(DiedError, match=number.name) as caught:
        call(die, Asked(number), limit_s=LIMIT_S)
    assert caught.value.by_signal


def test_an_unexpected_error_is_reported_and_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DiedError, match="exit code 1") as caught:
        call(fail, Asked(0, "unforeseen"), limit_s=LIMIT_S)
    assert not caught.value.by_signal
    assert "RuntimeError: unforeseen" in capfd.readouterr().err


def test_one_that_takes_too_long_is_ended() -> None:
    with Call(hang, Asked(0), 0.2, {}) as running, pytest.raises(TimedOutError):
        running.answer()
    assert running.ended


def test_several_wait_for_each_other_before_they_begin() -> None:
    with Call(pause, Asked(1), LIMIT_S, {}) as one, Call(pause, Asked(2), LIMIT_S, {}) as other:
        for running in (one, other):
            running.wait_until_ready()
        for running in (one, other):
            running.go()
        assert [running.answer().numbers for running in (one, other)] == [[1], [2]]
