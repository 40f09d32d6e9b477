"""Downloads the models that cameras use, before anything starts."""

import logging
import time
from pathlib import Path

from edge_daemon.config.schema import Config, Model
from edge_daemon.errors import ConfigError, ModelError
from edge_daemon.supervisor.notify import notify
from edge_daemon.zoo.paths import BUILTIN
from edge_daemon.zoo.resolve import remote, resolve

logger = logging.getLogger(__name__)
PROGRESS_S = 5.0


def with_local_models(config: Config, cache: Path | None = None) -> Config:
    """Return `config` in which each model that is used has the path of a local file, downloaded into `cache` if needed.

    Class names and input size that the configuration does not have are taken from the catalogue.

    Raises:
        ConfigError: the catalogue has no such model.
        ModelError: a model cannot be downloaded, or does not match its sha256.
        StartError: there is no folder to keep models in.
    """
    used = {name for camera in config.cameras.values() for name in camera.models or config.models}
    models = {name: local_model(name, model, cache) if name in used else model for name, model in config.models.items()}
    return config.model_copy(update={"models": models})


def local_model(name: str, model: Model, cache: Path | None) -> Model:
    """Return `model` with the path of a local file, downloaded if needed.

    Raises:
        EdgeError: as `with_local_models`.
    """
    file = model.file
    if not file or file.startswith(BUILTIN):
        return model
    try:
        known = remote(file, model.sha256, cache)
        path = resolve(file, model.sha256, cache, progress=_Progress(name).update)
    except (ConfigError, ModelError) as error:
        raise type(error)(f"model {name}: {error}") from error
    labels = model.labels or (list(known.labels) if known and known.labels else None)
    size = model.input.size or (known.input if known else None)
    given = model.input.model_copy(update={"size": size})
    return model.model_copy(
        update={"fallback" if model.url else "path": str(path), "sha256": None, "labels": labels, "input": given}
    )


class _Progress:
    """Logs the progress of a download every few seconds, and asks systemd for more time to start."""

    def __init__(self, name: str) -> None:
        self._name, self._next = name, 0.0

    def update(self, done: int, total: int | None) -> None:
        """Note that `done` of `total` bytes are there."""
        now = time.monotonic()
        if now < self._next and done != total:
            return
        self._next = now + PROGRESS_S
        notify("EXTEND_TIMEOUT_USEC=60000000")
        whole = "" if total is None else f" of {total / 1e6:.1f}"
        logger.info("model %s: downloading, %.1f%s MB", self._name, done / 1e6, whole)
