"""How every process but the supervisor starts: `python -m edge_daemon.child ROLE NAME FD`.

The role's module `edge_daemon.ROLE.process` has `serve(link)`, which wires sockets and runs until `link.stopping`.
"""

import importlib
import logging
import os
import signal
import sys
import threading

import setproctitle

from edge_daemon import log
from edge_daemon.errors import EdgeError, ExitCode
from edge_daemon.link import Link

logger = logging.getLogger(__name__)


def main() -> None:
    """Serve as one process until the supervisor says stop, then exit."""
    code = run()
    if threading.active_count() > 1:  # a thread is stuck in a library, and Python cannot end it
        logging.shutdown()
        os._exit(code)
    sys.exit(code)


def run() -> int:
    """Serve as one process; returns its exit code."""
    role, name, fd = sys.argv[1], sys.argv[2], int(sys.argv[3])
    setproctitle.setproctitle(f"edge-daemon: {title(role, name)}")
    log.set_up(title(role, name), camera=name if role == "capture" else None)
    link = Link(fd)
    # A terminal's Ctrl-C and end, and systemd's stop, reach all processes at once; the supervisor stops us in order.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        importlib.import_module(f"edge_daemon.{role}.process").serve(link)
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


def title(role: str, name: str) -> str:
    """`capture door`, or just `sink` where there is one of a kind."""
    return role if role == name else f"{role} {name}"


if __name__ == "__main__":
    main()
