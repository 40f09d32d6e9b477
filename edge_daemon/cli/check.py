"""Checks of a configuration that need other parts of the package: scenes, built-in and downloaded models."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from edge_daemon.config.deliver import OUTSIDE
from edge_daemon.config.never import sunless_days
from edge_daemon.config.problems import Problem
from edge_daemon.config.schema import Config
from edge_daemon.config.sources import kind_of
from edge_daemon.config.storing import recorded
from edge_daemon.delivery.presets import WITH_LINKS
from edge_daemon.errors import ModelError, SourceError
from edge_daemon.zoo.paths import BUILTIN, is_download

CLIENTS = {"mqtt": "paho", "nats": "nats", "kafka": "confluent_kafka"}
"""Libraries that receivers need, by kind."""


def not_here(config: Config, cache: Path | None = None) -> Iterator[Problem]:
    """A note for each model that is not downloaded yet. The configuration is valid, but its first start needs the
    network.

    Raises:
        StartError: there is no folder for models.
    """
    for name, model in config.models.items():
        if is_download(model.file):
            from edge_daemon.zoo.resolve import remote

            found = remote(model.file, model.sha256, cache)
            if found and not found.is_here():
                how = f"`edge-daemon models pull {found.name}` or `run`" if found.name else "`edge-daemon run`"
                yield config.lines.problem(
                    ("models", name, model.file_key), f"is not in {found.file.parent} yet; {how} downloads it"
                )


def faults(config: Config) -> Iterator[Problem]:
    """A problem for each scene with a wrong option, and for each unknown built-in model."""
    for name, camera in config.cameras.items():
        if kind_of(camera.source) == "scene":
            from edge_daemon.demo.scene.options import SceneOptions

            try:
                SceneOptions.parse(camera.source)
            except SourceError as error:
                yield config.lines.problem(("cameras", name, "source"), str(error))
    for name, model in config.models.items():
        if model.file.startswith(BUILTIN):
            from edge_daemon.models.builtin import path_of

            try:
                path_of(model.file.removeprefix(BUILTIN))
            except ModelError as error:
                yield config.lines.problem(("models", name, model.file_key), str(error))


def lacking(config: Config) -> Iterator[Problem]:
    """A problem for each receiver whose client library is not installed."""
    for name, entry in (config.deliver or {}).items():
        library = CLIENTS.get(entry.kind)
        if library and find_spec(library) is None:
            text = f"needs a library that is not installed: pip install 'edge-daemon[{entry.kind}]'"
            yield config.lines.problem(("deliver", name, entry.kind), text)


def pictureless(config: Config) -> Iterator[Problem]:
    """A note for each receiver that gets no pictures, since nobody says where it could fetch them."""
    for name, entry in (config.deliver or {}).items():
        if entry.kind in WITH_LINKS and entry.still is None and not config.web.url and recorded(config):
            text = f"gets no pictures: {entry.kind} fetches them, which needs web.url: {OUTSIDE}"
            yield config.lines.problem(("deliver", name, entry.kind), text)


def sunless(config: Config) -> Iterator[Problem]:
    """A note for each rule with sunrise or sunset, if there are days without: the range is empty then."""
    latitude, longitude = config.location.latitude, config.location.longitude
    for name, rule in (config.rules or {}).items():
        if rule.during and ("sunset" in rule.during or "sunrise" in rule.during):
            days = sunless_days(latitude or 0.0, longitude or 0.0)
            if days:
                text = f"is never on {days} days of the year, on which the sun does not rise or does not set"
                yield config.lines.problem(("rules", name, "during"), text)


def confined(config: Config) -> Iterator[Problem]:
    """A note for each folder of the store that is named: a systemd service needs a drop-in to write there."""
    for key in ("path", "media"):
        if folder := getattr(config.storage, key):
            text = (
                f"a systemd service may write to {folder} only with a drop-in: `systemctl edit edge-daemon`, and type"
            )
            yield config.lines.problem(
                ("storage", key), f"{text} [Service] and, on the next line, ReadWritePaths={folder}"
            )


def unfit(config: Config) -> Iterator[Problem]:
    """A note for each built-in model that looks at real pictures: it was trained on the generated street alone."""
    for name, model in config.models.items():
        if model.file.startswith(BUILTIN):
            real = [
                camera
                for camera, settings in config.cameras.items()
                if name in (settings.models or config.models) and kind_of(settings.source) != "scene"
            ]
            if real:
                yield config.lines.problem(
                    ("models", name, model.file_key),
                    f"{model.file} knows only the generated street (scene:) and finds little in real pictures "
                    f"({', '.join(real)}): use your own model, or zoo:yolox-nano",
                )
