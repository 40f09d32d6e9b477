"""Zones, lines and rules in the configuration: what they become, and the exact sentence for each that is wrong."""
# ruff: noqa: E501 - a case of a table is a line, however long its sentence

import pytest

from edge_daemon.config.class_checks import class_faults, confirm_faults, unknown_classes
from edge_daemon.config.load import loads
from edge_daemon.errors import ConfigError
from edge_daemon.settings import (
    Absent,
    Appears,
    ConfirmSettings,
    Count,
    Covers,
    Crosses,
    Deposited,
    Enters,
    FilterSettings,
    HasState,
    IgnoreSettings,
    Leaves,
    LineSettings,
    Speed,
    Stays,
    Taken,
    Then,
    ZoneSettings,
)

YARD = """\
location: {latitude: 52.5, longitude: 13.4, time_zone: Europe/Berlin}
modes: [home, away]
cameras:
  yard:
    source: 0
    zones:
      drive: {points: [[0.10, 0.55], [0.92, 0.55], [1, 1], [0, 1]], lengths: [4m, 12.5m, 4m, 12m]}
      door: {points: [[0.4, 0.2], [0.6, 0.2], [0.6, 0.5], [0.4, 0.5]], anchor: center, size: {min: 0.05}, confidence: 0.5}
    lines:
      gate: {points: [[0.2, 0.8], [0.8, 0.8]], classes: [person, car]}
    ignore: [{points: [[0, 0], [0.2, 0], [0.2, 0.2]], classes: [person]}]
  shed: {source: 1, models: [objects], zones: {hut: {points: [[0, 0], [1, 0], [1, 1]]}}}
models: {objects: {path: 'builtin:person', classes: [person]}, is-person: {path: m.onnx, after: objects}, faces: {path: f.onnx, after: objects}, off: {path: m.onnx, track: false}, cars: {path: c.onnx}}
rules:
"""
RULES = """\
  visitor-at-night: {cameras: [yard], classes: [person], enters: drive, during: "22:00-06:00", cooldown: 2min, linger: 0s, modes: [away]}
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
  parked:           {covers: {zone: drive, for: 10s}}
  through:          {crosses: {line: gate, then: {line: gate, direction: out, within: 10s}}, moves: 0.5}
  fast:             {speed: {zone: drive, above: 50}}
"""


def test_zones_and_lines_become_settings() -> None:
    yard = loads(YARD + RULES).cameras["yard"]
    assert yard.zones is not None
    assert yard.lines is not None
    assert yard.ignore is not None
    assert yard.zones["drive"].settings == ZoneSettings(
        points=((0.1, 0.55), (0.92, 0.55), (1.0, 1.0), (0.0, 1.0)), lengths=(4.0, 12.5, 4.0, 12.0)
    )
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
        "parked": Covers(zone="drive", for_s=10),
        "through": Crosses(line="gate", then=Then(line="gate", direction="out", within_s=10)),
        "fast": Speed(zone="drive", above=50),
    }
    visitor, loiterer = rules["visitor-at-night"].settings, rules["loiterer"].settings
    assert (visitor.during, visitor.modes, visitor.cooldown_s, visitor.linger_s) == ("22:00-06:00", ("away",), 120, 0)
    assert rules["through"].settings.filter.moves == 0.5
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
SQUARE, QUAD = "points: [[0, 0], [1, 0], [1, 1]]", "points: [[0, 0], [1, 0], [1, 1], [0, 1]]"


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
        (f"zones: {{drive: {{{SQUARE}, size: {{min: 0.5, max: 0.1}}}}}}", "zones.drive.size.min: is above max: 0.1, so that nothing counts (got 0.5)"),
        (f"zones: {{drive: {{{SQUARE}, moves: 0}}}}", "zones.drive.moves: must be above 0 (got 0)"),
        (f"zones: {{drive: {{{SQUARE}, lengths: [4m, 12m, 4m, 12m]}}}}", "zones.drive.lengths: is for zones of four corners; this one has 3 (got a list)"),
        (f"zones: {{drive: {{{QUAD}, lengths: [4m, 12m]}}}}", "zones.drive.lengths: must be the lengths of four sides, such as [4m, 12m, 4m, 12m]"),
        (f"zones: {{drive: {{{QUAD}, lengths: [4, 12, 4, 12]}}}}", "zones.drive.lengths: must be lengths in metres, such as 4m or 12.5m"),
        (f"zones: {{drive: {{{QUAD}, lengths: [4m, 12m, 4m, 20m]}}}}", "zones.drive.lengths: has a side that is as long as the three others together"),
        ("zones: {drive: {points: [[0, 0], [1, 0], [0.1, 0.1], [0, 1]], lengths: [4m, 12m, 4m, 12m]}}", "zones.drive.lengths: is for zones whose four corners all point outwards (got a list)"),
        ("zones: [drive]", "zones: must be a mapping of keys (got a list)"),
        ("lines: {gate: {points: [[0, 0]]}}", f"lines.gate.points: {LINE}"),
        ("lines: {gate: {points: [[0, 0], [0, 0]]}}", "lines.gate.points: has the same point twice in a row"),
        ("lines: {gate: {points: [0, 0, 1, 1]}}", f"lines.gate.points: {LINE}"),
        ("lines: {gate: {points: [[0, 0], [1, 1]], direction: in}}", "lines.gate.direction: unknown key; known keys here: classes, size, confidence, moves, points, anchor, margin, settle"),
        ("ignore: {points: [[0, 0], [1, 0], [1, 1]]}", "ignore: must be a list, such as [{points: [[0, 0], [0.2, 0], [0.2, 0.2]]}] (got a mapping)"),
        ("ignore: [[[0, 0], [1, 0], [1, 1]]]", "ignore[0]: must be a mapping of keys (got a list)"),
    ],
)  # fmt: skip
def test_wrong_zones_and_lines(settings: str, message: str) -> None:
    text = f"cameras:\n  yard: {{source: 0,\n    {settings}}}\nmodels: {{m: {{path: 'builtin:person'}}}}\n"
    assert errors(text) == [f"c.yaml:3: cameras.yard.{message}"]


ANY = "enters, leaves, appears, stays, covers, count, absent, left, taken, crosses, speed, scene, camera or system"
SPANS = 'write "22:00-06:00", "mon-fri 08:00-18:00" or "sunset-sunrise"'


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("", f": needs a condition: {ANY} (got a mapping)"),
        ("enters: drive, leaves: drive", ".leaves: is a second condition, beside enters; make two rules of them (got 'drive')"),
        ("enter: drive, leaves: drive", ".enter: unknown key; did you mean enters?"),
        ("enters: drivee", ".enters: must name a zone of a camera; there are door, drive, hut (got 'drivee'; did you mean drive?)"),
        ("enters: gate", ".enters: must name a zone of a camera; there are door, drive, hut (got 'gate')"),
        ("crosses: {line: drive}", ".crosses.line: must name a line of a camera; there are gate (got 'drive')"),
        ("crosses: gate", ".crosses: must be a mapping of keys (got 'gate')"),
        ("crosses: {line: gate, direction: left}", ".crosses.direction: must be in or out (got 'left')"),
        ("cameras: [shed], enters: drive", ".enters: must name a zone of its cameras; there are hut (got 'drive')"),
        ("cameras: [yard, shed], enters: drive", ".enters: is no zone of camera shed, which the rule names (got 'drive')"),
        ("cameras: [pool], enters: drive", ".cameras[0]: must name a camera: yard or shed (got 'pool')"),
        ("model: object, enters: drive", ".model: must name a model: objects, is-person, faces, off or cars (got 'object'; did you mean objects?)"),
        ("enters: drive, confirm: {model: nobody}", ".confirm.model: must name a model: objects, is-person, faces, off or cars (got 'nobody')"),
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
        ("covers: drive", ".covers: must be a mapping of keys (got 'drive')"),
        ("covers: {zone: gate}", ".covers.zone: must name a zone of a camera; there are door, drive, hut (got 'gate')"),
        ("crosses: {line: gate, then: {line: gatee, within: 5s}}", ".crosses.then.line: must name a line of a camera; there are gate (got 'gatee'; did you mean gate?)"),
        ("crosses: {line: gate, then: {line: gate}}", ".crosses.then.within: is missing; for example within: 10s"),
        ("crosses: {line: gate, direction: in, then: {line: gate, direction: in, within: 5s}}", ".crosses.then: is the crossing that comes first; name another line or direction (got a mapping)"),
        ("left: {zone: door, for: 1h}", ".left.for: must be shorter than furniture: 30min (got '1h')"),
        ("left: {zone: door, for: 5s, owner: person}", ".left.owner: must be a list, such as [person] (got 'person')"),
        ("speed: {zone: door, above: 50}", ".speed.zone: needs lengths in cameras.yard.zones.door (got 'door')"),
        ("speed: {zone: drive, above: 0}", ".speed.above: must be above 0 (got 0)"),
        ("crosses: {line: gate}, classes: [dog]", ".classes[0]: never counts: line gate has classes: car, person (got 'dog')"),
        ("enters: drive, model: objects, classes: [car]", ".classes[0]: never counts: the model has classes: person (got 'car')"),
        ("enters: drive, model: faces", ".model: runs on the detections of objects and has no tracks; name that (got 'faces')"),
        ("enters: drive, model: off", ".model: has track: false (got 'off')"),
        ("cameras: [shed], enters: hut, model: cars", ".model: does not run on camera shed; add it to models there (got 'cars')"),
        ("enters: hut, confirm: {model: is-person}", ".confirm.model: does not run on camera shed; add it to models there (got 'is-person')"),
        ("enters: drive, confirm: {model: objects}", ".confirm.model: must run after the model whose objects it confirms: set after in models.objects (got 'objects')"),
        ("enters: drive, model: cars, confirm: {model: is-person}", ".confirm.model: runs after objects, not after cars, the model of the rule (got 'is-person')"),
        ("camera: [down], classes: [person]", ".classes: is for rules about objects; camera is not about any (got a list)"),
        ("scene: [dark], per: track", ".per: must be camera: scene has one event for all objects (got 'track')"),
        ("count: {zone: door, above: 3}, per: track", ".per: must be camera: count has one event for all objects (got 'track')"),
        ("absent: {zone: door, for: 5s}, confirm: {model: is-person}", ".confirm: does not go with absent: there is nobody to look at (got a mapping)"),
        ("enters: drive, size: {min: 0.2, max: 0.1}", ".size.min: is above max: 0.1, so that nothing counts (got 0.2)"),
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


TRACKED = "cameras: {a: {source: 0, zones: {z: {points: [[0, 0], [1, 0], [1, 1]]}}}, b: {source: 1, lines: {l: {points: [[0, 0], [1, 0]]}}}}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models: {m: {path: 'builtin:person', track: false}}", "2: models.m.track: zones of camera a need it; leave it out (got false)"),
        ("models: {m: {path: 'builtin:person', track: true}}", None),
        ("models: {m: {path: 'builtin:person', track: yess}}", "2: models.m.track: must be a mapping of keys (got 'yess')"),
        ("models: {m: {path: 'builtin:person', track: {enable: true}}}", "2: models.m.track.enable: unknown key; did you mean enabled?"),
        ("models: {m: {path: 'builtin:person'}, n: {path: m.onnx, after: m, track: {}}}", "2: models.n.track: is for models that run on whole frames; leave it out (got a mapping)"),
        ("models: {m: {path: 'builtin:person'}}\ncounts: {every: 60}", "3: counts.every: needs a unit; write 30s, 5min or 2h (got 60)"),
        ("models: {m: {path: 'builtin:person'}}\ncounts: {reset: '24:00'}", '3: counts.reset: must be a local time such as "06:00", or a list of them (got \'24:00\')'),
        ("models: {m: {path: 'builtin:person'}}\ncounts: {reset: ['06:00', '06:00']}", "3: counts.reset: lists the same value twice, at [0] and [1]"),
        ("models: {m: {path: 'builtin:person'}}\nname: ''", "3: name: must not be empty (got '')"),
        ("models: {m: {path: 'builtin:person'}}\nrules: {r: {crosses: {line: l}, cameras: [a, b]}}", "3: rules.r.crosses.line: is no line of camera a, which the rule names (got 'l')"),
        ("models: {m: {path: 'builtin:person'}}\nlocation: {latitude: 90, longitude: 0}\nrules: {r: {enters: z, during: sunset-sunrise}}", "4: rules.r.during: is never: there is no sunrise or sunset at latitude 90 (got 'sunset-sunrise')"),
    ],
)  # fmt: skip
def test_wrong_tracks_counts_and_names(text: str, message: str | None) -> None:
    assert loads(TRACKED + text) if message is None else errors(TRACKED + text) == [f"c.yaml:{message}"]


def test_two_lines_of_a_rule_are_lines_of_one_camera() -> None:
    lines = "{l: {points: [[0, 0], [1, 0]]}}"
    text = f"""\
cameras: {{a: {{source: 0, lines: {lines}}}, b: {{source: 1, lines: {lines.replace("l:", "k:")}}}}}
models: {{m: {{path: 'builtin:person'}}}}
rules: {{r: {{crosses: {{line: l, then: {{line: k, within: 5s}}}}}}}}
"""
    assert errors(text) == ["c.yaml:3: rules.r.crosses.then.line: is no line of camera a (got 'k')"]


CLASSES = """\
cameras: {a: {source: 0, zones: {z: {points: [[0, 0], [1, 0], [1, 1]], classes: [persn]}}, ignore: [{points: [[0, 0], [1, 0], [1, 1]], classes: [dog]}]}}
models: {m: {path: m.onnx}, n: {path: n.onnx}, whole: {path: w.onnx}}
rules:
  r: """


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("enters: z, classes: [persn]", "4: rules.r.classes[0]: models m, n have no class 'persn': did you mean person?"),
        ("enters: z, model: n, classes: [persn]", "4: rules.r.classes[0]: model n has no class 'persn': did you mean person?"),
        ("enters: z, model: whole", "4: rules.r: no model of camera a gives boxes"),
        ("enters: z", "4: rules.r: needs model: m or n, which run on camera a"),
        ("enters: z, model: m", None),
        ("camera: [down]", None),
    ],
)  # fmt: skip
def test_classes_that_no_model_has_and_rules_that_need_a_model(rule: str, message: str | None) -> None:
    config = loads(f"{CLASSES}{{{rule}}}\n", "c.yaml")
    found = [str(one) for one in class_faults(config, {"m": ["person", "car"], "n": ["person"]}, ["whole"])]
    assert found == [
        "c.yaml:1: cameras.a.zones.z.classes[0]: models m, n have no class 'persn': did you mean person?",
        "c.yaml:1: cameras.a.ignore[0].classes[0]: models m, n have no class 'dog': there are car, person",
        *([f"c.yaml:{message}"] if message else []),
    ]


def test_a_model_that_confirms_has_one_of_the_classes() -> None:
    text = """\
cameras: {a: {source: 0, zones: {z: {points: [[0, 0], [1, 0], [1, 1]]}}}}
models: {m: {path: m.onnx}, n: {path: n.onnx, after: m}}
rules:
  one: {enters: z, classes: [person], confirm: {model: n}}
  two: {enters: z, classes: [person], confirm: {model: n, classes: [yes]}}
  all: {enters: z, confirm: {model: n}}
"""
    config = loads(text.replace("yes", "'yes'"), "c.yaml")
    assert [str(one) for one in confirm_faults(config, {"n": ["yes", "no"]})] == [
        "c.yaml:4: rules.one.confirm: model n has no class person, it has yes, no; set classes: here"
    ]
    assert [*confirm_faults(config, {})] == []


def test_the_model_that_knows_the_class_is_enough() -> None:
    config = loads(f"{CLASSES.replace(', classes: [persn]', '')}{{enters: z, classes: [car]}}\n")
    assert [one.key for one in class_faults(config, {"m": ["person", "car"], "n": ["person"]}, ["whole"])] == [
        "cameras.a.ignore[0].classes[0]"
    ]
    assert [*class_faults(config, {"m": ["person", "car"]}, ["whole"])] == []  # nothing is known of n


def test_classes_that_the_configuration_does_not_list_are_found_without_the_models() -> None:
    text = f"{CLASSES}{{enters: z, classes: [persn]}}\n".replace("m.onnx", "m.onnx, labels: [person, car]")
    listed = text.replace("n.onnx", "n.onnx, labels: [dog]").replace("w.onnx", "w.onnx, labels: [cat], after: m")
    assert [str(one) for one in unknown_classes(loads(listed, "c.yaml"))] == [
        "c.yaml:1: cameras.a.zones.z.classes[0]: models m, n have no class 'persn': did you mean person?",
        "c.yaml:4: rules.r.classes[0]: models m, n have no class 'persn': did you mean person?",
    ]
    assert [*unknown_classes(loads(text))] == []
