"""The last events and counts, in memory: what the page begins with."""

from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from edge_daemon.messages.accounting import StreamKey
from edge_daemon.messages.counts import CountsReport
from edge_daemon.messages.events import Event

KEPT = 500
"""Events that are kept."""


class RecentEvent(msgspec.Struct):
    """An event as its last phase describes it, and when it began."""

    began_at: str
    event: Event
    is_open: bool = True

    def shown(self) -> dict[str, Any]:
        """For an answer: the fields of the event, when it began, and if it is still open."""
        return {"began_at": self.began_at, "open": self.is_open, **msgspec.to_builtins(self.event)}


class Recent:
    """The last KEPT events by id, and the last counts of each camera and model."""

    def __init__(self) -> None:
        self._events: dict[str, RecentEvent] = {}
        self._counts: dict[StreamKey, CountsReport] = {}

    def add_event(self, event: Event) -> None:
        """Note a phase of an event."""
        if known := self._events.get(event.id):
            known.event, known.is_open = event, known.is_open and event.phase != "end"
            return
        self._events[event.id] = RecentEvent(event.at, event, event.phase != "end")
        if len(self._events) > KEPT:
            del self._events[next(iter(self._events))]

    def add_counts(self, counts: CountsReport) -> None:
        """Note the counts of an interval."""
        self._counts[counts.camera, counts.model] = counts

    def event(self, id: str) -> RecentEvent | None:
        """One event, if it is kept."""
        return self._events.get(id)

    def events(
        self, cameras: Collection[str] | None = None, rules: Collection[str] | None = None, after: str | None = None
    ) -> Iterator[RecentEvent]:
        """Those of some cameras and rules (None: of all), the last one first; with `after`, those before that one."""
        passed = after is None
        for id, one in reversed(self._events.items()):
            if passed and (not cameras or one.event.camera in cameras) and (not rules or one.event.rule in rules):
                yield one
            passed = passed or id == after

    def counts(self, cameras: Collection[str] | None = None) -> list[CountsReport]:
        """Those of some cameras (None: of all)."""
        return [one for (camera, _), one in sorted(self._counts.items()) if not cameras or camera in cameras]
