"""The last events, for a process of the daemon that begins to subscribe later."""

from collections.abc import Iterator

from edge_daemon.messages.events import Event

KEPT = 200
"""Events that are kept."""


class Replay:
    """Keeps the first and the last message of each event."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, bytes, bytes]] = {}

    def note(self, event: Event, body: bytes) -> None:
        """Note a phase of an event, encoded as JSON."""
        known = self._kept.get(event.id)
        self._kept[event.id] = event.camera, known[1] if known else body, body
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        """Camera and message, in the order in which the events began."""
        for camera, first, last in self._kept.values():
            yield camera, first
            if last is not first:
                yield camera, last
