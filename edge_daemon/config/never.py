"""Rules that can never come true, and keys that change nothing.

They read plain data, as `cross_checks` does.
"""

from collections.abc import Iterator
from datetime import date, timedelta

from edge_daemon.config.problems import KeyPath, either
from edge_daemon.config.quantities import long_seconds
from edge_daemon.config.rule_data import STATES, Data, Fault, cameras_of, mapping, place_of, strings
from edge_daemon.rules.plane import is_convex
from edge_daemon.rules.sun import sun_times

OF_TRACKS = ("classes", "size", "confidence", "moves", "confirm", "model")
"""Keys of rules about tracks."""
YEAR = [date(2026, 1, 1) + timedelta(days=day) for day in range(365)]


def never_faults(data: Data) -> Iterator[Fault]:
    """All failed checks. Values of a wrong type are skipped: the schema reports them."""
    yield from _tracks_off(data)
    for camera, settings in mapping(data.get("cameras")).items():
        for kind in ("zones", "lines"):
            for name, place in mapping(mapping(settings).get(kind)).items():
                yield from _sizes(("cameras", camera, kind, name), mapping(place))
                yield from _ground(("cameras", camera, kind, name), mapping(place))
    for name, settings in mapping(data.get("rules")).items():
        path, rule = ("rules", name), mapping(settings)
        yield from _sizes(path, rule)
        yield from _useless(path, rule)
        yield from _furniture(path, rule)
        yield from _same_crossing(path, rule)
        yield from _classes(path, rule, data)
        yield from _speed(path, rule, data)
        yield from _models(path, rule, data)
        yield from _sun(path, rule, data)


def sunless_days(latitude: float, longitude: float) -> int:
    """Days of a year on which the sun does not rise or does not set."""
    return sum(sun_times(day, latitude, longitude) is None for day in YEAR)


def _tracks_off(data: Data) -> Iterator[Fault]:
    """Models without tracks where a zone or line needs them, and with them where they have no objects."""
    models = mapping(data.get("models"))
    for name, settings in models.items():
        track = mapping(settings).get("track")
        if track not in (None, False) and mapping(settings).get("after") is not None:
            yield ("models", name, "track"), "is for models that run on whole frames; leave it out", []
    blamed = set()
    for camera, settings in mapping(data.get("cameras")).items():
        keys = mapping(settings)
        kind = next((kind for kind in ("zones", "lines") if mapping(keys.get(kind))), None)
        whole = [one for one in _used(keys, models) if mapping(models[one]).get("after") is None]
        if kind and whole and whole[0] not in blamed and all(_is_off(models[one]) for one in whole):
            blamed.add(whole[0])
            yield ("models", whole[0], "track"), f"{kind} of camera {camera} need it; leave it out", []


def _used(camera: Data, models: Data) -> list[str]:
    return [one for one in strings(camera.get("models")) if one in models] or list(models)


def _is_off(model: object) -> bool:
    track = mapping(model).get("track")
    return track is False or mapping(track).get("enabled") is False


def _sizes(path: KeyPath, keys: Data) -> Iterator[Fault]:
    size = mapping(keys.get("size"))
    least, most = size.get("min"), size.get("max")
    if isinstance(least, int | float) and isinstance(most, int | float) and least > most:
        yield (*path, "size", "min"), f"is above max: {most:g}, so that nothing counts", []


def _ground(path: KeyPath, zone: Data) -> Iterator[Fault]:
    points = zone.get("points")
    if zone.get("lengths") is None or not isinstance(points, list):
        return
    corners = [(x, y) for x, y in (one for one in points if isinstance(one, list) and len(one) == 2)]
    if len(corners) != 4:
        yield (*path, "lengths"), f"is for zones of four corners; this one has {len(corners)}", []
    elif all(isinstance(value, int | float) for corner in corners for value in corner) and not is_convex(corners):
        yield (*path, "lengths"), "is for zones whose four corners all point outwards", []


def _useless(path: KeyPath, rule: Data) -> Iterator[Fault]:
    """Keys that are about tracks, in a rule about something else."""
    state = next((key for key in STATES if rule.get(key) is not None), None)
    for key in OF_TRACKS if state else ():
        if rule.get(key) is not None:
            yield (*path, key), f"is for rules about objects; {state} is not about any", []
    whole = next((key for key in (*STATES, "count", "absent") if rule.get(key) is not None), None)
    if whole and rule.get("per") == "track":
        yield (*path, "per"), f"must be camera: {whole} has one event for all objects", []
    if rule.get("absent") is not None and rule.get("confirm") is not None:
        yield (*path, "confirm"), "does not go with absent: there is nobody to look at", []


def _furniture(path: KeyPath, rule: Data) -> Iterator[Fault]:
    left = mapping(rule.get("left"))
    try:
        for_s, furniture_s = long_seconds(left.get("for")), long_seconds(left.get("furniture", "30min"))
    except ValueError:
        return
    if for_s >= furniture_s:
        yield (*path, "left", "for"), f"must be shorter than furniture: {left.get('furniture', '30min')}", []


def _same_crossing(path: KeyPath, rule: Data) -> Iterator[Fault]:
    crosses = mapping(rule.get("crosses"))
    then = mapping(crosses.get("then"))
    if then.get("line") is None or then["line"] != crosses.get("line"):
        return
    if then.get("direction") is not None and then["direction"] == crosses.get("direction"):
        yield (*path, "crosses", "then"), "is the crossing that comes first; name another line or direction", []


def _classes(path: KeyPath, rule: Data, data: Data) -> Iterator[Fault]:
    """Classes that count in no zone or line of that name, or that no model gives."""
    cameras, (kind, name) = cameras_of(rule, data), place_of(rule) or ("zone", "")
    places = [mapping(mapping(camera.get(f"{kind}s")).get(name)) for camera in cameras.values()]
    counting = [strings(place.get("classes")) for place in places]
    giving = [_given(data, rule, camera) for camera in cameras.values()]
    for i, wanted in enumerate(strings(rule.get("classes"))):
        for lists, who in ((counting, f"{kind} {name}"), (giving, "the model")):
            known = sorted({one for names in lists for one in names})
            if lists and all(lists) and wanted not in known:
                yield (*path, "classes", i), f"never counts: {who} has classes: {', '.join(known)}", known
                break


def _given(data: Data, rule: Data, camera: Data) -> list[str]:
    """Classes that the models of a camera give, as far as all of them list them; else none."""
    models = mapping(data.get("models"))
    names = [rule["model"]] if isinstance(rule.get("model"), str) else _used(camera, models)
    whole = [mapping(models[one]) for one in names if one in models and mapping(models[one]).get("after") is None]
    lists = [strings(model.get("classes")) for model in whole]
    return [one for names in lists for one in names] if all(lists) else []


def _speed(path: KeyPath, rule: Data, data: Data) -> Iterator[Fault]:
    name = mapping(rule.get("speed")).get("zone")
    for camera, settings in cameras_of(rule, data).items():
        zone = mapping(settings.get("zones")).get(str(name))
        if isinstance(zone, dict) and zone.get("lengths") is None:
            yield (*path, "speed", "zone"), f"needs lengths in cameras.{camera}.zones.{name}", []


def _models(path: KeyPath, rule: Data, data: Data) -> Iterator[Fault]:
    """Models that have no tracks, that confirm nothing, or that do not run on the cameras of the rule."""
    models, model = mapping(data.get("models")), rule.get("model")
    confirm = mapping(rule.get("confirm")).get("model")
    parents = {name: mapping(settings).get("after") for name, settings in models.items()}
    if isinstance(model, str) and model in models:
        if parents[model] is not None:
            yield (*path, "model"), f"runs on the detections of {parents[model]} and has no tracks; name that", []
        elif _is_off(models[model]) and place_of(rule):
            yield (*path, "model"), "has track: false", []
        else:
            yield from _lacking((*path, "model"), model, rule, data)
    if isinstance(confirm, str) and confirm in models:
        own = (*path, "confirm", "model")
        if parents[confirm] is None:
            yield own, f"must run after the model whose objects it confirms: set after in models.{confirm}", []
        elif model in models and parents[confirm] != model:
            yield own, f"runs after {parents[confirm]}, not after {model}, the model of the rule", []
        else:
            yield from _lacking(own, confirm, rule, data)


def _lacking(path: KeyPath, model: str, rule: Data, data: Data) -> Iterator[Fault]:
    """A model that a camera of the rule does not run, or, if the rule names none, that none of them does."""
    cameras, models = cameras_of(rule, data), mapping(data.get("models"))
    lacking = [name for name, camera in cameras.items() if model not in _used(camera, models)]
    if lacking and (strings(rule.get("cameras")) or len(lacking) == len(cameras)):
        yield path, f"does not run on camera {either(lacking)}; add it to models there", []


def _sun(path: KeyPath, rule: Data, data: Data) -> Iterator[Fault]:
    during, location = rule.get("during"), mapping(data.get("location"))
    latitude, longitude = location.get("latitude"), location.get("longitude")
    if not isinstance(during, str) or not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return
    if ("sunset" in during or "sunrise" in during) and sunless_days(latitude, longitude) == len(YEAR):
        yield (*path, "during"), f"is never: there is no sunrise or sunset at latitude {latitude:g}", []
