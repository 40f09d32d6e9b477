"""If the wall clock can be believed, by the kernel (adjtimex(2)) or systemd, or else by the year that it shows."""

import ctypes
import time
from pathlib import Path

SYSTEMD = Path("/run/systemd/timesync/synchronized")
ERROR = 5
"""The clock is not synchronised."""
SENSIBLE_S = 1_735_689_600.0
"""2025: a clock that shows less has not been set."""


def is_synchronised() -> bool:
    """True if the clock is synchronised, or seems to be set where nobody says so."""
    if time.time() < SENSIBLE_S:
        return False
    if SYSTEMD.exists():
        return True
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    return bool(state != ERROR)
