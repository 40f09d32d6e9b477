"""The name of this box, which ids of events and messages to others depend on."""

import logging
import socket
from pathlib import Path

from edge_daemon.runtime.state import keep_file

logger = logging.getLogger(__name__)
FILE = "name"


def box_name(configured: str | None, state: Path | None) -> str:
    """The configured name, or the host's name at the first start, which is kept in the folder `state`."""
    if configured:
        return configured
    if state is None:
        return socket.gethostname()
    file = state / FILE
    try:
        if kept := file.read_text(errors="replace").strip():
            return kept
    except OSError:
        pass
    name = socket.gethostname()
    try:
        keep_file(file, f"{name}\n".encode())
    except OSError as error:
        logger.warning("cannot write %s: %s; another host name would be another box", file, error.strerror)
    return name
