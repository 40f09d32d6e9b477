"""Workers: one or more for each model that is used."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import msgspec

from edge_daemon.config.schema import Config, Model
from edge_daemon.messages.status import WORKER, WorkerReport
from edge_daemon.models.neighbours import files_beside
from edge_daemon.runtime import disk, run_files
from edge_daemon.runtime.state import state_folder
from edge_daemon.settings import (
    BoxesSettings,
    InputSettings,
    ModelSettings,
    ProviderSettings,
    RemoteSettings,
    WorkerSettings,
)
from edge_daemon.supervisor.description import Description, Entry, described
from edge_daemon.supervisor.kinds.kind import Kind, ProcessSpec
from edge_daemon.supervisor.kinds.run import Run
from edge_daemon.supervisor.kinds.stamp import stamp
from edge_daemon.zoo.weights import weights_of

UNSURE = 0.1
"""Least confidence of detections that only tracking uses."""


class Worker(Kind[WorkerSettings]):
    """Runs one model."""

    role = WORKER
    report = WorkerReport
    shows_report = True
    restarted = "new workers"

    def plan(self, run: Run) -> Iterator[ProcessSpec]:
        """The workers of each model that is used."""
        state = state_folder()
        for model in run.models:
            settings = run.config.models[model]
            description = str(run_files.of_model(run.folder, model))
            about = _about(run.config, model)
            for name in (f"{model}-{number}" for number in range(settings.workers)):
                yield ProcessSpec(
                    kind=self,
                    name=name,
                    settings=WorkerSettings(
                        worker=name,
                        model=_tracked(model_settings(run.config, model), run),
                        inbox=run.address(f"worker-{crc32(name.encode()):08x}"),
                        dispatcher=run.dispatcher,
                        sink=run.sink,
                        pictures=run.pictures,
                        quarantine=str(state / "aside") if state else None,
                        readings=str(run.state) if run.state else None,
                        description=description if name == f"{model}-0" else None,
                    ),
                    hang_s=settings.worker_timeout,
                    max_bytes=settings.max_memory,
                    about=about,
                )

    def trial(self, settings: WorkerSettings) -> WorkerSettings:
        """Load the model, once for all its workers."""
        return msgspec.structs.replace(settings, worker=settings.model.name, inbox="", trial=True, description=None)


def _tracked(settings: ModelSettings, run: Run) -> ModelSettings:
    """The settings, with unsure detections if something tracks them."""
    tracked = any(model == settings.name and one.rules.track for (_, model), one in run.analyses.items())
    return msgspec.structs.replace(settings, unsure=UNSURE) if tracked else settings


def _about(config: Config, name: str) -> Description:
    """A model; it has changed too if the content of one of its files has."""
    model = config.models[name]
    entries = described(model)
    key = "fallback" if model.url else "path"
    if isinstance(path := entries.get(key), Entry):
        entries[key] = Entry((path.value, model_settings(config, name).stamp), path.text, alike="file changed")
    return {f"model {name}": entries}


def model_settings(config: Config, name: str) -> ModelSettings:
    """Settings with which a worker loads a model of the configuration."""
    model = config.models[name]
    return ModelSettings(
        name=name,
        path=model.file,
        stamp=stamp(*_files(model)),
        threads=model.threads,
        confidence=model.confidence,
        class_confidence=model.class_confidence or {},
        iou=model.iou,
        max_detections=model.max_detections,
        classes=None if model.after else model.classes,
        decoder=model.decoder,
        input=InputSettings(**model.input.model_dump()),
        boxes=BoxesSettings(**model.boxes.model_dump()),
        outputs=model.outputs,
        labels=model.labels,
        providers=[_provider(item) for item in model.providers],
        batch=model.batch,
        batch_wait_s=model.batch_wait,
        after=model.after,
        margin=model.crop.margin,
        max_crops=model.max_crops,
        remote=_remote(model),
    )


def _remote(model: Model) -> RemoteSettings | None:
    if model.url is None:
        return None
    return RemoteSettings(
        urls=model.url,
        token=model.token,
        ca=model.ca,
        certificate=model.certificate,
        key=model.key,
        timeout_s=model.answer_timeout,
        repository=model.repository,
    )


def _provider(item: str | dict[str, dict[str, str]]) -> ProviderSettings:
    if isinstance(item, str):
        return ProviderSettings(name=item)
    name, options = next(iter(item.items()))
    return ProviderSettings(name=name, options=options)


def _files(model: Model) -> list[Path]:
    """The files that make up a model: its own, weights beside it, class names, and what exporters write beside it."""
    tls = [Path(file) for file in (model.ca, model.certificate, model.key) if file]
    if not model.file:
        return tls
    path = Path(model.file)
    labels = [Path(model.labels)] if isinstance(model.labels, str) else []
    found = disk.look(path)
    if not found.is_file or found.hung:
        return [path, *labels, *tls]
    beside = [file for file in files_beside(path) if disk.look(file).is_file]
    return [path, *_weights(path, found.stamp), *labels, *beside, *tls]


@lru_cache(maxsize=64)
def _weights(model: Path, stamp: str) -> list[Path]:
    """The files with weights that a model names; a file with the same `stamp` names the same."""
    try:
        return weights_of(model)
    except OSError:
        return []
