"""The messages in hand, by lanes: those of one lane are delivered one after the other."""

import time
from collections import deque
from dataclasses import dataclass, field
from math import inf

from edge_daemon.bridge.receiver import Receiver
from edge_daemon.delivery.message import Message, digest
from edge_daemon.delivery.pace import Pace
from edge_daemon.delivery.settings import BridgeSettings
from edge_daemon.store.entry import seconds_of

WINDOW, DIGEST_WINDOW = 256, 2000
"""Most messages in hand: while that of one camera is tried again, those of others go on up to this number."""
STILL_S, RECENT_S = 5.0, 15.0
"""Longest wait for the still of an event, and the age up to which one is waited for."""


@dataclass
class Lane:
    """Messages that are delivered one after the other. The first was `tried`, and rejected `rejections` times; it is
    not tried before `due_s`. The next `single` go one by one: one of them is rejected, or the first one was refused.
    """

    messages: deque[Message] = field(default_factory=deque)
    is_busy: bool = False
    tried: bool = False
    rejections: int = 0
    due_s: float = 0.0
    single: int = 0

    @property
    def is_ready(self) -> bool:
        """True if it has a message, and none is being delivered."""
        return bool(self.messages) and not self.is_busy


class Lanes:
    """The lanes of a receiver, from each source (`stored`, `live`). `sent_at_s` is the wall time of the last digest."""

    def __init__(self, settings: BridgeSettings, receiver: Receiver) -> None:
        self._settings, self._receiver = settings, receiver
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._pace = Pace(settings.limit)
        self.sent_at_s = -inf

    @property
    def messages(self) -> list[Message]:
        """All messages in hand."""
        return [message for lane in self._lanes.values() for message in lane.messages]

    @property
    def is_full(self) -> bool:
        """True if no further delivery may begin."""
        return sum(lane.is_busy for lane in self._lanes.values()) >= self._receiver.lanes

    def room(self, source: str, outstanding: int = 0) -> int:
        """Number of messages that may be added from a source, of which `outstanding` are not finished."""
        held = sum(len(lane.messages) for (of, _), lane in self._lanes.items() if of == source)
        return max(0, (DIGEST_WINDOW if self._settings.every_s else WINDOW) - max(held, outstanding))

    def put(self, source: str, messages: list[Message]) -> None:
        """Add messages, in their order."""
        for message in messages:
            key = source, "" if self._settings.every_s else self._receiver.lane_of(message)
            self._lanes.setdefault(key, Lane()).messages.append(message)

    def drop(self, source: str) -> None:
        """Forget the messages of a source."""
        for key in [key for key in self._lanes if key[0] == source]:
            if self._lanes[key].is_busy:
                self._lanes[key].messages.clear()
            else:
                del self._lanes[key]

    def ready(self) -> list[Lane]:
        """The lanes that wait, those that have waited for the longest first."""
        ready = [lane for lane in self._lanes.values() if lane.is_ready]
        return sorted(ready, key=lambda lane: (self._receiver.rank(lane.messages[0]), lane.messages[0].read_s))

    def wait_s(self, lane: Lane) -> float:
        """Time for which the first messages of a lane wait: for its next try, the limit, the digest, or the still."""
        now, message = time.monotonic(), lane.messages[0]
        wait_s = self._pace.wait_s(now)
        if self._settings.every_s and message.type == "event":
            wait_s = max(wait_s, self.sent_at_s + self._settings.every_s - time.time())
            wait_s = min(wait_s, self._settings.every_s)  # the clock was set
        if self._receiver.shows_stills and message.begins and message.still and not message.still.exists():
            recent = time.time() - seconds_of(message.at) < RECENT_S
            wait_s = max(wait_s, message.read_s + STILL_S - now if recent else 0.0)
        return max(0.0, wait_s, lane.due_s - now)

    def batch(self, lane: Lane) -> list[Message]:
        """The next messages of a lane to deliver together, which stay in it until they are acknowledged."""
        first = lane.messages[0]
        if self._settings.every_s and not lane.tried and len(lane.messages) > 1 and first.type == "event":
            lane.messages = deque([digest(list(lane.messages), self._settings.box)])
        most = self._receiver.batch if self._receiver.streams else min(self._settings.batch, self._receiver.batch)
        if lane.single or self._settings.limit or self._settings.every_s:
            most = 1
        return [lane.messages[number] for number in range(min(most, len(lane.messages)))]

    def sent(self) -> None:
        """Note that something was sent now, for the limit."""
        self._pace.sent(time.monotonic())

    def retry(self) -> None:
        """Let all be tried at once."""
        for lane in self._lanes.values():
            lane.due_s = 0.0
