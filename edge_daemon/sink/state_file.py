"""The state of tracks, counts and rules on disk: what goes on after a restart of the service or the machine."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Thread

import msgspec

from edge_daemon.messages.accounting import StreamKey
from edge_daemon.runtime.state import keep_file
from edge_daemon.transport.coalescer import Clock

logger = logging.getLogger(__name__)
VERSION = 1
EVERY_S = 10.0
"""A power cut costs at most what happened in this time: writing more often wears out memory cards."""
WAIT_S = 3.0
"""Time limit of the last write."""


class Kept(msgspec.Struct, frozen=True):
    """The state of one camera and model."""

    camera: str
    model: str
    state: bytes


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """The file's content."""

    v: int = VERSION
    streams: list[Kept] = []


class StateFile:
    """A file in the state folder. A thread writes it, at most every EVERY_S seconds: a slow disk holds nothing up.

    States of streams that this daemon does not have stay in it. A file that cannot be read counts as missing, with a
    warning.
    """

    def __init__(self, path: Path, clock: Clock = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self.states = self._load()
        self._written = dict(self.states)
        self._due_s = clock() + EVERY_S
        self._thread: Thread | None = None
        self._failed = False

    @property
    def is_due(self) -> bool:
        """True if it is time to `write` again, and the write before is over."""
        return self._clock() >= self._due_s and not (self._thread and self._thread.is_alive())

    def write(self, states: Mapping[StreamKey, bytes]) -> None:
        """Write these states in the background, if they are others than before."""
        self._due_s = self._clock() + EVERY_S
        self.states |= states
        if self.states != self._written:
            self._written = dict(self.states)
            self._thread = Thread(target=self._save, args=(self._written,), name="state", daemon=True)
            self._thread.start()

    def close(self, states: Mapping[StreamKey, bytes]) -> None:
        """Write the last states. A disk that is stuck is waited for `WAIT_S` at most."""
        if self._thread:
            self._thread.join(WAIT_S)
        self.write(states)
        if self._thread:
            self._thread.join(WAIT_S)
            if self._thread.is_alive():
                logger.warning("writing %s takes long: the last counts may be missing after a restart", self._path)

    def _load(self) -> dict[StreamKey, bytes]:
        try:
            content = msgspec.msgpack.decode(self._path.read_bytes(), type=Content)
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            logger.warning("cannot read %s: %s; tracks and counts begin again", self._path, error)
            return {}
        if content.v != VERSION:
            logger.warning("%s is of an unknown version (%d); tracks and counts begin again", self._path, content.v)
            return {}
        return {(one.camera, one.model): one.state for one in content.streams}

    def _save(self, states: Mapping[StreamKey, bytes]) -> None:
        content = Content(streams=[Kept(camera, model, state) for (camera, model), state in states.items()])
        try:
            keep_file(self._path, msgspec.msgpack.encode(content))
        except OSError as error:
            if not self._failed:
                logger.warning("cannot write %s: %s: counts will not survive a restart", self._path, error.strerror)
            self._failed = True
            return
        self._failed = False
