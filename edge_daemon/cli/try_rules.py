"""`edge-daemon rules test`: which events results would have made, and why not the other tracks."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import msgspec
import typer

from edge_daemon.analytics.analysis import Analysis, Clock
from edge_daemon.cli.drawn import Draw, Scenes
from edge_daemon.cli.results import Analyses, lines, local, opened
from edge_daemon.cli.stored_looks import looks
from edge_daemon.config.schema import Config
from edge_daemon.errors import EdgeError
from edge_daemon.messages.events import Event
from edge_daemon.messages.published import Result, utc
from edge_daemon.messages.topics import Analytics
from edge_daemon.rules.stream import Switches
from edge_daemon.rules.verdicts import Verdict, Witness
from edge_daemon.store.reader import Reader


class NoEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="no-event"):
    """A track that made no event of a rule, and why; without a track where the rule has one event for all."""

    rule: str
    camera: str
    model: str
    tracker_id: int | None
    class_name: str | None
    first_at: str | None
    last_at: str | None
    why: str


class Trial(NamedTuple):
    """One camera and model: the analysis, its witness, and the phases of events."""

    analysis: Analysis
    witness: Witness
    events: list[Event]

    def take(self, messages: Iterable[Analytics]) -> None:
        """Note the events among the messages."""
        for event in messages:
            if isinstance(event, Event):
                self.events.append(event)
                self.witness.event(event.rule, {track.tracker_id: track for track in event.tracks})


def trial(results: str, config: Config, *, mode: str | None, as_json: bool, draw: Draw | None = None) -> None:
    """Print the events that results would have made with this configuration, and why the other tracks made none.

    Raises:
        EdgeError: the file cannot be read, a line is no result, or there are no rules for the results.
    """
    scenes = Scenes()
    try:
        with opened(results) as source:
            looks = (result for _, result in lines(source, results) if result)
            trials = _run(looks, Analyses(config), mode, scenes if draw else None)
    except OSError as error:
        raise EdgeError(f"{error.filename or results}: {error.strerror}") from error
    _print(trials, results, as_json=as_json)
    if draw:
        scenes.draw(draw)


def trial_of_stored(folder: Path, since_s: float, config: Config, *, mode: str | None, as_json: bool) -> None:
    """Print the same for the tracks in a store that were last seen since a time.

    Raises:
        EdgeError: the store cannot be read, or there are no rules for its tracks.
    """
    tracks = Reader(folder).ended_tracks(since_s)
    _print(_run(looks(tracks), Analyses(config, numbered=True), mode, None), "the store", as_json=as_json)


def _print(trials: list[Trial], name: str, *, as_json: bool) -> None:
    tried = [trial for trial in trials if trial.analysis.settings.rules.rules]
    if not tried:
        here = ", ".join(f"{one.analysis.settings.camera} {one.analysis.settings.model}" for one in trials) or "none"
        raise EdgeError(f"no rule is for the cameras and models in {name}: {here}")
    for trial in tried:
        for line in _as_json(trial) if as_json else _as_text(trial):
            typer.echo(line)


def _run(results: Iterable[Result], analyses: Analyses, mode: str | None, scenes: Scenes | None) -> list[Trial]:
    trials: dict[int, Trial] = {}
    for result in results:
        analysis = analyses.of(result)
        trial = trials.setdefault(id(analysis), Trial(analysis, Witness(analysis.settings.rules), []))
        made = analysis.look(result, Switches(mode))
        rules = analysis.rules
        trial.witness.look(rules.view, rules.state.rules, rules.skipped)
        trial.take(made)
        if scenes:
            scenes.add(result, made, analysis.settings.rules.zones)
    for trial in trials.values():
        last = trial.analysis.rules.state.last
        trial.take(trial.analysis.end(Clock(0.0, last.wall_s if last else 0.0)))
    return list(trials.values())


def _as_json(trial: Trial) -> Iterator[str]:
    settings = trial.analysis.settings
    for event in trial.events:
        yield msgspec.json.encode(event).decode()
    for one in trial.witness.verdicts():
        is_track = one.tracker_id > 0
        yield msgspec.json.encode(
            NoEvent(
                rule=one.rule,
                camera=settings.camera,
                model=settings.model,
                tracker_id=one.tracker_id if is_track else None,
                class_name=one.class_name if is_track else None,
                first_at=utc(round(one.first_s * 1e9)) if is_track else None,
                last_at=utc(round(one.last_s * 1e9)) if is_track else None,
                why=one.why,
            )
        ).decode()


def _as_text(trial: Trial) -> Iterator[str]:
    """Events in their order, then the tracks without any, by rule and reason."""
    analysis = trial.analysis
    starts = [event for event in trial.events if event.phase == "start"]
    yield f"{analysis.settings.camera} {analysis.settings.model}: {len(starts)} event{'s'[: len(starts) != 1]}"
    for event in starts:
        first, *more = event.because or [""]
        yield f"  {_clock(event, analysis)}  {event.rule}: {first}"
        yield from (f"{'':14}{reason}" for reason in more)
        if end := next((one for one in trial.events if one.id == event.id and one.phase == "end"), None):
            yield f"{'':14}until {_clock(end, analysis)}"
    for rule, verdicts in groupby(trial.witness.verdicts(), key=lambda one: one.rule):
        yield f"{rule}: no event of"
        yield from _grouped(list(verdicts), analysis)


def _grouped(verdicts: list[Verdict], analysis: Analysis) -> Iterator[str]:
    """A line for each track; those that differ in nothing but their number share one."""
    by_reason: dict[str, list[Verdict]] = {}
    for one in verdicts:
        by_reason.setdefault(f"{one.class_name} {one.why}", []).append(one)
    for group in by_reason.values():
        one, last = group[0], group[-1]
        if not one.tracker_id:
            yield f"  {one.why}"
            continue
        numbers = ", ".join(str(verdict.tracker_id) for verdict in group)
        times = f"{local(one.first_s, analysis)} to {local(last.last_s, analysis)}"
        yield f"  {one.class_name} {numbers}, {times}: {one.why}"


def _clock(event: Event, analysis: Analysis) -> str:
    return local(datetime.fromisoformat(event.at).timestamp(), analysis)
