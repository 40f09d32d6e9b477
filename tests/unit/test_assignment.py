"""Which rules, zones and lines belong to which camera and model."""

from edge_daemon.config.assignment import rules_of
from edge_daemon.config.load import loads
from edge_daemon.settings import StreamRulesSettings

ZONES = "zones: {drive: {points: [[0, 0], [1, 0], [1, 1]]}}"
LINES = "lines: {gate: {points: [[0, 0], [1, 0]]}}"


def assigned(
    cameras: str, models: str, rules: str = "", more: str = "", classes: dict[str, list[str]] | None = None
) -> dict[tuple[str, str], StreamRulesSettings]:
    return rules_of(loads(f"cameras: {{{cameras}}}\nmodels: {{{models}}}\nrules: {{{rules}}}\n{more}"), classes)


def summary(found: dict[tuple[str, str], StreamRulesSettings]) -> dict[tuple[str, str], tuple[bool, list[str]]]:
    return {key: (one.track, list(one.rules)) for key, one in found.items()}


ONE, TWO = "a: {path: 'builtin:person'}", "a: {path: 'builtin:person'}, b: {path: 'builtin:person'}"


def test_nothing_asks_for_nothing() -> None:
    assert assigned("c: {source: 0}", TWO) == {}
    assert assigned("c: {source: 0, ignore: [{points: [[0, 0], [1, 0], [1, 1]]}]}", TWO) == {}


def test_zones_and_lines_without_rules_are_counted_in_the_first_model() -> None:
    found = assigned(
        f"c: {{source: 0, {ZONES}, {LINES}}}, d: {{source: 1}}", TWO, more="counts: {every: 10s, reset: []}"
    )
    assert summary(found) == {("c", "a"): (True, [])}
    settings = found["c", "a"]
    assert (list(settings.zones.zones), list(settings.zones.lines)) == (["drive"], ["gate"])
    assert (settings.every_s, settings.reset) == (10.0, ())


def test_track_turns_tracks_on_and_off() -> None:
    models = "a: {path: 'builtin:person'}, b: {path: 'builtin:person', track: {}}"
    assert summary(assigned("c: {source: 0}", models)) == {("c", "b"): (True, [])}
    assert summary(assigned(f"c: {{source: 0, {ZONES}}}", models)) == {("c", "b"): (True, [])}
    off = "a: {path: 'builtin:person', track: false}, b: {path: 'builtin:person'}"
    assert summary(assigned(f"c: {{source: 0, {ZONES}}}", off)) == {("c", "b"): (True, [])}


def test_a_rule_applies_to_all_cameras_with_its_zone_or_to_those_that_it_names() -> None:
    cameras = f"c: {{source: 0, {ZONES}}}, d: {{source: 1}}, e: {{source: 2, {ZONES}}}"
    assert summary(assigned(cameras, ONE, "r: {enters: drive}")) == {
        ("c", "a"): (True, ["r"]),
        ("e", "a"): (True, ["r"]),
    }
    assert summary(assigned(cameras, ONE, "r: {enters: drive, cameras: [e]}")) == {
        ("c", "a"): (True, []),
        ("e", "a"): (True, ["r"]),
    }


def test_a_rule_uses_the_model_that_it_names_or_the_one_that_knows_its_class() -> None:
    cameras = f"c: {{source: 0, {ZONES}}}"
    assert summary(assigned(cameras, TWO, "r: {enters: drive, model: b}")) == {("c", "b"): (True, ["r"])}
    rule = "r: {enters: drive, classes: [car]}"
    assert summary(assigned(cameras, TWO, rule)) == {("c", "a"): (True, ["r"])}
    known = {"a": ["person"], "b": ["person", "car"]}
    assert summary(assigned(cameras, TWO, rule, classes=known)) == {("c", "b"): (True, ["r"])}


def test_a_model_that_runs_on_detections_of_another_has_no_tracks() -> None:
    models = "b: {path: 'builtin:person', after: a}, a: {path: 'builtin:person'}"
    assert summary(assigned(f"c: {{source: 0, {ZONES}}}", models)) == {("c", "a"): (True, [])}


def test_rules_about_cameras_and_the_system_need_no_tracks() -> None:
    rules = "offline: {camera: [down]}, covered: {scene: [covered], cameras: [d]}, disk: {system: [disk]}"
    found = assigned("c: {source: 0}, d: {source: 1}", "a: {path: m.onnx, track: false}", rules)
    assert summary(found) == {("c", "a"): (False, ["offline", "disk"]), ("d", "a"): (False, ["offline", "covered"])}
    assert not found["d", "a"].zones.zones
    assert summary(assigned("c: {source: 0}", ONE, "offline: {camera: [down]}")) == {("c", "a"): (False, ["offline"])}


def test_the_configuration_may_say_which_model_knows_a_class() -> None:
    cameras, rule = f"c: {{source: 0, {ZONES}}}", "r: {enters: drive, classes: [car]}"
    labelled = "a: {path: m.onnx, labels: [person]}, b: {path: n.onnx, labels: [car]}"
    assert summary(assigned(cameras, labelled, rule)) == {("c", "b"): (True, ["r"])}
    kept = "a: {path: m.onnx}, b: {path: n.onnx, labels: [car, bus], classes: [car]}"
    assert summary(assigned(cameras, kept, rule)) == {("c", "b"): (True, ["r"])}
    other = "a: {path: m.onnx, labels: [person]}, b: {path: n.onnx}"
    assert summary(assigned(cameras, other, rule)) == {("c", "b"): (True, ["r"])}


def test_a_rule_uses_the_model_after_which_the_one_that_confirms_runs() -> None:
    models = f"{TWO}, check: {{path: n.onnx, after: b}}"
    rule = "r: {enters: drive, confirm: {model: check}}"
    assert summary(assigned(f"c: {{source: 0, {ZONES}}}", models, rule)) == {("c", "b"): (True, ["r"])}
