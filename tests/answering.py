"""A module that answers in a process of its own, or does not, as a test requests."""

import ctypes
import os
import signal
import time
from collections.abc import Callable
from typing import Literal

import msgspec

from edge_daemon.errors import EdgeError, ModelError, SourceError

ERRORS = (SourceError("no camera", "refused"), ModelError("no model"), EdgeError("nothing"))


class Request(msgspec.Struct, frozen=True):
    action: Literal["answer", "wait", "print", "raise", "fail", "kill", "exit", "hang"] = "answer"
    number: int = 0
    text: str = ""


class Answer(msgspec.Struct, frozen=True):
    pid: int
    numbers: tuple[int, int]


def run(request: Request, ready: Callable[[], None]) -> Answer:
    match request.action:
        case "wait":
            ready()
        case "print":
            print("by Python")
            ctypes.CDLL(None).puts(b'{"type":"answer","value":{"pid":1,"numbers":[1,1]}}')
            ctypes.CDLL(None).fflush(None)
        case "raise":
            raise ERRORS[request.number]
        case "fail":
            raise RuntimeError(request.text)
        case "kill":
            os.kill(os.getpid(), request.number)
        case "exit":
            os._exit(request.number)
        case "hang":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(600)
    return Answer(os.getpid(), (request.number, len(request.text)))
