"""Runs a process of the daemon after it was forked (all except the supervisor).

Its module has `serve(control)`, which creates the sockets and runs until `control.stopping`.
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


def run(module: str, title: str, fd: int, *, camera: str | None = None) -> int:
    """Serve as one process, whose control channel is `fd`, until it is stopped; return the exit code.

    The log lines of a process with a `camera` are about that.
    """
    setproctitle.setproctitle(f"edge-daemon: {title}")
    log.set_up(title, camera=camera)
    control = Control(fd)
    control.started()
    # Ctrl-C, hang-up and systemd's stop reach all processes at once; the supervisor stops them in order.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        importlib.import_module(module).serve(control)
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
