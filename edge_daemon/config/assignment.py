"""Which rules, zones and lines apply to which camera and model."""

from collections.abc import Collection, Iterator, Mapping

from edge_daemon.config.rules import Rule
from edge_daemon.config.schema import Camera, Config
from edge_daemon.messages.accounting import StreamKey
from edge_daemon.settings import CameraZonesSettings, RuleSettings, StreamRulesSettings

Classes = Mapping[str, Collection[str]]
"""Names of the classes that a model gives, by model, as far as they are known."""


def rules_of(config: Config, classes: Classes | None = None) -> dict[StreamKey, StreamRulesSettings]:
    """Settings of each stream with rules, zones or lines, or of a model with `track: {}`; other streams have no entry.

    A rule without `model` uses the model after which that of its `confirm` runs, or the only model of the camera that
    gives detections, or the first that knows one of its classes, by `classes` or by what the configuration says. Zones
    and lines are counted in each stream that has tracks. Rules about a camera or its scene belong to its first stream,
    those about the system to the first stream of the first camera.
    """
    classes = known_classes(config) if classes is None else classes
    rules: dict[StreamKey, dict[str, RuleSettings]] = {}
    needed: set[StreamKey] = set()
    for name, rule in config.all_rules.items():
        for stream in streams_of(config, rule, classes):
            rules.setdefault(stream, {})[name] = rule.settings
            needed |= {stream} if rule.needs_tracks else set()
    found = {}
    for name, camera in config.cameras.items():
        tracked = _tracked(config, name, needed)
        for model in camera.models or config.models:
            if model in tracked or (name, model) in rules:
                found[name, model] = StreamRulesSettings(
                    track=model in tracked,
                    zones=zones_of(camera) if model in tracked else CameraZonesSettings(),
                    rules=rules.get((name, model), {}),
                    every_s=config.counts.every,
                    reset=tuple(config.counts.reset),
                )
    return found


def streams_of(config: Config, rule: Rule, classes: Classes) -> Iterator[StreamKey]:
    """The streams that a rule applies to."""
    cameras = cameras_of(config, rule)
    for name in cameras[:1] if rule.system else cameras:
        models = candidates(config, name, rule, classes) or ([] if rule.needs_tracks else whole_frame(config, name))
        if models:
            yield name, models[0]


def cameras_of(config: Config, rule: Rule) -> list[str]:
    """Names of the cameras that a rule is for: those that it names, or else those that have its zone or line."""
    return [name for name, camera in config.cameras.items() if _applies(rule, name, camera)]


def scene_watched(config: Config) -> set[str]:
    """The cameras of which a rule asks if they were covered or moved, or are dark."""
    return {name for rule in (config.rules or {}).values() if rule.scene for name in cameras_of(config, rule)}


def candidates(config: Config, camera: str, rule: Rule, classes: Classes) -> list[str]:
    """Models of a camera whose tracks a rule may use, in order of preference; those that know its classes if any do."""
    models = tracking(config, camera)
    if wanted := rule.model or (config.models[rule.confirm.model].after if rule.confirm else None):
        return [wanted] if wanted in models else []
    knowing = [model for model in models if set(rule.classes or ()) & set(classes.get(model, ()))]
    unknown = [model for model in models if not classes.get(model)]
    return (knowing or unknown or models) if rule.classes else models


def known_classes(config: Config) -> dict[str, list[str]]:
    """Classes of the models whose `classes` or `labels` the configuration lists."""
    lists = {name: model.classes or model.labels for name, model in config.models.items()}
    return {name: names for name, names in lists.items() if isinstance(names, list)}


def tracking(config: Config, camera: str) -> list[str]:
    """Models of a camera that give detections, and tracks if something needs them."""
    models = whole_frame(config, camera)
    return [name for name in models if (track := config.models[name].track) is None or track.enabled]


def whole_frame(config: Config, camera: str) -> list[str]:
    """Models of a camera in their order, without those that run on the detections of another one."""
    return [name for name in config.cameras[camera].models or config.models if not config.models[name].after]


def _applies(rule: Rule, name: str, camera: Camera) -> bool:
    """True if a rule names a camera, or names none and the camera has its zone or line, if it is about one."""
    if rule.cameras:
        return name in rule.cameras
    return all(zone in (camera.zones or {}) for zone in rule.zones) and all(
        line in (camera.lines or {}) for line in rule.lines
    )


def _tracked(config: Config, camera: str, needed: Collection[StreamKey]) -> list[str]:
    """Models of a camera that need tracks; zones and lines that no rule is about use the first."""
    models, settings = tracking(config, camera), config.cameras[camera]
    wanted = [model for model in models if (camera, model) in needed or config.models[model].track]
    return wanted or (models[:1] if settings.zones or settings.lines else [])


def zones_of(camera: Camera) -> CameraZonesSettings:
    """Zones, lines and ignored areas of a camera."""
    return CameraZonesSettings(
        zones={name: zone.settings for name, zone in (camera.zones or {}).items()},
        lines={name: line.settings for name, line in (camera.lines or {}).items()},
        ignore=tuple(area.settings for area in camera.ignore or ()),
    )
