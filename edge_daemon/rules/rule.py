"""One rule of one camera and model: its condition, its cool-down and its events."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from edge_daemon.messages.events import Event, FactMap, Phase
from edge_daemon.messages.published import utc
from edge_daemon.rules.because import because, dated
from edge_daemon.rules.conditions import Condition
from edge_daemon.rules.during import During, Place
from edge_daemon.rules.episode import Episode, event_track
from edge_daemon.rules.event_id import Origin, event_id
from edge_daemon.rules.finding import NO_TRACK, Finding, Findings
from edge_daemon.rules.incident import Incidents
from edge_daemon.rules.memory import Memory, rename
from edge_daemon.rules.view import View
from edge_daemon.settings import RuleSettings, ZoneSettings

UPDATE_S = 1.0
"""Least time between two updates of an event."""
MOMENT_S = 10.0
"""An event about a moment ends with its track, or after this long."""
PART_S = 600.0
"""A longer event is cut into parts."""


class Question(NamedTuple):
    """Asks a model to confirm an event, on the tracks that it is about; at `time_s` of camera time. It does so by
    finding one of the `classes`, if they are named.
    """

    event: str
    rule: str
    model: str
    tracks: tuple[int, ...]
    time_s: float
    classes: tuple[str, ...] | None = None


Outcome = Event | Question


class Skipped(NamedTuple):
    """A track, or `NO_TRACK`, in which the condition held without an event, and why."""

    key: int
    why: str


class RuleState(msgspec.Struct):
    """State of a rule; all dictionaries are by track, or by `NO_TRACK` where the rule has one event for all.

    `ended_s` is the camera time at which the last event ended, `suppressed` counts what fell into the cool-down since.
    `muted` are the keys of the condition that were counted so, `refused` those that a model did not confirm, as long as
    it holds in them.
    """

    memory: Memory = msgspec.field(default_factory=Memory)
    open: dict[int, Episode] = {}
    ended_s: dict[int, float] = {}
    suppressed: dict[int, int] = {}
    muted: set[int] = set()
    refused: set[int] = set()
    rejected: int = 0

    def rename(self, number: int, into: int) -> None:
        """Go on under another number: two tracks turned out to be one, and nothing alarms twice because of it."""
        self.memory.rename(number, into)
        for mapping in (self.open, self.ended_s, self.suppressed):
            rename(mapping, number, into)
        for episode in self.open.values():
            episode.tracks.pop(number, None)
        for keys in (self.muted, self.refused, *(episode.keys for episode in self.open.values())):
            if number in keys:
                keys.remove(number)
                keys.add(into)


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules of a camera and model have in common: names for their messages, and where the box is."""

    box: str
    camera: str
    model: str
    place: Place


class Rule:
    """Begins, updates and ends the events of one rule. `skipped` is what the last look would have made otherwise."""

    def __init__(
        self,
        scope: Scope,
        name: str,
        settings: RuleSettings,
        incidents: Incidents,
        state: RuleState | None = None,
        zones: Mapping[str, ZoneSettings] | None = None,
    ) -> None:
        self.state = state or RuleState()
        self.skipped: list[Skipped] = []
        self._scope = scope
        self._name = name
        self._settings = settings
        self._incidents = incidents
        self._condition = Condition(settings, self.state.memory, zones)
        self._during = During(settings.during, scope.place) if settings.during else None

    def update(self, view: View, enabled: bool = True) -> Iterator[Outcome]:
        """Take in one look, or a moment between two."""
        for number, into in view.renamed:
            self.state.rename(number, into)
        self.skipped = []
        findings = self._condition.update(view)
        limits = self._limits(view, enabled) if findings.begun else ""
        for finding in findings.begun:
            yield from self._find(finding, view, limits)
        self.state.muted &= findings.holding
        self.state.refused &= findings.holding
        for key in list(self.state.open):
            yield from self._go_on(key, findings, view)

    def answer(self, event: str, confirmed: bool, view: View) -> Iterator[Outcome]:
        """The answer of the model that confirms. An event that is not confirmed is rejected and counted."""
        for key, episode in list(self.state.open.items()):
            if episode.id != event or episode.asked_s is None:
                continue
            if confirmed:
                yield self._start(episode, view, confirmed=True)
            else:
                self.state.rejected += 1
                self.state.refused |= episode.keys
                del self.state.open[key]
                self._incidents.end(episode.id)

    def close(self, view: View, reason: str) -> Iterator[Outcome]:
        """End all events: the rule has changed, its state was lost, or the source has ended."""
        for key in list(self.state.open):
            yield from self._end(key, view, reason)

    def _limits(self, view: View, enabled: bool) -> list[FactMap] | str:
        """Facts that let the rule through now, besides its condition; or the reason that does not."""
        facts: list[FactMap] = []
        if not enabled:
            return "it is switched off"
        if self._during:
            moment = datetime.fromtimestamp(view.wall_s, UTC)
            span, clock = self._during.find(moment), f"{moment.astimezone(self._scope.place.zone):%H:%M}"
            if span is None:
                return f"{clock} is not within {self._during.text}"
            facts.append({"type": "during", "range": span, "clock": clock})
        if self._settings.modes is not None:
            if view.mode not in self._settings.modes:
                return f"the mode is {view.mode}, not {' or '.join(self._settings.modes)}"
            facts.append({"type": "mode", "mode": view.mode})
        return facts

    def _find(self, finding: Finding, view: View, limits: list[FactMap] | str) -> Iterator[Outcome]:
        """The condition holds in a track: begin an event, or add to the open one, or count it for the next one."""
        group = finding.key if self._settings.per == "track" else NO_TRACK
        episode = self.state.open.get(group)
        if episode:
            if self._condition.has_to_begin or finding.key not in episode.keys:
                episode.add(finding, self._dated(finding, view))
                self._watch(episode, finding.tracks, view)
        elif isinstance(limits, str):
            self.skipped.append(Skipped(finding.key, limits))
        elif finding.key in self.state.refused and not self._condition.has_to_begin:
            self.skipped.append(Skipped(finding.key, "it was not confirmed"))
        elif rest_s := self._cooldown_s(group, view):
            self._suppress(group, finding)
            self.skipped.append(Skipped(finding.key, f"it was {rest_s:.1f} s before the end of the cool-down"))
        else:
            yield from self._begin(group, finding, view, limits)

    def _suppress(self, group: int, finding: Finding) -> None:
        """Count what falls into the cool-down; a state that lasts counts once."""
        if self._condition.has_to_begin or finding.key not in self.state.muted:
            self.state.suppressed[group] = self.state.suppressed.get(group, 0) + 1
        self.state.muted.add(finding.key)

    def _cooldown_s(self, group: int, view: View) -> float:
        """Time until the end of the cool-down."""
        ended_s = self.state.ended_s.get(group)
        return 0.0 if ended_s is None else max(0.0, self._settings.cooldown_s - (view.instant.time_s - ended_s))

    def _begin(self, group: int, finding: Finding, view: View, limits: list[FactMap]) -> Iterator[Outcome]:
        number = self._id(view, finding.key, 1)
        ended_s = self.state.ended_s.get(group)
        quiet: list[FactMap] = [] if ended_s is None else [{"type": "quiet", "for_s": view.instant.time_s - ended_s}]
        episode = Episode(
            id=number,
            incident=self._incidents.begin(number),
            start=view.instant,
            facts=[*self._dated(finding, view), *limits, *quiet],
            keys={finding.key},
            held_s=view.instant.looked_s,
            suppressed=self.state.suppressed.pop(group, 0),
        )
        self._watch(episode, finding.tracks, view)
        self.state.open[group] = episode
        if self._settings.confirm is None:
            yield self._start(episode, view)
        else:
            episode.asked_s = view.instant.time_s
            confirm = self._settings.confirm
            classes = confirm.classes or self._settings.filter.classes
            yield Question(number, self._name, confirm.model, finding.tracks, view.instant.time_s, classes)

    def _start(self, episode: Episode, view: View, confirmed: bool | None = None) -> Event:
        episode.asked_s, episode.confirmed = None, confirmed
        return self._message(episode, "start", view)

    def _go_on(self, key: int, findings: Findings, view: View) -> Iterator[Outcome]:
        """Update an event, cut it, or end it."""
        episode = self.state.open[key]
        holding = episode.keys & findings.holding
        self._watch(episode, [number for number in holding if number], view)
        if holding:
            episode.held_s = view.instant.looked_s
        if episode.asked_s is not None:
            within_s = self._settings.confirm.within_s if self._settings.confirm else None
            if within_s is not None and view.instant.time_s - episode.asked_s >= within_s:
                yield self._start(episode, view)
        elif self._is_over(episode, bool(holding), view):
            yield from self._end(key, view, None)
        elif view.instant.time_s - episode.start.time_s >= PART_S:
            yield from self._cut(key, view)
        elif episode.changed and view.instant.time_s - episode.sent_s >= UPDATE_S:
            yield self._message(episode, "update", view)

    def _is_over(self, episode: Episode, holds: bool, view: View) -> bool:
        if self._condition.momentary:
            return not holds or view.instant.time_s - episode.start.time_s >= MOMENT_S
        return not holds and view.instant.looked_s - episode.held_s >= self._settings.linger_s

    def _end(self, key: int, view: View, reason: str | None) -> Iterator[Outcome]:
        episode = self.state.open.pop(key)
        self._incidents.end(episode.id)
        if episode.asked_s is None:
            self.state.ended_s[key] = view.instant.time_s
            yield self._message(episode, "end", view, reason)

    def _cut(self, key: int, view: View) -> Iterator[Outcome]:
        """End a part of a long event and begin the next one, in the same incident."""
        episode = self.state.open[key]
        number = self._id(view, min(episode.keys), episode.part + 1)
        following = msgspec.structs.replace(
            episode, id=number, start=view.instant, part=episode.part + 1, suppressed=0, changed=False
        )
        following.incident = self._incidents.begin(number)
        self.state.open[key] = following
        self._incidents.end(episode.id)
        yield self._message(episode, "end", view, "long")
        yield self._message(following, "start", view)

    def _watch(self, episode: Episode, numbers: list[int] | tuple[int, ...], view: View) -> None:
        for number in numbers:
            if track := view.tracks.get(number) or view.ended.get(number):
                episode.tracks[number] = event_track(track, view.size)

    def _dated(self, finding: Finding, view: View) -> list[FactMap]:
        return [
            dated(fact, view.wall_of(float(fact["time_s"] or 0.0))) if "time_s" in fact else fact
            for fact in finding.facts
        ]

    def _id(self, view: View, key: int, part: int) -> str:
        scope = self._scope
        origin = Origin(scope.box, scope.camera, scope.model, self._name, view.epoch, view.seq, key, part)
        return event_id(view.wall_s, origin)

    def _message(self, episode: Episode, phase: Phase, view: View, reason: str | None = None) -> Event:
        episode.sent_s, episode.changed = view.instant.time_s, False
        return Event(
            phase=phase,
            id=episode.id,
            rule=self._name,
            camera=self._scope.camera,
            model=self._scope.model,
            incident=episode.incident,
            alert=not self._settings.quiet,
            at=utc(round(view.wall_s * 1e9)),
            time_s=view.time_s,
            epoch=view.epoch,
            seq=view.seq,
            tracks=[episode.tracks[number] for number in sorted(episode.tracks)],
            facts=list(episode.facts),
            because=[because(fact, self._scope.place.zone) for fact in episode.facts],
            confirmed=episode.confirmed,
            suppressed=episode.suppressed,
            part=episode.part,
            reason=reason,
        )
