"""What only the parts themselves know to be wrong with a configuration."""

from collections.abc import Iterator

from edge_daemon.config.problems import Problem
from edge_daemon.config.schema import Config
from edge_daemon.config.sources import BUILTIN, kind_of
from edge_daemon.errors import ModelError, SourceError


def faults(config: Config) -> Iterator[Problem]:
    """A problem for each scene with a wrong option, and each built-in model that does not ship."""
    for name, camera in config.cameras.items():
        if kind_of(camera.source) == "scene":
            from edge_daemon.scene.options import SceneOptions

            try:
                SceneOptions.parse(camera.source)
            except SourceError as error:
                yield config.lines.problem(("cameras", name, "source"), str(error))
    for name, model in config.models.items():
        if model.path.startswith(BUILTIN):
            from edge_daemon.models.builtin import path_of

            try:
                path_of(model.path.removeprefix(BUILTIN))
            except ModelError as error:
                yield config.lines.problem(("models", name, "path"), str(error))
