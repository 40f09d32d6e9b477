"""Logins of browsers. A cookie holds a session's random number instead of the token, so that logging out ends it."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from edge_daemon.runtime.state import exclusive, replace_file
from edge_daemon.tokens import digest, new_token

logger = logging.getLogger(__name__)
FILE = "sessions.json"
LIFETIME_S = 90 * 24 * 3600
MOST = 1000
"""Sessions kept, the latest."""


class _Session(msgspec.Struct, frozen=True, kw_only=True):
    """Login with the token that has the digest `token`, itself hashed, until the time `until` (seconds since 1970)."""

    token: str
    until: int


class Sessions:
    """All sessions, by the digest of their number, so that the file in `folder`, if there is one, opens nothing."""

    def __init__(self, folder: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._clock = folder, clock
        self._sessions = _load(folder / FILE) if folder else {}

    def open(self, token: str) -> str:
        """Open a session for the token that has this digest, and return its number."""
        number, now = new_token(), self._clock()
        self._sessions = {key: session for key, session in self._sessions.items() if session.until > now}
        self._sessions[digest(number)] = _Session(token=digest(token), until=int(now + LIFETIME_S))
        while len(self._sessions) > MOST:
            del self._sessions[next(iter(self._sessions))]
        return number

    def belongs_to(self, number: str) -> str | None:
        """The hashed digest of the token that opened a session; None if there is no such session, or it has ended."""
        session = self._sessions.get(digest(number))
        return session.token if session and session.until > self._clock() else None

    def close(self, number: str) -> bool:
        """End a session; false if there is none of this number."""
        return self._sessions.pop(digest(number), None) is not None

    def save(self) -> None:
        """Write all sessions to the disk; waits for it."""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with exclusive(self._folder):
                replace_file(self._folder / FILE, msgspec.json.encode(dict(self._sessions)))
        except OSError as error:
            logger.warning("cannot write %s: %s; a restart ends all sessions", self._folder / FILE, error.strerror)


def _load(path: Path) -> dict[str, _Session]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, _Session])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        logger.warning("cannot read %s: %s; everybody has to log in again", path, error)
        return {}
