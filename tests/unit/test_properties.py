"""The properties that make counts right, each of which fails on a bug that is planted here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from edge_daemon.messages.events import Event
from edge_daemon.rules.stream import Stream, Tracks
from edge_daemon.zones.facts import Crossed
from edge_daemon.zones.geometry import Border
from edge_daemon.zones.line import Line
from edge_daemon.zones.passage import Passages
from edge_daemon.zones.zone import Zone
from tests.unit import test_rules_stream as streams
from tests.unit import test_zones as zones

scenes = st.lists(st.floats(0.3, 0.9), min_size=8, max_size=20)
clock_steps = st.lists(st.floats(-1e5, 1e5), min_size=20, max_size=20)


def played(ys: list[float], steps: list[float]) -> tuple[list[Any], Any, Any]:
    """Events and counts of a walk, where the wall clock is off by a number of seconds at each look."""
    stream, found = Stream(streams.SCOPE, streams.SETTINGS), list[Any]()
    for seq, (y, step) in enumerate(zip(ys, steps, strict=False)):
        looked: Tracks = streams.tracks(seq, 0.5 * seq, y, wall_s=0.5 * seq + step)
        for event in stream.update(looked):
            assert isinstance(event, Event)
            found.append((event.rule, event.phase, event.time_s, [one.tracker_id for one in event.tracks]))
    report = stream.report(100.0, streams.START_S, last=True)
    assert report
    return found, report.lines, report.zones


@given(scenes, clock_steps)
def test_a_step_of_the_wall_clock_changes_nothing_but_labels(ys: list[float], steps: list[float]) -> None:
    assert played(ys, steps) == played(ys, [0.0] * 20)


# Bugs


@contextmanager
def planted(owner: Any, name: str, bug: Callable[[Any], Any]) -> Iterator[None]:
    """Replace a method or attribute by what `bug` makes of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, bug(getattr(owner, name)))
        yield


@contextmanager
def without_shrinking() -> Iterator[None]:
    """Stop at the first example that fails, simple or not."""
    before = settings.get_current_profile_name()
    settings.register_profile("planted", max_examples=200, phases=[Phase.generate], database=None, deadline=None)
    settings.load_profile("planted")
    yield
    settings.load_profile(before)


def always_in(facts: Callable[..., list[Crossed]]) -> Callable[..., list[Crossed]]:
    """Crossings have one direction."""
    return lambda *args: facts(args[0], args[1]._replace(by=abs(args[1].by)), *args[2:])


def at_the_end(crossings: Callable[..., list[tuple[float, int]]]) -> Callable[..., list[tuple[float, int]]]:
    """A path crosses at its end."""
    return lambda *args: [(1.0, sign) for _, sign in crossings(*args)]


def anywhere(_: object) -> Callable[..., Any]:
    """A margin of zero."""
    return lambda self, p, q, margin, aspect: q


def unbalanced(leave: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """Who leaves stays in the zone."""

    def left(self: Zone, *args: Any) -> list[Any]:
        visits = dict(self.state.visits)
        facts = leave(self, *args)
        self.state.visits |= visits
        return facts

    return left


def restless(update: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """The path goes on while nothing moves."""
    return lambda self, look, tracks: update(self, look._replace(rest=None), tracks)


def by_the_wall_clock(update: Callable[..., Any]) -> Callable[..., Any]:
    """Looks have the time of the wall clock."""

    def late(self: Stream, looked: Tracks, *more: Any) -> Any:
        return update(self, looked._replace(time_s=looked.wall_s - streams.START_S), *more)

    return late


BUGS: list[tuple[Callable[[], None], Any, str, Callable[[Any], Any]]] = [
    (zones.test_a_path_and_its_mirror_image_count_in_opposite_directions, Line, "_facts", always_in),
    (zones.test_points_on_the_straight_line_between_two_looks_change_nothing, Border, "crossings", at_the_end),
    (zones.test_jitter_smaller_than_the_margin_counts_nothing, Border, "beyond", anywhere),
    (zones.test_in_less_out_is_the_change_of_occupancy_for_who_begins_and_ends_outside, Zone, "_leave", unbalanced),
    (zones.test_frames_that_are_still_in_place_of_identical_ones_change_nothing, Passages, "update", restless),
    (test_a_step_of_the_wall_clock_changes_nothing_but_labels, Stream, "update", by_the_wall_clock),
]


@pytest.mark.long
@pytest.mark.parametrize(("holds", "owner", "name", "bug"), BUGS)
def test_each_property_fails_on_a_bug(
    holds: Callable[[], None], owner: Any, name: str, bug: Callable[[Any], Any]
) -> None:
    with planted(owner, name, bug), without_shrinking(), pytest.raises((AssertionError, ExceptionGroup)):
        holds()
