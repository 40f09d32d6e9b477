"""Before anything starts: every model that a camera uses becomes a file on this machine."""

import logging
import time
from pathlib import Path

from edge_daemon.config.schema import Config, Model
from edge_daemon.errors import ConfigError, EdgeError, ModelError
from edge_daemon.supervisor.notify import notify
from edge_daemon.zoo.paths import BUILTIN
from edge_daemon.zoo.resolve import remote, resolve

logger = logging.getLogger(__name__)
LINES_S = 5.0


def with_local_models(config: Config, cache: Path | None = None) -> Config:
    """`config` in which each model that is used has the path of a file, fetched into `cache` if it was not here.

    What the catalogue knows of a model (class names, the size of its input) and the configuration does not say is
    filled in.

    Raises:
        ConfigError: the catalogue has no such model.
        ModelError: one cannot be fetched, or is not the file that its sha256 names; says which.
        StartError: there is no folder to keep models in.
    """
    used = {name for camera in config.cameras.values() for name in camera.models or config.models}
    models = {name: _local(name, model, cache) if name in used else model for name, model in config.models.items()}
    return config.model_copy(update={"models": models})


def _local(name: str, model: Model, cache: Path | None) -> Model:
    if model.path.startswith(BUILTIN):
        return model
    try:
        found = remote(model.path, model.sha256, cache)
        path = resolve(model.path, model.sha256, cache, progress=_Lines(name).update)
    except (ConfigError, ModelError) as error:
        raise _of(name, error) from error
    labels = model.labels or (list(found.labels) if found and found.labels else None)
    size = model.input.size or (found.input if found else None)
    fed = model.input.model_copy(update={"size": size})
    return model.model_copy(update={"path": str(path), "sha256": None, "labels": labels, "input": fed})


def _of(name: str, error: EdgeError) -> EdgeError:
    return type(error)(f"model {name}: {error}")


class _Lines:
    """Says how far a download is every few seconds, and asks systemd for as much more time to start."""

    def __init__(self, name: str) -> None:
        self._name, self._next, self._begun = name, 0.0, False

    def update(self, done: int, total: int | None) -> None:
        """Take in how many bytes are there, and of how many."""
        now = time.monotonic()
        if now < self._next and done != total:
            return
        self._next = now + LINES_S
        notify("EXTEND_TIMEOUT_USEC=60000000")
        whole = "" if total is None else f" of {total / 1e6:.1f}"
        logger.info("model %s: downloading, %.1f%s MB", self._name, done / 1e6, whole)
