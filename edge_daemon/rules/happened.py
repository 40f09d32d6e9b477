"""Conditions on what happens at a moment: a track enters or leaves a zone, appears in it, or crosses a line."""

from collections.abc import Iterator

from edge_daemon.messages.events import FactMap
from edge_daemon.rules.finding import Finding, fact_map, passes
from edge_daemon.rules.memory import Memory
from edge_daemon.rules.view import View
from edge_daemon.settings import Appears, Crosses, Enters, FilterSettings, Leaves, Then
from edge_daemon.zones.facts import Crossed, Entered, Left


def entered(condition: Enters | Appears, wanted: FilterSettings, memory: Memory, view: View) -> list[Finding]:
    """Tracks that entered a zone or were first seen in it, once the filter lets them through while they are there."""
    for fact in view.facts:
        if not isinstance(fact, Entered) or fact.zone != condition.zone:
            continue
        if fact.began_inside or isinstance(condition, Enters):
            memory.waiting[fact.tracker_id] = fact_map(fact)
    ready = [number for number in memory.waiting if passes(number, wanted, view)]
    found = [_finding(memory.waiting.pop(number)) for number in ready]
    inside = view.visits.get(condition.zone, {})
    memory.waiting = {number: fact for number, fact in memory.waiting.items() if number in inside}
    return found


def left(condition: Leaves, wanted: FilterSettings, view: View) -> list[Finding]:
    """Tracks that certainly left a zone."""
    return [
        _finding(fact_map(fact))
        for fact in view.facts
        if isinstance(fact, Left)
        and fact.certain
        and fact.zone == condition.zone
        and passes(fact.tracker_id, wanted, view)
    ]


def crossed(condition: Crosses, wanted: FilterSettings, memory: Memory, view: View) -> list[Finding]:
    """Tracks that certainly crossed a line, and then another one within a time if the condition has one."""
    found = []
    for fact in view.facts:
        if isinstance(fact, Crossed) and fact.certain and passes(fact.tracker_id, wanted, view):
            if condition.then is None:
                found += [_finding(fact_map(fact))] if _matches(fact, condition) else []
            else:
                found += _pair(fact, condition, condition.then, memory)
    return found


def _pair(fact: Crossed, condition: Crosses, then: Then, memory: Memory) -> Iterator[Finding]:
    """The finding that a crossing completes. Which of two crossings is reported first does not matter: the one of the
    second line may settle before that of the first.
    """
    number, new = fact.tracker_id, fact_map(fact)
    if _matches(fact, then):
        if after := _within(memory.first.get(number), new, then):
            yield _finding(memory.first.pop(number), new, after)
            return
        memory.second[number] = new
    if _matches(fact, condition):
        if after := _within(new, memory.second.get(number), then):
            yield _finding(new, memory.second.pop(number), after)
        else:
            memory.first[number] = new


def _within(first: FactMap | None, second: FactMap | None, then: Then) -> FactMap | None:
    """The fact that one crossing followed another within the time; None if it did not."""
    if first is None or second is None:
        return None
    after_s = float(second["time_s"] or 0.0) - float(first["time_s"] or 0.0)
    if not 0 < after_s <= then.within_s:
        return None
    return {"type": "then", "line": first["line"], "then": second["line"], "for_s": after_s, "within_s": then.within_s}


def _matches(fact: Crossed, wanted: Crosses | Then) -> bool:
    return fact.line == wanted.line and wanted.direction in (None, fact.direction)


def _finding(*facts: FactMap) -> Finding:
    number = int(facts[0]["tracker_id"] or 0)
    return Finding(number, (number,), facts)
