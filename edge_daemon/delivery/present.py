"""What there is at present, of what was stored and reported: for receivers that show states beside events."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from edge_daemon.delivery.settings import PlacesSettings
from edge_daemon.delivery.topics import Topics
from edge_daemon.messages.hints import kind_of
from edge_daemon.messages.status import Status

LONGEST_S = 900.0
"""An event of which nothing was received for this long is over: a long one is cut every ten minutes."""
ON, OFF = "ON", "OFF"


class _Open(NamedTuple):
    camera: str
    rule: str
    seen_s: float


class Present:
    """The events that go on, the last counts and stills, and the last status. Times are on any clock without jumps."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}
        self._counts: dict[tuple[str, str], dict[str, Any]] = {}
        self.stills: dict[str, str] = {}
        """The last event of each camera that has a still."""
        self.status: Status | None = None

    def note(self, data: Mapping[str, Any], now_s: float) -> None:
        """Take in an event's phase or counts, in the order in which they were stored."""
        if data["type"] == "counts":
            self._counts[data["camera"], data["model"]] = dict(data)
            return
        if data["phase"] == "end":
            self._open.pop(data["id"], None)
        elif data["phase"] == "start" or data["id"] in self._open:
            self._open[data["id"]] = _Open(data["camera"], data["rule"], now_s)
        if data.get("still"):
            self.stills[data["camera"]] = data["id"]

    def states(
        self, topics: Topics, places: Mapping[str, PlacesSettings], now_s: float
    ) -> Iterator[tuple[str, str | dict[str, Any]]]:
        """The topic and payload of each state."""
        self._open = {id: one for id, one in self._open.items() if now_s - one.seen_s < LONGEST_S}
        yield topics.status, "online"
        going = {(one.camera, one.rule) for one in self._open.values()}
        for camera, of in places.items():
            for rule in of.rules:
                yield topics.occurs(camera, rule), ON if (camera, rule) in going else OFF
            for zone in of.zones:
                yield topics.zone(camera, zone), self._zone(camera, zone)
            for line in of.lines if self._reports(camera) else ():
                yield topics.line(camera, line), self._line(camera, line)
        if self.status:
            yield from self._reported(self.status, topics, places)

    def _reported(
        self, status: Status, topics: Topics, places: Mapping[str, PlacesSettings]
    ) -> Iterator[tuple[str, str | dict[str, Any]]]:
        """What the status tells: the states of cameras, and what is switched."""
        switches = status.switches
        for camera in places:
            if of := status.cameras.get(camera):
                more = {key: value for key in ("since", "reason") if (value := getattr(of, key)) is not msgspec.UNSET}
                yield (
                    topics.camera(camera),
                    {"v": 1, "type": "camera", "camera": camera, "state": kind_of(of.state)} | more,
                )
        for rule in dict.fromkeys(rule for one in places.values() for rule in one.rules):
            yield topics.rule(rule), OFF if rule in switches.off else ON
        if switches.mode is not None:
            yield topics.mode, switches.mode

    def _zone(self, camera: str, zone: str) -> dict[str, Any]:
        """Who is in a zone now, and how many came and left since the reset."""
        classes, reset_at = Counter[str](), None
        entered = left = 0
        for report in self._reports(camera):
            reset_at = report["reset_at"] or reset_at
            for name, counts in report["zones"].get(zone, {}).items():
                classes[name] += counts["now"]
                entered, left = entered + counts["entered_since_reset"], left + counts["left_since_reset"]
        if self.status and (of := self.status.cameras.get(camera)):
            totals = [one.totals for one in of.models.values() if one.totals is not msgspec.UNSET]
            if any(zone in one.zones for one in totals):
                classes = sum((Counter(one.zones.get(zone, {})) for one in totals), Counter[str]())
        inside = {name: count for name, count in sorted(classes.items()) if count > 0}
        now = sum(inside.values())
        occupied = ON if now else OFF
        since = {"entered": entered, "left": left, "reset_at": reset_at} if self._reports(camera) else {}
        return {"occupied": occupied, "now": now, "classes": inside} | since

    def _line(self, camera: str, line: str) -> dict[str, Any]:
        """How many crossed a line since the reset."""
        ways, reset_at = Counter[str](), None
        for report in self._reports(camera):
            reset_at = report["reset_at"] or reset_at
            for counts in report["lines"].get(line, {}).values():
                ways.update({way: counts[f"{way}_since_reset"] for way in ("in", "out")})
        return {"in": ways["in"], "out": ways["out"], "reset_at": reset_at}

    def _reports(self, camera: str) -> list[dict[str, Any]]:
        return [report for (of, _), report in self._counts.items() if of == camera]
