"""Zones, lines and rules in the configuration: what they become, and the exact sentence for each that is wrong."""
# ruff: noqa: E501 - a case of a table is a line, however long its sentence

import pytest

from edge_daemon.config.load import loads
from edge_daemon.errors import ConfigError
from edge_daemon.settings import (
    Absent,
    Appears,
    ConfirmSettings,
    Count,
    Crosses,
    Deposited,
    Enters,
    FilterSettings,
    HasState,
    IgnoreSettings,
    Leaves,
    LineSettings,
    Stays,
    Taken,
    ZoneSettings,
)

YARD = """\
location: {latitude: 52.5, longitude: 13.4, time_zone: Europe/Berlin}
modes: [home, away]
cameras:
  yard:
    source: 0
    zones:
      drive: {points: [[0.10, 0.55], [0.92, 0.55], [1, 1], [0, 1]]}
      door: {points: [[0.4, 0.2], [0.6, 0.2], [0.6, 0.5], [0.4, 0.5]], anchor: center, size: {min: 0.05}, confidence: 0.5}
    lines:
      gate: {points: [[0.2, 0.8], [0.8, 0.8]], classes: [person, car]}
    ignore: [{points: [[0, 0], [0.2, 0], [0.2, 0.2]], classes: [person]}]
  shed: {source: 1}
models: {objects: {path: 'builtin:person'}, is-person: {path: m.onnx}}
rules:
"""
RULES = """\
  visitor-at-night: {cameras: [yard], classes: [person], enters: drive, during: "22:00-06:00", cooldown: 2min, modes: [away]}
  too-many:         {count: {zone: door, above: 3, for: 10s}}
  loiterer:         {classes: [person], stays: {zone: door, for: 30s}, confirm: {model: is-person, within: 3s}}
  wrong-way:        {classes: [car], crosses: {line: gate, direction: out}}
  left-bag:         {classes: [backpack, suitcase], left: {zone: door, for: 60s}}
  nobody-there:     {classes: [person], absent: {zone: door, for: 5min}, during: "mon-fri 08:00-18:00"}
  covered:          {scene: [covered, moved, dark]}
  offline:          {camera: [down, frozen], for: 1min}
  trouble:          {system: [disk, storage, receiver, restarts], for: 5min, quiet: true}
  gone:             {leaves: drive, per: track}
  stolen:           {taken: {zone: door, for: 60s}}
  there:            {appears: drive, during: sunset-sunrise}
"""


def test_zones_and_lines_become_settings() -> None:
    yard = loads(YARD + RULES).cameras["yard"]
    assert yard.zones is not None
    assert yard.lines is not None
    assert yard.ignore is not None
    assert yard.zones["drive"].settings == ZoneSettings(points=((0.1, 0.55), (0.92, 0.55), (1.0, 1.0), (0.0, 1.0)))
    assert yard.zones["door"].settings == ZoneSettings(
        points=((0.4, 0.2), (0.6, 0.2), (0.6, 0.5), (0.4, 0.5)),
        anchor="center",
        filter=FilterSettings(min_size=0.05, confidence=0.5),
    )
    assert yard.lines["gate"].settings == LineSettings(
        points=((0.2, 0.8), (0.8, 0.8)), filter=FilterSettings(classes=("person", "car"))
    )
    assert [one.settings for one in yard.ignore] == [
        IgnoreSettings(points=((0.0, 0.0), (0.2, 0.0), (0.2, 0.2)), classes=("person",))
    ]


def test_rules_become_settings() -> None:
    rules = loads(YARD + RULES).rules
    assert rules is not None
    assert {name: rule.settings.condition for name, rule in rules.items()} == {
        "visitor-at-night": Enters(zone="drive"),
        "too-many": Count(zone="door", above=3, for_s=10),
        "loiterer": Stays(zone="door", for_s=30),
        "wrong-way": Crosses(line="gate", direction="out"),
        "left-bag": Deposited(zone="door", for_s=60, furniture_s=1800),
        "nobody-there": Absent(zone="door", for_s=300),
        "covered": HasState(of="scene", states=("covered", "moved", "dark")),
        "offline": HasState(of="camera", states=("down", "frozen"), for_s=60),
        "trouble": HasState(of="system", states=("disk", "storage", "receiver", "restarts"), for_s=300),
        "gone": Leaves(zone="drive"),
        "stolen": Taken(zone="door", for_s=60),
        "there": Appears(zone="drive"),
    }
    visitor, loiterer = rules["visitor-at-night"].settings, rules["loiterer"].settings
    assert (visitor.during, visitor.modes, visitor.cooldown_s) == ("22:00-06:00", ("away",), 120)
    assert visitor.filter == FilterSettings(classes=("person",))
    assert loiterer.confirm == ConfirmSettings(model="is-person", within_s=3)
    assert (loiterer.cooldown_s, loiterer.linger_s, loiterer.per) == (30, 5, "camera")
    assert (rules["trouble"].settings.quiet, rules["gone"].settings.per) == (True, "track")


def errors(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loads(text, "c.yaml")
    return str(caught.value).splitlines()


POLYGON = "must be a polygon: three or more points [x, y], from [0, 0] at the top left to [1, 1]"
LINE = "must be a line: two or more points [x, y], from [0, 0] at the top left to [1, 1]"
SQUARE = "points: [[0, 0], [1, 0], [1, 1]]"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("zones: {drive: {}}", "zones.drive.points: is missing; for example points: [[0.1, 0.55], [0.92, 0.55], [1, 1], [0, 1]]"),
        ("zones: {drive: {points: [[0, 0], [1, 1]]}}", f"zones.drive.points: {POLYGON}"),
        ("zones: {drive: {points: [[0, 0], [640, 0], [640, 480]]}}", f"zones.drive.points: {POLYGON}"),
        ("zones: {drive: {points: [[0, 0], [1, 1], [1, 0], [0, 1]]}}", "zones.drive.points: crosses itself: the edges from point 1 and from point 3 meet"),
        ("zones: {drive: {points: [[0, 0], [1, 0], [0.5, 0]]}}", "zones.drive.points: crosses itself: the edges from point 1 and from point 2 meet"),
        ("zones: {drive: {points: [[0, 0], [1, 0], [1, 1], [1, 1]]}}", "zones.drive.points: crosses itself: the edges from point 1 and from point 3 meet"),
        (f"zones: {{drive: {{{SQUARE}, anchor: middle}}}}", "zones.drive.anchor: must be bottom, center or top (got 'middle')"),
        (f"zones: {{drive: {{{SQUARE}, anchor: centre}}}}", "zones.drive.anchor: must be bottom, center or top (got 'centre'; did you mean center?)"),
        (f"zones: {{drive: {{{SQUARE}, size: 0.5}}}}", "zones.drive.size: must be a mapping of keys (got 0.5)"),
        (f"zones: {{drive: {{{SQUARE}, size: {{minimum: 0.5}}}}}}", "zones.drive.size.minimum: unknown key; did you mean min?"),
        (f"zones: {{drive: {{{SQUARE}, confidence: 50}}}}", "zones.drive.confidence: must be from 0 to 1 (got 50)"),
        (f"zones: {{drive: {{{SQUARE}, settle: 1}}}}", "zones.drive.settle: needs a unit; write 30s, 5min or 2h (got 1)"),
        (f"zones: {{drive: {{{SQUARE}, class: person}}}}", "zones.drive.class: unknown key; did you mean classes?"),
        ("zones: [drive]", "zones: must be a mapping of keys (got a list)"),
        ("lines: {gate: {points: [[0, 0]]}}", f"lines.gate.points: {LINE}"),
        ("lines: {gate: {points: [[0, 0], [0, 0]]}}", "lines.gate.points: has the same point twice in a row"),
        ("lines: {gate: {points: [0, 0, 1, 1]}}", f"lines.gate.points: {LINE}"),
        ("lines: {gate: {points: [[0, 0], [1, 1]], direction: in}}", "lines.gate.direction: unknown key; known keys here: classes, size, confidence, points, anchor, margin, settle"),
        ("ignore: {points: [[0, 0], [1, 0], [1, 1]]}", "ignore: must be a list, such as [{points: [[0, 0], [0.2, 0], [0.2, 0.2]]}] (got a mapping)"),
        ("ignore: [[[0, 0], [1, 0], [1, 1]]]", "ignore[0]: must be a mapping of keys (got a list)"),
    ],
)  # fmt: skip
def test_wrong_zones_and_lines(settings: str, message: str) -> None:
    text = f"cameras:\n  yard: {{source: 0,\n    {settings}}}\nmodels: {{m: {{path: 'builtin:person'}}}}\n"
    assert errors(text) == [f"c.yaml:3: cameras.yard.{message}"]


ANY = "enters, leaves, appears, stays, count, absent, left, taken, crosses, scene, camera or system"
SPANS = 'write "22:00-06:00", "mon-fri 08:00-18:00" or "sunset-sunrise"'


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("", f": needs a condition: {ANY} (got a mapping)"),
        ("enters: drive, leaves: drive", ".leaves: is a second condition, beside enters; make two rules of them (got 'drive')"),
        ("enter: drive, leaves: drive", ".enter: unknown key; did you mean enters?"),
        ("enters: drivee", ".enters: must name a zone of a camera; there are door, drive (got 'drivee'; did you mean drive?)"),
        ("enters: gate", ".enters: must name a zone of a camera; there are door, drive (got 'gate')"),
        ("crosses: {line: drive}", ".crosses.line: must name a line of a camera; there are gate (got 'drive')"),
        ("crosses: gate", ".crosses: must be a mapping of keys (got 'gate')"),
        ("crosses: {line: gate, direction: left}", ".crosses.direction: must be in or out (got 'left')"),
        ("cameras: [shed], enters: drive", ".enters: must name a zone of its cameras; there is no zone yet (got 'drive')"),
        ("cameras: [yard, shed], enters: drive", ".enters: is no zone of camera shed, which the rule names (got 'drive')"),
        ("cameras: [pool], enters: drive", ".cameras[0]: must name a camera: yard or shed (got 'pool')"),
        ("model: object, enters: drive", ".model: must name a model: objects or is-person (got 'object'; did you mean objects?)"),
        ("enters: drive, confirm: {model: nobody}", ".confirm.model: must name a model: objects or is-person (got 'nobody')"),
        ("enters: drive, modes: [night]", ".modes[0]: must be one of modes: home, away (got 'night')"),
        ("enters: drive, for: 5s", ".for: is for scene, camera or system (got '5s')"),
        ("stays: {zone: door, for: 5s}, for: 5s", ".for: is for scene, camera or system; write stays: {…, for: …} (got '5s')"),
        ("stays: {zone: door}", ".stays.for: is missing; for example for: 30s"),
        ("stays: {zone: door, for: 30}", ".stays.for: needs a unit; write 30s, 5min or 2h (got 30)"),
        ("count: {zone: door}", ".count: needs above or below (got a mapping)"),
        ("count: {zone: door, above: -1}", ".count.above: must be from 0 to 1000 (got -1)"),
        ("count: {zone: door, above: 3, below: 5}", ".count.below: and above: 3 let everything count (got 5)"),
        ("camera: [offline]", ".camera[0]: must be down or frozen (got 'offline')"),
        ("camera: []", ".camera: must not be empty; leave the key out instead"),
        ("enters: drive, during: 22-6", f'.during: "22-6" is no range of time; {SPANS} (got \'22-6\')'),
        ("enters: drive, during: '24:30-06:00'", f".during: there is no 24:30; {SPANS} (got '24:30-06:00')"),
        ("enters: drive, cooldown: 2 min", ".cooldown: must be a duration, such as 30s, 5min or 2h (got '2 min')"),
        ("enters: drive, per: person", ".per: must be camera or track (got 'person')"),
    ],
)  # fmt: skip
def test_wrong_rules(settings: str, message: str) -> None:
    assert errors(f"{YARD}  r: {{{settings}}}\n") == [f"c.yaml:15: rules.r{message}"]


def test_the_sun_needs_a_location_and_a_time_zone_has_to_exist() -> None:
    text = (
        YARD.replace("latitude: 52.5, ", "").replace("Berlin", "Berlinn")
        + "  r: {enters: drive, during: sunset-sunrise}\n"
    )
    assert errors(text) == [
        "c.yaml:1: location.time_zone: must be a time zone, such as Europe/Berlin (got 'Europe/Berlinn'; did you mean Europe/Berlin?)",
        "c.yaml:15: rules.r.during: sunrise and sunset need location: {latitude, longitude} (got 'sunset-sunrise')",
    ]
