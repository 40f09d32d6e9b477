"""Checks of rules across keys: zones, lines, cameras, models and modes exist, and a rule can come true.

They read plain data, as `cross_checks` does.
"""

from collections.abc import Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from edge_daemon.config.never import never_faults
from edge_daemon.config.problems import KeyPath, either
from edge_daemon.config.rule_data import STATES, TIMED, Data, Fault, cameras_of, mapping, places_of, strings
from edge_daemon.config.rules import CONDITIONS
from edge_daemon.rules.during import During, Place


def rule_faults(data: Data) -> Iterator[Fault]:
    """All failed checks. Values of a wrong type are skipped: the schema reports them."""
    yield from _time_zone(data)
    for name, settings in mapping(data.get("rules")).items():
        rule, path = mapping(settings), ("rules", name)
        if isinstance(settings, dict):
            yield from _condition(path, rule)
            yield from _place(path, rule, data)
            yield from _names(path, rule, data)
            yield from _limits(path, rule, data)
    yield from never_faults(data)


def _time_zone(data: Data) -> Iterator[Fault]:
    name = mapping(data.get("location")).get("time_zone")
    if isinstance(name, str):
        try:
            ZoneInfo(name)
        except (ValueError, ZoneInfoNotFoundError, OSError):
            yield ("location", "time_zone"), "must be a time zone, such as Europe/Berlin", sorted(available_timezones())


def _condition(path: KeyPath, rule: Data) -> Iterator[Fault]:
    given = [key for key in CONDITIONS if rule.get(key) is not None]
    if not given:
        yield path, f"needs a condition: {either(CONDITIONS)}", []
    elif len(given) > 1:
        yield (*path, given[1]), f"is a second condition, beside {given[0]}; make two rules of them", []
    if rule.get("for") is not None and not set(given) & set(STATES):
        inside = next((f"; write {key}: {{…, for: …}}" for key in given if key in TIMED), "")
        yield (*path, "for"), f"is for {either(STATES)}{inside}", []


def _place(path: KeyPath, rule: Data, data: Data) -> Iterator[Fault]:
    """Zones and lines of a rule, which each of its cameras has to have, or the same camera if it names none."""
    cameras = {name: mapping(camera) for name, camera in mapping(data.get("cameras")).items()}
    named = [one for one in strings(rule.get("cameras")) if one in cameras]
    used = list(cameras_of(rule, data))
    for kind, name, place in places_of(path, rule):
        having = {camera: list(mapping(cameras[camera].get(f"{kind}s"))) for camera in named or cameras}
        known = sorted({one for names in having.values() for one in names})
        if name not in known:
            there = f"there are {', '.join(known)}" if known else f"there is no {kind} yet"
            yield place, f"must name a {kind} of {'its cameras' if named else 'a camera'}; {there}", known
        elif lacking := [camera for camera in named if name not in having[camera]]:
            yield place, f"is no {kind} of camera {lacking[0]}, which the rule names", having[lacking[0]]
        elif used and not any(name in having[camera] for camera in used):
            yield place, f"is no {kind} of camera {either(used)}", having[used[0]]


def _names(path: KeyPath, rule: Data, data: Data) -> Iterator[Fault]:
    cameras, models = list(mapping(data.get("cameras"))), list(mapping(data.get("models")))
    modes = [mode for mode in _list(data.get("modes")) if isinstance(mode, str)]
    for i, camera in enumerate(_list(rule.get("cameras"))):
        if isinstance(camera, str) and camera not in cameras:
            yield (*path, "cameras", i), f"must name a camera: {either(cameras)}", cameras
    confirm = mapping(rule.get("confirm"))
    for place, model in (((*path, "model"), rule.get("model")), ((*path, "confirm", "model"), confirm.get("model"))):
        if isinstance(model, str) and models and model not in models:
            yield place, f"must name a model: {either(models)}", models
    for i, mode in enumerate(_list(rule.get("modes"))):
        if isinstance(mode, str) and mode not in modes:
            yield (*path, "modes", i), f"must be one of modes: {', '.join(modes) or 'there are none'}", modes


def _limits(path: KeyPath, rule: Data, data: Data) -> Iterator[Fault]:
    """Ranges of time that cannot be read, and limits between which nothing lies."""
    count = mapping(rule.get("count"))
    above, below = count.get("above"), count.get("below")
    if count and above is None and below is None:
        yield (*path, "count"), "needs above or below", []
    if isinstance(above, int) and isinstance(below, int) and above < below:
        yield (*path, "count", "below"), f"and above: {above} let everything count", []
    during, location = rule.get("during"), mapping(data.get("location"))
    if isinstance(during, str):
        latitude, longitude = location.get("latitude"), location.get("longitude")
        known = isinstance(latitude, int | float) and isinstance(longitude, int | float)
        try:
            During(during, Place(ZoneInfo("UTC"), *((0.0, 0.0) if known else (None, None))))
        except ValueError as error:
            yield (*path, "during"), str(error), []


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
