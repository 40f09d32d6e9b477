"""Runs a process of the daemon after it was forked (all except the supervisor).

The role's module `edge_daemon.ROLE.process` has `serve(control)`, which creates the sockets and runs until
`control.stopping`.
"""

import importlib
import logging
import os
import signal
import sys
from typing import NoReturn

import setproctitle

from edge_daemon import log
from edge_daemon.errors import EdgeError, ExitCode
from edge_daemon.runtime.control import Control

logger = logging.getLogger(__name__)


def run(role: str, name: str, fd: int) -> int:
    """Serve as one process, whose control channel is `fd`, until it is stopped; return the exit code."""
    setproctitle.setproctitle(f"edge-daemon: {title(role, name)}")
    log.set_up(title(role, name), camera=name if role == "capture" else None)
    control = Control(fd)
    # Ctrl-C, hang-up and systemd's stop reach all processes at once; the supervisor stops them in order.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        importlib.import_module(module(role)).serve(control)
    except EdgeError as error:
        control.failed(error)
        return error.exit_code
    except Exception as error:
        logger.exception("unexpected error")
        control.crashed(error)
        return ExitCode.FAILED
    finally:
        control.close()
    return ExitCode.OK


def leave(code: int) -> NoReturn:
    """End this process at once, even if a thread is stuck in a library, after flushing its output."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def module(role: str) -> str:
    """Name of a role's module."""
    return f"edge_daemon.{role}.process"


def title(role: str, name: str) -> str:
    """Title such as `capture door`, or just `sink` for a role with one process."""
    return role if role == name else f"{role} {name}"
