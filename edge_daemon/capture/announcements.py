"""Decides which frames to announce to the dispatcher, and when: as few messages as keep the workers busy."""

import time
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from edge_daemon.messages.scheduling import Announce, Skipped
from edge_daemon.settings import CaptureSettings

ENOUGH = 2
"""Announced frames of a file that wait to be requested, so that the dispatcher always has one to assign."""


class Announcements:
    """Filled by the reader thread, emptied by the process's loop.

    Frames of a file are announced while fewer than ENOUGH announced ones wait to be requested or released; the rest
    travel with the next message. For a live camera, one frame is announced at a time; a newer one replaces it when it
    is requested, and every `announce_s`.
    """

    def __init__(self, settings: CaptureSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._live, self._announce_s, self._clock = settings.delivery == "live", settings.announce_s, clock
        self._waiting: deque[Announce | Skipped] = deque()
        self._unrequested: deque[int] = deque(maxlen=1 if self._live else None)  # a newer live frame replaces it
        self._announced_at = 0.0
        self.announced = 0
        """Frames announced so far: the supervisor sees progress by it."""

    def change(self, settings: CaptureSettings) -> None:
        """Announce at another interval."""
        self._announce_s = settings.announce_s

    def add(self, message: Announce | Skipped) -> None:
        """Queue a message about a frame that was buffered, or about frames that were skipped."""
        self._waiting.append(message)

    def passed(self, seq: int) -> None:
        """Note that no frame up to `seq` waits to be requested any more: it was, or it is released, since a capture
        before this one had announced it too.
        """
        while self._unrequested and self._unrequested[0] <= seq:
            self._unrequested.popleft()

    def is_due(self) -> bool:
        """True if the dispatcher should be sent what waits."""
        if self._live:
            return not self._unrequested or self._clock() - self._announced_at >= self._announce_s
        return len(self._unrequested) < ENOUGH

    def is_empty(self) -> bool:
        """True if nothing waits to be sent."""
        return not self._waiting

    def take(self, up_to: int | None = None) -> Sequence[Announce | Skipped]:
        """Remove and return the messages to send now: all that wait, or those up to frame `up_to`."""
        taken: list[Announce | Skipped] = []
        while self._waiting and (up_to is None or self._waiting[0].seq <= up_to):
            taken.append(self._waiting.popleft())
        if not taken:
            return taken
        if self._live:
            taken = _newest(taken)
        frames = [message.seq for message in taken if isinstance(message, Announce)]
        self._unrequested += frames
        self.announced += len(frames)
        self._announced_at = self._clock()
        return taken


def _newest(messages: list[Announce | Skipped]) -> list[Announce | Skipped]:
    """The last frame replaces all before it; frames skipped after it follow."""
    frames = [index for index, message in enumerate(messages) if isinstance(message, Announce)]
    end = frames[-1] + 1 if frames else 0
    merged: list[Announce | Skipped] = []
    for part in (messages[:end], messages[end:]):
        if part:
            last = part[-1]
            counts = {name: sum(getattr(one, name) for one in part) for name in ("paced", "still", "undecodable")}
            if isinstance(last, Announce):
                counts["replaced"] = len(frames) - 1
            merged.append(msgspec.structs.replace(last, **counts))
    return merged
