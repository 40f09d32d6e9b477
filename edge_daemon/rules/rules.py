"""All rules of one camera and model."""

from collections.abc import Callable, Collection, Iterator, Mapping

import msgspec

from edge_daemon.rules.incident import Incidents
from edge_daemon.rules.rule import Outcome, Rule, RuleState, Scope, Skipped
from edge_daemon.rules.view import View
from edge_daemon.settings import RuleSettings, ZoneSettings


class Saved(msgspec.Struct):
    """A rule as it was, with its state."""

    settings: RuleSettings
    state: RuleState


class RulesState(msgspec.Struct):
    """All that other `Rules` need to go on."""

    rules: dict[str, Saved] = {}
    incidents: Incidents = msgspec.field(default_factory=Incidents)


class Rules:
    """Turns one view after another into events. A rule that is the same as before goes on from its state."""

    def __init__(
        self,
        scope: Scope,
        settings: Mapping[str, RuleSettings],
        state: RulesState | None = None,
        zones: Mapping[str, ZoneSettings] | None = None,
    ) -> None:
        state = state or RulesState()
        self._incidents = state.incidents
        self._settings = dict(settings)
        self._rules = {
            name: Rule(scope, name, rule, self._incidents, _kept(state.rules.get(name), rule), zones)
            for name, rule in settings.items()
        }
        self._changed = [
            Rule(scope, name, saved.settings, self._incidents, saved.state)
            for name, saved in state.rules.items()
            if settings.get(name) != saved.settings
        ]

    @property
    def state(self) -> RulesState:
        """The state, valid until the next view."""
        saved = {name: Saved(self._settings[name], rule.state) for name, rule in self._rules.items()}
        return RulesState(rules=saved, incidents=self._incidents)

    @property
    def skipped(self) -> dict[str, list[Skipped]]:
        """Tracks in which a condition held without an event at the last look, by rule."""
        return {name: rule.skipped for name, rule in self._rules.items()}

    def resume(self, view: View) -> list[Outcome]:
        """End the events of rules that are gone or have changed. Call it once, before the first view."""
        ended = [event for rule in self._changed for event in rule.close(view, "rule-changed")]
        self._changed = []
        return ended

    def update(self, view: View, off: Collection[str] = ()) -> list[Outcome]:
        """Take in one view; rules that are switched `off` begin no event."""
        return [event for name, rule in self._rules.items() for event in rule.update(view, name not in off)]

    def answer(self, event: str, confirmed: bool, view: View) -> list[Outcome]:
        """The answer to a `Question`."""
        return self._all(lambda rule: rule.answer(event, confirmed, view))

    def close(self, view: View, reason: str) -> list[Outcome]:
        """End all events."""
        return self._all(lambda rule: rule.close(view, reason))

    def _all(self, call: Callable[[Rule], Iterator[Outcome]]) -> list[Outcome]:
        return [event for rule in self._rules.values() for event in call(rule)]


def _kept(saved: Saved | None, settings: RuleSettings) -> RuleState | None:
    return saved.state if saved and saved.settings == settings else None
