"""What sets two plans apart."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import msgspec

from edge_daemon.settings import CaptureSettings, DispatcherSettings, SinkSettings, WebSettings, WorkerSettings
from edge_daemon.supervisor.child import ProcessSpec


@dataclass(frozen=True)
class Diff:
    """The processes that are in one of two plans only, and those (as in the new one) that are other ones in it."""

    gone: list[ProcessSpec]
    changed: list[ProcessSpec]
    added: list[ProcessSpec]


def diff(old: Iterable[ProcessSpec], new: Iterable[ProcessSpec]) -> Diff:
    """What has to be ended, replaced and begun to get from one plan to the other."""
    before = {spec.key: spec for spec in old}
    after = {spec.key: spec for spec in new}
    return Diff(
        gone=[spec for key, spec in before.items() if key not in after],
        changed=[
            spec for key, spec in after.items() if key in before and restart_key(spec) != restart_key(before[key])
        ],
        added=[spec for key, spec in after.items() if key not in before],
    )


def untried_models(old: Iterable[ProcessSpec], new: Iterable[ProcessSpec]) -> list[ProcessSpec]:
    """A worker for each model that no worker of the old plan loads."""
    loaded = [spec.settings.model for spec in old if isinstance(spec.settings, WorkerSettings)]
    untried = {
        spec.settings.model.name: spec
        for spec in new
        if isinstance(spec.settings, WorkerSettings) and spec.settings.model not in loaded
    }
    return list(untried.values())


def changed_parents(old: Iterable[ProcessSpec], new: Iterable[ProcessSpec]) -> list[str]:
    """The models in both plans that come after another one than before."""
    before, after = _parents(old), _parents(new)
    return [model for model in before if model in after and before[model] != after[model]]


def _parents(plan: Iterable[ProcessSpec]) -> dict[str, str | None]:
    (settings,) = (spec.settings for spec in plan if isinstance(spec.settings, DispatcherSettings))
    models = {model for turn in settings.cameras.values() for model in turn.models}
    return {model: settings.models[model].after for model in sorted(models)}


def in_words(old: Iterable[ProcessSpec], new: Iterable[ProcessSpec]) -> str:
    """For a person: `camera yard is new, model person has changed`."""
    before, after = _things(old), _things(new)
    words = [
        f"{thing} {'is new' if thing not in before else 'has changed' if thing in after else 'is gone'}"
        for thing in before | after
        if before.get(thing) != after.get(thing)
    ]
    return ", ".join(words) or "nothing has changed"


def _things(plan: Iterable[ProcessSpec]) -> dict[str, list[object]]:
    """By what a person calls it, all that the processes know of a camera or a model."""
    known: list[tuple[str, object]] = []
    for spec in plan:
        match spec.settings:
            case CaptureSettings():
                known.append((f"camera {spec.name}", restart_key(spec)))
            case WorkerSettings(model=model):
                known.append((f"model {model.name}", spec))
            case DispatcherSettings(cameras=cameras, models=models):
                known += [(f"camera {name}", camera) for name, camera in cameras.items()]
                known += [(f"model {name}", (model.classes, model.max_crops)) for name, model in models.items()]
                known += [("the web", weight) for weight in {model.requests for model in models.values()} - {None}]
            case WebSettings():
                known.append(("the web", restart_key(spec)))
            case SinkSettings(publish=publish, quality=quality, clients=clients):
                known.append(("publishing", (publish, quality, clients)))
    things: dict[str, list[object]] = {}
    for thing, what in known:
        things.setdefault(thing, []).append(what)
    return things


def restart_key(spec: ProcessSpec) -> ProcessSpec:
    """What a process cannot go on with when it changes. How many frames a capture holds is not worth a new one, the web
    is told of other cameras and models, and how much memory is too much only the supervisor has to know.
    """
    settings: msgspec.Struct = spec.settings
    match spec.settings:
        case CaptureSettings():
            settings = msgspec.structs.replace(settings, window=0)
        case WebSettings():
            settings = msgspec.structs.replace(settings, cameras=[], models=[])
    return replace(spec, settings=settings, max_bytes=None)
