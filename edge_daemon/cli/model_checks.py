"""Checks of the models in a configuration: each is loaded as a worker would, in a process of its own."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from edge_daemon.config.class_checks import class_faults, confirm_faults
from edge_daemon.config.problems import KeyPath, Problem, close
from edge_daemon.config.schema import Config
from edge_daemon.errors import EdgeError
from edge_daemon.runtime.isolated import call
from edge_daemon.settings import ModelSettings
from edge_daemon.supervisor.kinds.worker import model_settings
from edge_daemon.supervisor.model_files import local_model
from edge_daemon.zoo.paths import is_download
from edge_daemon.zoo.resolve import remote

LIMIT_S = 120.0
"""Time for one model to load."""
MAX_NAMED = 10


class Loaded(msgspec.Struct, frozen=True):
    """A model that can be used: the names of its classes, empty if they have none, and if it gives `boxes`. If it is on
    servers, `away` has those that do not serve it; if none does, and no model stands in, nothing else is known.
    """

    names: list[str]
    boxes: bool
    away: str = ""
    is_known: bool = True


def model_faults(config: Config, cache: Path | None = None, notes: list[Problem] | None = None) -> Iterator[Problem]:
    """A problem for each model that cannot be used, and for each class that its model does not have; those on servers
    that do not answer are added to `notes`.

    Models that are not downloaded yet are left out.
    """
    models = {
        name: local_model(name, model, cache)
        for name, model in config.models.items()
        if not is_download(model.file) or ((found := remote(model.file, model.sha256, cache)) and found.is_here())
    }
    names: dict[str, list[str]] = {}
    boxes: dict[str, list[str]] = {}
    without_boxes: set[str] = set()
    for name in models:
        settings = model_settings(config.model_copy(update={"models": models}), name)
        try:
            loaded = _load(msgspec.structs.replace(settings, classes=None, class_confidence={}))
        except EdgeError as error:
            text = str(error).removeprefix(f"model {name} ({settings.path}): ")
            yield config.lines.problem(("models", name, config.models[name].file_key), text)
        else:
            if loaded.away and notes is not None:
                notes.append(config.lines.problem(("models", name, "url"), loaded.away))
            if not loaded.is_known:
                continue
            names[name] = loaded.names
            if loaded.boxes:
                boxes[name] = [one for one in loaded.names if one in (settings.classes or loaded.names)]
            else:
                without_boxes.add(name)
    yield from class_faults(config, boxes, without_boxes)
    yield from confirm_faults(config, names)
    for name, model in config.models.items():
        selected, own = model.after or name, ("models", name)
        if selected in names:
            keys: Iterable[KeyPath] = ((*own, "classes", i) for i in range(len(model.classes or ())))
            yield from _unknown(config, zip(keys, model.classes or (), strict=True), selected, names[selected])
        if name in names:
            limits = (((*own, "class_confidence", limit), limit) for limit in model.class_confidence or ())
            yield from _unknown(config, limits, name, names[name])


def _load(settings: ModelSettings) -> Loaded:
    return call("edge_daemon.cli.isolated.check", settings, Loaded, LIMIT_S)


def _unknown(config: Config, wanted: Iterable[tuple[KeyPath, str]], model: str, names: list[str]) -> Iterator[Problem]:
    for key, name in wanted:
        if name not in names:
            guess = close(name, names)
            more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
            has = f"it has {', '.join(names[:MAX_NAMED])}{more}" if names else "its classes have no names; set labels:"
            hint = f"did you mean {guess}?" if guess else has
            yield config.lines.problem(key, f"model {model} has no class {name!r}: {hint}")
