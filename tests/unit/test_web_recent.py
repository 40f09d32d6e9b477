"""The last events and counts that the page begins with."""

from itertools import islice

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.messages.counts import CountsReport
from edge_daemon.messages.events import Event
from edge_daemon.web.recent import KEPT, Recent


def event(number: int, phase: str = "start", camera: str = "yard", rule: str = "visitor") -> Event:
    return msgspec.convert(
        {
            "phase": phase,
            "id": f"id-{number}",
            "rule": rule,
            "camera": camera,
            "model": "m",
            "incident": "i",
            "alert": True,
            "at": f"{phase} of {number}",
            "time_s": 0.0,
            "epoch": 1,
            "seq": number,
            "tracks": [],
            "facts": [],
            "because": [],
        },
        Event,
    )


def numbers(
    recent: Recent,
    cameras: list[str] | None = None,
    rules: list[str] | None = None,
    after: str | None = None,
    most: int = KEPT,
) -> list[int]:
    return [one.event.seq for one in islice(recent.events(cameras, rules, after), most)]


def test_an_event_is_its_last_phase_and_when_it_began() -> None:
    recent = Recent()
    for phase in ("start", "update"):
        recent.add_event(event(1, phase))
    found = recent.event("id-1")
    assert found
    shown = found.shown()
    assert (shown["began_at"], shown["at"], shown["open"]) == ("start of 1", "update of 1", True)
    recent.add_event(event(2))
    recent.add_event(event(1, "end"))
    assert not found.shown()["open"]
    assert numbers(recent) == [2, 1], "it stays where it began"
    assert recent.event("id-3") is None


def test_no_more_are_kept_than_there_is_room_for() -> None:
    recent = Recent()
    for number in range(KEPT + 10):
        recent.add_event(event(number))
    assert numbers(recent) == list(reversed(range(10, KEPT + 10)))


@given(
    st.lists(st.tuples(st.sampled_from(["yard", "gate"]), st.sampled_from(["a", "b"])), max_size=40),
    st.sampled_from([None, ["yard"], ["yard", "gate"]]),
    st.sampled_from([None, ["a"]]),
    st.integers(1, 7),
)
def test_pages_have_each_event_once_and_those_only_that_are_asked_for(
    events: list[tuple[str, str]], cameras: list[str] | None, rules: list[str] | None, most: int
) -> None:
    recent = Recent()
    for number, (camera, rule) in enumerate(events):
        recent.add_event(event(number, camera=camera, rule=rule))
    pages: list[int] = []
    while page := numbers(recent, cameras, rules, after=f"id-{pages[-1]}" if pages else None, most=most):
        pages += page
    wanted = [
        number
        for number, (camera, rule) in enumerate(events)
        if (cameras is None or camera in cameras) and (rules is None or rule in rules)
    ]
    assert pages == wanted[::-1]


def test_of_counts_the_last_ones_are_kept() -> None:
    def counts(camera: str, duration_s: float) -> CountsReport:
        return CountsReport(
            camera=camera,
            model="m",
            from_="",
            to="",
            duration_s=duration_s,
            blind_s=0,
            blind={},
            blind_since_reset={},
            reset_at=None,
            changed=False,
            lines={},
            zones={},
        )

    recent = Recent()
    for one in (counts("yard", 1), counts("gate", 1), counts("yard", 2)):
        recent.add_counts(one)
    assert [(one.camera, one.duration_s) for one in recent.counts()] == [("gate", 1), ("yard", 2)]
    assert [one.camera for one in recent.counts(["yard"])] == ["yard"]
