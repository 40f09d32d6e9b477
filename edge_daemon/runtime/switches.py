"""The file in the state folder with what people have switched: the supervisor writes it, the sink begins with it."""

import logging
from pathlib import Path

import msgspec

from edge_daemon.messages.switches import SwitchState
from edge_daemon.runtime.state import keep_file

logger = logging.getLogger(__name__)
FILE = "switches.json"


def read(folder: Path | None) -> SwitchState:
    """What was switched last; nothing if there is no file that can be read."""
    if folder is None:
        return SwitchState()
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=SwitchState)
    except FileNotFoundError:
        return SwitchState()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        logger.warning("cannot read %s: %s; all rules are on", folder / FILE, error)
        return SwitchState()


def write(folder: Path, switches: SwitchState) -> None:
    """Keep what was switched.

    Raises:
        OSError: it cannot be written.
    """
    keep_file(folder / FILE, msgspec.json.format(msgspec.json.encode(switches)) + b"\n")
