"""Everything that is made of the results of one camera and model: numbers of tracks, track messages, counts, events."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from edge_daemon.analytics.confirmations import Confirmations, Open
from edge_daemon.analytics.histories import Here, Histories, History
from edge_daemon.messages.events import Event
from edge_daemon.messages.fates import NOTHING
from edge_daemon.messages.findings import Detection
from edge_daemon.messages.published import Result
from edge_daemon.messages.topics import Analytics
from edge_daemon.rules.during import Place
from edge_daemon.rules.rule import Outcome, Scope
from edge_daemon.rules.stream import NO_SWITCHES, Position, StreamState, Switches, Tracks
from edge_daemon.rules.stream import Stream as Rules
from edge_daemon.settings import AnalysisSettings
from edge_daemon.tracking.boxes import Boxes
from edge_daemon.tracking.stream import Moment, StreamTracks
from edge_daemon.tracking.stream import Stream as Tracking
from edge_daemon.zones.look import Instant, Seen


class AnalysisState(msgspec.Struct, kw_only=True):
    """All that another `Analysis` needs to go on."""

    tracks: StreamTracks = StreamTracks()
    rules: StreamState = msgspec.field(default_factory=StreamState)
    histories: dict[int, History] = {}
    questions: dict[str, Open] = {}


class Clock(NamedTuple):
    """The time between two looks: on the monotonic and on the wall clock, in seconds, and since the last look.

    `outage` is why the camera gives no frames, if it does not.
    """

    monotonic_s: float
    wall_s: float
    away_s: float = 0.0
    outage: str | None = None


class Analysis:
    """Takes in the results of one camera and model, look after look."""

    def __init__(self, settings: AnalysisSettings, state: AnalysisState | None = None) -> None:
        state = state or AnalysisState()
        self.settings = settings
        place = settings.place
        scope = Scope(
            box=settings.box,
            camera=settings.camera,
            model=settings.model,
            place=Place(ZoneInfo(place.time_zone), place.latitude, place.longitude),
        )
        self._tracking = Tracking(state.tracks, longest_s=settings.gap_s) if settings.rules.track else None
        self.rules = Rules(scope, settings.rules, state.rules, longest_s=settings.gap_s)
        """Zones, lines and rules."""
        self._counts = bool(settings.rules.zones.zones or settings.rules.zones.lines)
        self._histories = Histories(state.histories)
        self._confirmations = Confirmations(state.questions)

    @property
    def state(self) -> AnalysisState:
        """The state, valid until the next call."""
        tracks = self._tracking.state if self._tracking else StreamTracks()
        return AnalysisState(
            tracks=tracks,
            rules=self.rules.state,
            histories=self._histories.state,
            questions=self._confirmations.state,
        )

    def look(self, result: Result, switches: Switches = NO_SWITCHES) -> list[Analytics]:
        """Take in the next result, and give its detections the numbers of their tracks; return what there is to send.

        Zones and rules pass over a result that they have taken in already.
        """
        wall_s = datetime.fromisoformat(result.captured_at).timestamp()
        size = result.width, result.height
        found = [*result.detections, *(result.unsure or ())]
        ids = self._ids(found, result, wall_s)
        numbered = _numbered(found, ids)
        begun = self._tracking.begun if self._tracking else {}
        seen = {
            one.tracker_id: (one, where)
            for one in numbered
            if one.tracker_id and (where := Seen.of(one, size, begun.get(one.tracker_id)))
        }
        before = self.rules.looks
        outcomes = self.rules.update(
            Tracks(
                result.epoch,
                result.seq,
                result.time_s,
                wall_s,
                size,
                [where for _, where in seen.values()],
                result.dropped,
            ),
            switches,
        )
        ignored = self.rules.ignored
        if ignored:
            numbered = _numbered(
                numbered, [one.tracker_id if one.tracker_id not in ignored else None for one in numbered]
            )
            seen = {number: one for number, one in seen.items() if number not in ignored}
        self._write(result, numbered)
        self._confirmations.look(result)
        here = self._here(Position(result.epoch, result.seq, result.time_s, wall_s), size, before)
        return [*self._track_messages(here, seen), *self._events(outcomes)]

    def follow(self, result: Result) -> list[Analytics]:
        """Take in the result of a model that runs after this one: its detections get the numbers of their tracks, and
        it may confirm events.
        """
        self._confirmations.number(result)
        answers = self._confirmations.answers(result)
        return [event for one in answers for event in self._events(self.rules.answer(one.event, one.confirmed))]

    def pass_time(
        self, clock: Clock, dropped: Mapping[str, int] = NOTHING, switches: Switches = NO_SWITCHES
    ) -> list[Analytics]:
        """Let time pass without a look: counts at the end of an interval, events of a camera that is away. `dropped`
        counts the frames since the last look by reason.
        """
        messages: list[Analytics] = []
        if not self.settings.finite:
            self.rules.note(dropped)
            if clock.away_s > self.settings.gap_s or clock.outage:
                messages += self._events(self.rules.pass_time(clock.away_s, clock.wall_s, switches))
        messages += self._report(clock)
        self.rules.reset_if_due(clock.wall_s)
        return messages

    def end(self, clock: Clock) -> list[Analytics]:
        """End all tracks and events, and report the last counts: the source has ended."""
        messages: list[Analytics] = []
        if last := self.rules.state.last:
            here = self._here(last, self.rules.state.size, ())
            messages += self._histories.end(here)
            messages += self.rules.close("stream-ended")
        return [*messages, *self._report(clock, last=True)]

    def _ids(self, found: Sequence[Detection], result: Result, wall_s: float) -> list[int | None]:
        if self._tracking is None:  # another one has numbered them, if any
            return [one.tracker_id for one in found]
        moment = Moment(result.epoch, result.time_s, wall_s)
        return self._tracking.update(Boxes.of(found, (result.width, result.height)), moment, result.dropped)

    def _write(self, result: Result, numbered: list[Detection]) -> None:
        sure = len(result.detections)
        result.detections = numbered[:sure]
        if result.unsure:
            result.unsure = numbered[sure:]

    def _track_messages(self, here: Here, seen: dict[int, tuple[Detection, Seen]]) -> Iterator[Analytics]:
        if self._tracking is None:
            return
        zones = {number: self.rules.zones_of(number) for number in seen} if self._counts else {}
        yield from self._histories.update(here, seen, self._tracking.tracks, self.rules.renamed, zones)

    def _events(self, outcomes: Sequence[Outcome]) -> list[Event]:
        """The events among the outcomes; questions are asked."""
        events = []
        for outcome in outcomes:
            if isinstance(outcome, Event):
                self._confirmations.close(outcome.id)
                events.append(outcome)
            else:
                self._confirmations.ask(outcome)
        return events

    def _report(self, clock: Clock, *, last: bool = False) -> list[Analytics]:
        if not self._counts:
            return []
        report = self.rules.report(clock.monotonic_s, clock.wall_s, away_s=clock.away_s, outage=clock.outage, last=last)
        return [report] if report else []

    def _here(self, at: Position, size: tuple[int, int], before: Sequence[Instant]) -> Here:
        camera, model = self.settings.camera, self.settings.model
        return Here(camera, model, *at, self.rules.offset_s, size, self.rules.instant, before)


def _numbered(found: Sequence[Detection], ids: Sequence[int | None]) -> list[Detection]:
    return [
        one if one.tracker_id == number else msgspec.structs.replace(one, tracker_id=number)
        for one, number in zip(found, ids, strict=True)
    ]
