"""How every process but the supervisor runs, once it is forked.

The role's module `edge_daemon.ROLE.process` has `serve(link)`, which wires sockets and runs until `link.stopping`.
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
from edge_daemon.link import Link

logger = logging.getLogger(__name__)


def run(role: str, name: str, fd: int) -> int:
    """Serve as one process, whose line to the supervisor is `fd`, until that says stop; returns the exit code."""
    setproctitle.setproctitle(f"edge-daemon: {title(role, name)}")
    log.set_up(title(role, name), camera=name if role == "capture" else None)
    link = Link(fd)
    # A terminal's Ctrl-C and end, and systemd's stop, reach all processes at once; the supervisor stops us in order.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        importlib.import_module(module(role)).serve(link)
    except EdgeError as error:
        link.failed(error)
        return error.exit_code
    except Exception as error:
        logger.exception("ended by an error that nobody foresaw")
        link.crashed(error)
        return ExitCode.FAILED
    finally:
        link.close()
    return ExitCode.OK


def leave(code: int) -> NoReturn:
    """End this process at once, also where a thread is stuck in a library; what it has said is not lost."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def module(role: str) -> str:
    """The name of a role's module."""
    return f"edge_daemon.{role}.process"


def title(role: str, name: str) -> str:
    """`capture door`, or just `sink` where there is one of a kind."""
    return role if role == name else f"{role} {name}"
