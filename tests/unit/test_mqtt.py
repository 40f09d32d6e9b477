"""Topics of MQTT, the present as states, discovery by Home Assistant, and commands."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.bridge.retained import Retained
from edge_daemon.delivery.commands import Snapshot, command
from edge_daemon.delivery.homeassistant import Discovery, platforms, with_removed
from edge_daemon.delivery.present import LONGEST_S, Present
from edge_daemon.delivery.settings import PlacesSettings
from edge_daemon.delivery.topics import Topics, identifier, level
from edge_daemon.messages.requests import Requester, SetMode, SwitchRule
from edge_daemon.messages.status import CameraStatus, Status, StreamCounts, Totals
from edge_daemon.messages.switches import SwitchState

TOPICS = Topics("edge", "yard box")
PLACES = {
    "yard": PlacesSettings(zones=("drive",), lines=("gate",), rules=("visitor", "offline"), troubles=("offline",))
}
BY = Requester(name="home", role="operator", via="mqtt")


@given(st.lists(st.text(min_size=1), min_size=2, max_size=2, unique=True))
def test_names_are_written_in_levels_and_ids_without_confusion(names: list[str]) -> None:
    first, second = names
    assert level(first) != level(second)
    assert identifier(first) != identifier(second)
    assert identifier(first, second) != identifier(second, first)
    assert not set("/+#\0") & set(level(first))
    assert re.fullmatch(r"[A-Za-z0-9_-]+", identifier(first, second))
    if not set(first) & set("/+#_") and first.isprintable():
        assert level(first) == first


def event(id: str, phase: str, **more: Any) -> dict[str, Any]:
    return {"type": "event", "id": id, "phase": phase, "camera": "yard", "rule": "visitor"} | more


def counts(now: int, entered: int, crossed: int) -> dict[str, Any]:
    zones = {"drive": {"person": {"now": now, "entered_since_reset": entered, "left_since_reset": entered - now}}}
    lines = {"gate": {"person": {"in_since_reset": crossed, "out_since_reset": 1}}}
    reset = "2026-11-28T00:00:00Z"
    return {"type": "counts", "camera": "yard", "model": "m", "reset_at": reset, "zones": zones, "lines": lines}


def states(present: Present, now_s: float = 0.0) -> dict[str, Any]:
    return dict(present.states(TOPICS, PLACES, now_s))


def status(inside: int, switches: SwitchState | None = None, state: str = "up") -> Status:
    totals = Totals(zones={"drive": {"person": inside, "car": 0}})
    stream = StreamCounts(
        captured=1, delivered=1, dropped={}, in_flight=0, fps=1, latency_ms={}, found={}, totals=totals
    )
    camera = CameraStatus(state=state, models={"m": stream}, reason="refused" if state != "up" else msgspec.UNSET)
    return Status(at="now", cameras={"yard": camera}, processes=[], switches=switches or SwitchState())


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["start", "update", "end"])), max_size=20))
def test_a_rule_is_on_exactly_while_one_of_its_events_goes_on(phases: list[tuple[int, str]]) -> None:
    present, going = Present(), set[int]()
    for number, phase in phases:
        present.note(event(str(number), phase), 0.0)
        going = going | {number} if phase == "start" else going - {number} if phase == "end" else going
        assert states(present)[TOPICS.occurs("yard", "visitor")] == ("ON" if going else "OFF")
    assert states(present, LONGEST_S)[TOPICS.occurs("yard", "visitor")] == "OFF", "its end was lost"


def test_states_are_of_the_last_counts_and_the_last_status() -> None:
    present = Present()
    assert TOPICS.line("yard", "gate") not in states(present), "not known, which is not 0"
    assert TOPICS.camera("yard") not in states(present)
    present.note(counts(1, 5, 7), 0.0)
    found = states(present)
    assert found[TOPICS.line("yard", "gate")] == {"in": 7, "out": 1, "reset_at": "2026-11-28T00:00:00Z"}
    zone = {"entered": 5, "left": 4, "reset_at": "2026-11-28T00:00:00Z"}
    assert found[TOPICS.zone("yard", "drive")] == {"occupied": "ON", "now": 1, "classes": {"person": 1}} | zone
    present.status = status(0, SwitchState(mode="home", off={"visitor": None}), "down (refused)")
    found = states(present)
    assert found[TOPICS.zone("yard", "drive")] == {"occupied": "OFF", "now": 0, "classes": {}} | zone
    assert found[TOPICS.rule("visitor")] == "OFF"
    assert found[TOPICS.rule("offline")] == "ON"
    assert found[TOPICS.mode] == "home"
    assert found[TOPICS.camera("yard")] == {
        "v": 1, "type": "camera", "camera": "yard", "state": "down", "reason": "refused"
    }  # fmt: skip
    assert found["edge/yard box/status"] == "online"


def test_discovery_names_topics_that_are_published() -> None:
    discovery = Discovery(TOPICS, "yard box", "1.0", commands=True, stills=["yard"])
    topic, message = discovery.camera("yard", PLACES["yard"])
    assert topic == "homeassistant/device/edge__yard_20box__yard/config"
    present = Present()
    present.note(counts(0, 0, 0), 0.0)
    present.status = status(0, SwitchState(mode="home"))
    published = {*states(present), TOPICS.still("yard"), TOPICS.snapshot("yard")}
    published |= {TOPICS.event("yard", rule) for rule in PLACES["yard"].rules}
    parts = message["components"]
    for one in parts.values():
        named = {one[key] for key in ("state_topic", "json_attributes_topic", "image_topic") if key in one}
        available = {of["topic"] for of in [*message["availability"], *one.get("availability", [])]}
        assert named | available <= published
    kinds = sorted(platforms(message).values())
    assert kinds == ["binary_sensor"] * 3 + ["button"] + ["image"] * 2 + ["sensor"] * 5 + ["switch"] * 2
    assert len({one["unique_id"] for one in parts.values()}) == len(parts)
    assert parts["rule__offline"]["availability"] == [{"topic": TOPICS.status}], (
        "it is about a camera that is not there"
    )
    assert discovery.box(["home", "away"]) is not None
    assert Discovery(TOPICS, "box", "1.0", commands=False).box(["home", "away"]) is None
    without = Discovery(TOPICS, "yard box", "1.0", commands=False).camera("yard", PlacesSettings(zones=("drive",)))[1]
    removed = with_removed(without, platforms(message))["components"]
    assert removed["rule__visitor"] == {"platform": "binary_sensor"}
    assert removed["zone__drive"] == without["components"]["zone__drive"]


@given(st.text(min_size=1), st.text(min_size=1))
def test_foreign_names_are_in_no_template(camera: str, name: str) -> None:
    places = PlacesSettings(zones=(name,), lines=(name,), rules=(name,))
    discovery = Discovery(TOPICS, "box", "1.0", commands=True, stills=[camera])
    usual = Discovery(TOPICS, "box", "1.0", commands=True, stills=["yard"])

    def templates(message: dict[str, Any]) -> set[str]:
        return set(re.findall(r'template": ("(?:[^"\\]|\\.)*")', json.dumps(message)))

    same = PlacesSettings(zones=("z",), lines=("l",), rules=("r",))
    assert templates(discovery.camera(camera, places)[1]) == templates(usual.camera("yard", same)[1])


def test_commands_are_of_rules_cameras_and_the_mode() -> None:
    def asked(topic: str, payload: bytes = b"") -> object:
        return command(TOPICS, PLACES, BY, topic, payload)

    assert asked("edge/yard box/rule/visitor/set", b"off") == SwitchRule(by=BY, rule="visitor", enabled=False)
    assert asked("edge/yard box/rule/visitor/set", b"ON") == SwitchRule(by=BY, rule="visitor", enabled=True)
    assert asked("edge/yard box/mode/set", b"away") == SetMode(by=BY, mode="away")
    assert asked("edge/yard box/camera/yard/snapshot/set") == Snapshot("yard")
    for topic in ("edge/yard box/rule/other/set", "edge/yard box/camera/gate/snapshot/set", "edge/yard box/status"):
        with pytest.raises(ValueError, match="no topic"):
            asked(topic, b"ON")
    with pytest.raises(ValueError, match="ON or OFF"):
        asked("edge/yard box/rule/visitor/set", b"\xff")


def test_what_is_not_wanted_any_more_is_removed_also_by_a_later_process(tmp_path: Path) -> None:
    retained = Retained(tmp_path / "home.mqtt.json")
    retained.note_platforms("device", {"rule": "binary_sensor"})
    for topic, payload in retained.changes({"device": b"1", "state": b"2"}):
        retained.note(topic, payload)
    assert not list(retained.changes({"device": b"1", "state": b"2"}))
    assert list(retained.changes({"device": b"1", "state": b"3"})) == [("state", b"3")]
    retained.forget()
    assert list(retained.changes({"device": b"1", "state": b"2"})) == [("device", b"1"), ("state", b"2")]
    later = Retained(tmp_path / "home.mqtt.json")
    assert later.platforms("device") == {"rule": "binary_sensor"}
    assert list(later.changes({"state": b"2"})) == [("device", b""), ("state", b"2")]
    later.note_platforms("device", {"zone": "sensor"})
    assert Retained(tmp_path / "home.mqtt.json").platforms("device") == {"rule": "binary_sensor", "zone": "sensor"}
    later.note("device", b"")
    assert not Retained(tmp_path / "home.mqtt.json").platforms("device")
