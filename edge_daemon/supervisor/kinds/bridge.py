"""The bridges."""

from collections.abc import Collection, Iterator

import msgspec

from edge_daemon.config.deliver import Deliver
from edge_daemon.delivery.settings import (
    AnyReceiver,
    BridgeSettings,
    LimitSettings,
    LinkSettings,
    MqttSettings,
    PlacesSettings,
)
from edge_daemon.messages.status import BRIDGE, BridgeReport
from edge_daemon.runtime.box_name import box_name
from edge_daemon.runtime.time_zone import local_time_zone
from edge_daemon.settings import HasState
from edge_daemon.supervisor.description import described
from edge_daemon.supervisor.kinds.kind import Kind, ProcessSpec
from edge_daemon.supervisor.kinds.run import Run


class Bridge(Kind[BridgeSettings]):
    """Delivers to one receiver. It starts before the recorder and ends after it, so that it has the last entries."""

    role = BRIDGE
    report = BridgeReport
    shows_report = True
    preloaded = False
    asks = True

    def plan(self, run: Run) -> Iterator[ProcessSpec]:
        """One for each receiver."""
        for name, entry in (run.config.deliver or {}).items():
            if settings := _settings(run, name, entry):
                about = {f"deliver {name}": described(entry)}
                yield ProcessSpec(kind=self, name=name, settings=settings, awaited=False, about=about)

    def restart_key(self, settings: BridgeSettings) -> object:
        """All but the time at which the configuration was read."""
        return msgspec.structs.replace(settings, begun_at="")


def _settings(run: Run, name: str, entry: Deliver) -> BridgeSettings | None:
    """The settings of a bridge; None without a folder for the store."""
    if not run.storage or not run.recorder:
        return None
    return BridgeSettings(
        name=name,
        kind=entry.kind,
        receiver=_receiver(run, entry),
        send=tuple(entry.send),
        selection=entry.selection,
        since=entry.since,
        begun_at=run.config.origin.read_at,
        limit=LimitSettings(count=entry.limit[0], per_s=entry.limit[1]) if entry.limit else None,
        batch=entry.batch,
        every_s=entry.every,
        during=entry.during,
        payload=entry.payload,
        storage=run.storage,
        recorder=run.recorder,
        published=run.live_bridges.get(name),
        stills=tuple(run.recorded),
        places=_places(run, entry) if entry.shows_states else None,
        modes=tuple(run.config.modes or ()) if entry.shows_states else (),
        links=_links(run),
        box=box_name(run.config.name, run.state),
        time_zone=run.config.location.time_zone or local_time_zone(),
    )


def _links(run: Run) -> LinkSettings | None:
    """What links to stills and clips need; None if the page is not reached from outside, or keeps no key."""
    url = run.config.web.url
    return LinkSettings(url=url, state=str(run.state)) if url and run.serves_web and run.state else None


def _receiver(run: Run, entry: Deliver) -> AnyReceiver:
    """The receiver, which may show stills of the cameras that are recorded."""
    receiver = entry.receiver
    if isinstance(receiver, MqttSettings) and entry.shows_last_still:
        return msgspec.structs.replace(receiver, stills=tuple(_wanted(run.recorded, entry.cameras)))
    return receiver


def _places(run: Run, entry: Deliver) -> dict[str, PlacesSettings]:
    """What the cameras have that states are about, as far as it is selected."""
    found = {name: PlacesSettings() for name in _wanted(run.cameras, entry.cameras)}
    for (camera, _), analysis in run.analyses.items():
        if before := found.get(camera):
            rules, zones = analysis.rules.rules, analysis.rules.zones
            names = _wanted([name for name, rule in rules.items() if not (entry.alerts and rule.quiet)], entry.rules)
            troubles = [name for name in names if isinstance(rules[name].condition, HasState)]
            found[camera] = PlacesSettings(
                zones=_joined(before.zones, zones.zones),
                lines=_joined(before.lines, zones.lines),
                rules=_joined(before.rules, names),
                troubles=_joined(before.troubles, troubles),
            )
    return found


def _wanted(names: Collection[str], only: Collection[str] | None) -> list[str]:
    return [name for name in names if only is None or name in only]


def _joined(first: Collection[str], second: Collection[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*first, *second]))
