"""Counts that are stored, added up in buckets."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.messages.published import utc
from edge_daemon.store import buckets

START_S = 1_800_000_000.0


def report(minute: int, came: int, entered: int, blind_s: float, camera: str = "gate") -> dict[str, Any]:
    times = {"from": utc(int((START_S + 60 * minute) * 1e9)), "to": utc(int((START_S + 60 * (minute + 1)) * 1e9))}
    line = {"in": came, "out": 1, "uncertain": 0, "in_total": 99}
    zone = {"now": minute, "entered": entered, "left": 0, "uncertain": 2, "entered_total": 99}
    places = {"lines": {"door": {"person": line}, "back": {"cat": line}}, "zones": {"shop": {"person": zone}}}
    return {"camera": camera, "model": "m", **times, "duration_s": 60.0, "blind_s": blind_s, **places}


@given(
    counts=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(0, 60)), max_size=40),
    step_s=st.sampled_from([60.0, 300.0, 3600.0]),
)
def test_buckets_add_up_to_what_was_counted(counts: list[tuple[int, int, float]], step_s: float) -> None:
    reports = [report(minute, *one) for minute, one in enumerate(counts)]
    made = buckets.of(reports, START_S, START_S + 3600, step_s)
    assert sum(one["lines"]["door"]["person"]["in"] for one in made) == sum(came for came, _, _ in counts)
    assert sum(one["zones"]["shop"]["person"]["entered"] for one in made) == sum(entered for _, entered, _ in counts)
    assert abs(sum(one["blind_s"] for one in made) - sum(blind for _, _, blind in counts)) < 0.1
    assert sum(one["duration_s"] for one in made) == 60 * len(counts)
    assert len(made) == -(-60 * len(counts) // int(step_s))
    if made:
        assert made[-1]["zones"]["shop"]["person"]["now"] == len(counts) - 1


def test_places_that_were_not_asked_for_are_left_out() -> None:
    reports = [report(0, 3, 4, 0.0), report(0, 1, 1, 0.0, "yard")]
    gate, yard = buckets.of(reports, START_S, START_S + 60, 60, lines=["door"])
    assert (gate["camera"], list(gate["lines"]), gate["zones"]) == ("gate", ["door"], {})
    assert yard["lines"]["door"]["person"] == {"in": 1, "out": 1, "uncertain": 0}
    (both, _) = buckets.of(reports, START_S, START_S + 60, 60, lines=["door"], zones=["shop", "nowhere"])
    assert (list(both["lines"]), list(both["zones"])) == (["door"], ["shop"])
