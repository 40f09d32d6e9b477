"""Incidents: events of a camera that overlap in time."""

import msgspec


class Incidents(msgspec.Struct):
    """The incident of a camera while any of its events is open: it has the id of the first one."""

    current: str = ""
    open: set[str] = set()

    def begin(self, event: str) -> str:
        """The incident of an event that starts now."""
        if not self.open:
            self.current = event
        self.open.add(event)
        return self.current

    def end(self, event: str) -> None:
        """An event ended."""
        self.open.discard(event)
