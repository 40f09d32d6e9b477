"""A camera with zones, lines and rules, for tests of these."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from edge_daemon.messages.events import Event
from edge_daemon.messages.tracks import TrackEnd
from edge_daemon.rules.during import Place
from edge_daemon.rules.rule import Outcome, Scope
from edge_daemon.rules.rules import Rules
from edge_daemon.rules.view import View
from edge_daemon.settings import CameraZonesSettings, LineSettings, RuleSettings, ZoneSettings
from edge_daemon.zones.camera_zones import CameraZones
from edge_daemon.zones.look import Instant, Look, Seen

BERLIN = ZoneInfo("Europe/Berlin")
SCOPE = Scope(box="yard-box", camera="yard", model="objects", place=Place(BERLIN))
ZONES = CameraZonesSettings(
    zones={"drive": ZoneSettings(points=((0.0, 0.5), (1.0, 0.5), (1.0, 0.95), (0.0, 0.95)))},
    lines={
        "gate": LineSettings(points=((0.0, 0.5), (1.0, 0.5))),
        "door": LineSettings(points=((0.0, 0.8), (1.0, 0.8))),
    },
)
NIGHT_S = datetime(2026, 11, 28, 22, 14, tzinfo=BERLIN).timestamp()
SIZE = (1600, 900)
OUTSIDE, INSIDE = 0.3, 0.7


def seen(number: int, y: float, name: str = "person", x: float = 0.5) -> Seen:
    return Seen(number, name, (x - 0.05, y - 0.2, x + 0.05, y), 0.9)


class Yard:
    """A camera with a zone and a line, and rules."""

    def __init__(self, settings: CameraZonesSettings = ZONES, **rules: RuleSettings) -> None:
        self.zones = CameraZones(settings)
        self.rules = Rules(SCOPE, rules, zones=settings.zones)
        self.seq = 0
        self.last = self.view(0.0)

    def view(self, time_s: float, looked_s: float | None = None, **more: object) -> View:
        self.seq += 1
        instant = Instant(time_s, time_s if looked_s is None else looked_s)
        visits = {zone.name: zone.state.visits for zone in self.zones.zones}
        view = View(instant, NIGHT_S + time_s, time_s, 7, self.seq, SIZE, tracks=self.zones.tracks, visits=visits)
        view = view._replace(ended=self.zones.ended, renamed=self.zones.renamed)
        self.last = view._replace(**more)  # type: ignore[arg-type]
        return self.last

    def look(
        self, time_s: float, *found: Seen, ended: dict[int, TrackEnd] | None = None, looked_s: float | None = None,
        mode: str | None = None, off: Sequence[str] = (),
    ) -> list[Outcome]:  # fmt: skip
        instant = Instant(time_s, time_s if looked_s is None else looked_s)
        facts = self.zones.update(Look(instant, SIZE[0] / SIZE[1], found, ended or {}))
        return self.rules.update(self.view(time_s, looked_s, facts=facts, mode=mode), off)

    def enter(self, time_s: float, number: int = 1, name: str = "person") -> list[Outcome]:
        """A track walks in from outside, within 0.2 s."""
        return self.look(time_s, seen(number, OUTSIDE, name)) + self.look(time_s + 0.2, seen(number, INSIDE, name))


def phases(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.phase if isinstance(outcome, Event) else "question" for outcome in outcomes]


def only(outcomes: Sequence[Outcome]) -> Event:
    (event,) = outcomes
    assert isinstance(event, Event)
    return event
