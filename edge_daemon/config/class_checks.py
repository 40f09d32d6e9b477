"""Checks of zones and rules that need the classes of the models, which are known once these are loaded."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from edge_daemon.config.assignment import cameras_of, candidates, known_classes, tracking
from edge_daemon.config.places import Filtered, Ignored
from edge_daemon.config.problems import KeyPath, Problem, close, either
from edge_daemon.config.rules import Rule
from edge_daemon.config.schema import Config

MAX_NAMED = 10
Classes = Mapping[str, Collection[str]]


def class_faults(config: Config, classes: Classes, without_boxes: Collection[str]) -> Iterator[Problem]:
    """A problem for each class that no model gives where it is wanted, and for each rule that needs `model`.

    `classes` are those of the models that give boxes. Cameras with models about which nothing is known are left out.
    """
    yield from _place_faults(config, classes, without_boxes)
    for name, rule in (config.rules or {}).items():
        if rule.needs_tracks:
            yield from _rule_faults(config, ("rules", name), rule, classes, without_boxes)


def unknown_classes(config: Config) -> Iterator[Problem]:
    """A problem for each class that no model gives where it is wanted, as far as the configuration lists them."""
    classes = known_classes(config)
    yield from _place_faults(config, classes, ())
    for name, rule in (config.rules or {}).items():
        for camera in cameras_of(config, rule):
            models = [rule.model] if rule.model else tracking(config, camera)
            yield from _unknown(config, ("rules", name), rule.classes or (), models, classes)


def _place_faults(config: Config, classes: Classes, without_boxes: Collection[str]) -> Iterator[Problem]:
    """A problem for each class of a zone, line or ignored area that no model gives."""
    for name, camera in config.cameras.items():
        models = [model for model in tracking(config, name) if model not in without_boxes]
        places: list[tuple[KeyPath, Filtered | Ignored]] = [
            *((("zones", place), zone) for place, zone in (camera.zones or {}).items()),
            *((("lines", place), line) for place, line in (camera.lines or {}).items()),
            *((("ignore", i), area) for i, area in enumerate(camera.ignore or ())),
        ]
        for path, settings in places:
            yield from _unknown(config, ("cameras", name, *path), settings.classes or (), models, classes)


def confirm_faults(config: Config, names: Classes) -> Iterator[Problem]:
    """A problem for each rule whose events the model that confirms them never could, by the `names` of its classes."""
    for name, rule in (config.rules or {}).items():
        known = names.get(rule.confirm.model) if rule.confirm else None
        wanted = (rule.confirm.classes or rule.classes) if rule.confirm else None
        if rule.confirm and known and wanted and not set(wanted) & set(known):
            has = ", ".join(list(known)[:MAX_NAMED])
            text = f"model {rule.confirm.model} has no class {either(wanted)}, it has {has}; set classes: here"
            yield config.lines.problem(("rules", name, "confirm"), text)


def _rule_faults(
    config: Config, path: KeyPath, rule: Rule, classes: Classes, without_boxes: Collection[str]
) -> Iterator[Problem]:
    for camera in cameras_of(config, rule):
        usable = [model for model in candidates(config, camera, rule, classes) if model not in without_boxes]
        models = [rule.model] if rule.model else tracking(config, camera)
        models = [model for model in models if model not in without_boxes]
        if not models:
            yield config.lines.problem(path, f"no model of camera {camera} gives boxes")
            return
        if unknown := list(_unknown(config, path, rule.classes or (), models, classes)):
            yield from unknown
            return
        if len(usable) > 1 and all(model in classes for model in models):
            why = f"which have {' or '.join(rule.classes)}" if rule.classes else f"which run on camera {camera}"
            yield config.lines.problem(path, f"needs model: {either(usable)}, {why}")
            return


def _unknown(
    config: Config, path: KeyPath, wanted: Iterable[str], models: Collection[str], classes: Classes
) -> Iterator[Problem]:
    if not models or any(model not in classes for model in models):
        return
    known = sorted({name for model in models for name in classes[model]})
    for i, name in enumerate(wanted):
        if name not in known:
            guess = close(name, known)
            more = f" and {len(known) - MAX_NAMED} more" if len(known) > MAX_NAMED else ""
            has = f"there are {', '.join(known[:MAX_NAMED])}{more}" if known else "set labels: they have no names"
            hint = f"did you mean {guess}?" if guess else has
            yield config.lines.problem((*path, "classes", i), f"{_models(models)} no class {name!r}: {hint}")


def _models(models: Collection[str]) -> str:
    return f"model {next(iter(models))} has" if len(models) == 1 else f"models {', '.join(models)} have"
