"""From a configuration to the processes it calls for."""

from pathlib import Path
from zlib import crc32

from edge_daemon.config.schema import Camera, Config
from edge_daemon.config.sources import comes_and_goes, is_finite, kind_of
from edge_daemon.models.neighbours import files_beside
from edge_daemon.runtime.state import state_folder
from edge_daemon.settings import (
    BoxesSettings,
    CameraPlan,
    CaptureSettings,
    Cascade,
    Delivery,
    DeviceSettings,
    DispatcherSettings,
    InputSettings,
    ModelSettings,
    MotionSettings,
    OpenSettings,
    ProviderSettings,
    SinkSettings,
    TokenSettings,
    WebSettings,
    WorkerSettings,
)
from edge_daemon.supervisor.child import ProcessSpec
from edge_daemon.transport import zeromq
from edge_daemon.transport.curve import ANY, public_key, secret_key
from edge_daemon.zoo.paths import BUILTIN

ANNOUNCE_S = 0.1
HELD, SPARE = 3, 12
"""Frames of a file that a worker has, and that are on their way."""


def plan(config: Config, folder: Path, *, results: str | None = None, state: Path | None = None) -> list[ProcessSpec]:
    """Every process this configuration calls for, in the order of their start.

    Sockets lie in `folder`, and what survives this run in the folder `state`; results are also written to the file
    `results`. Both are optional.

    Raises:
        StartError: a key cannot be read.
    """
    frames, publish, shared_state = config.frames, config.publish, state_folder()
    dispatcher, sink, pictures = (zeromq.ipc(folder, name) for name in ("dispatcher", "sink", "pictures"))
    plans = {name: _camera_plan(config, camera) for name, camera in config.cameras.items()}
    finite = _is_finite(config)
    specs = [
        ProcessSpec(
            role="sink",
            name="sink",
            settings=SinkSettings(
                bind=sink,
                pictures=pictures,
                dispatcher=dispatcher,
                publish=publish.bind,
                cameras=plans,
                wait_for=publish.wait_for if finite else 0,
                quality=frames.quality,
                results=results,
                checkpoint=str(folder / "sink-checkpoint"),
                secret_key=secret_key(publish.secret_key) if publish.secret_key else None,
                local=zeromq.ipc(folder, "published") if serves_web(config) else None,
                clients=[client if client == ANY else public_key(client) for client in publish.clients or []],
            ),
        ),
        ProcessSpec(
            role="dispatcher",
            name="dispatcher",
            settings=DispatcherSettings(
                bind=dispatcher,
                cameras=plans,
                cascades={
                    name: Cascade(after=model.after, classes=model.classes, max_crops=model.max_crops)
                    for name, model in config.models.items()
                    if model.after
                },
                batches={name: model.batch for name, model in config.models.items() if model.batch > 1},
                requests=dict.fromkeys(_asked(config), config.web.weight),
                epochs=str(state / "epochs.json") if state else None,
            ),
        ),
    ]
    used = {model for turn in plans.values() for model in turn.models} | set(_asked(config))
    workers = [(name, i) for name in config.models if name in used for i in range(config.models[name].workers)]
    for name, i in workers:
        specs.append(
            ProcessSpec(
                role="worker",
                name=f"{name}-{i}",
                settings=WorkerSettings(
                    worker=f"{name}-{i}",
                    model=model_settings(config, name),
                    inbox=zeromq.ipc(folder, f"worker-{crc32(f'{name}-{i}'.encode()):08x}"),
                    dispatcher=dispatcher,
                    sink=sink,
                    pictures=pictures,
                    quarantine=str(shared_state / "aside") if shared_state else None,
                    readings=str(state) if state else None,
                ),
                hang_s=config.models[name].worker_timeout,
                max_bytes=config.models[name].max_memory,
            )
        )
    for name, camera in config.cameras.items():
        specs.append(
            ProcessSpec(
                role="capture",
                name=name,
                settings=CaptureSettings(
                    camera=name,
                    source=camera.source,
                    opening=open_settings(camera),
                    stall_timeout_s=camera.stall_timeout,
                    delivery=plans[name].delivery,
                    fps=camera.fps,
                    motion=_motion(camera),
                    codec=frames.codec,
                    quality=frames.quality,
                    announce_s=min(ANNOUNCE_S, camera.max_age / 4),
                    window=_window(config, plans[name].models),
                    dispatcher=dispatcher,
                ),
                awaited=not comes_and_goes(camera.source, camera.delivery),
                hang_s=camera.stall_timeout,
            )
        )
    if serves_web(config):
        specs.append(_web(config, folder, dispatcher, state))
    return specs


def serves_web(config: Config) -> bool:
    """Whether there is a web process: a run over files, which ends before one looks, has to ask for it."""
    return config.web.enabled and ("web" in config.model_fields_set or not _is_finite(config))


def _is_finite(config: Config) -> bool:
    return all(is_finite(camera.source, camera.delivery) for camera in config.cameras.values())


def _web(config: Config, folder: Path, dispatcher: str, state: Path | None) -> ProcessSpec:
    web = config.web
    return ProcessSpec(
        role="web",
        name="web",
        settings=WebSettings(
            listen=web.listen,
            dispatcher=dispatcher,
            published=zeromq.ipc(folder, "published"),
            replies=zeromq.ipc(folder, "answers"),
            cameras=list(config.cameras),
            models=_asked(config),
            quality=config.frames.quality,
            max_bytes=web.max_bytes,
            max_pixels=web.max_pixels,
            max_waiting=web.max_waiting,
            timeout_s=web.timeout,
            tokens={name: TokenSettings(token=of.token, role=of.role) for name, of in (web.tokens or {}).items()},
            hosts=web.hosts or [],
            prefix=web.prefix,
            certificate=web.certificate,
            key=web.key,
            audit=str(state) if state else None,
        ),
        awaited=False,  # where its address is taken, the cameras are looked at all the same
    )


def _camera_plan(config: Config, camera: Camera) -> CameraPlan:
    return CameraPlan(
        models=list(camera.models or config.models),
        delivery=camera.delivery or _usual_delivery(camera.source),
        weight=camera.weight,
        max_age_s=camera.max_age,
        reorder_wait_s=camera.reorder_wait,
    )


def open_settings(camera: Camera) -> OpenSettings:
    """A camera of the configuration, as it is opened."""
    return OpenSettings(
        transport=camera.transport,
        open_timeout_s=camera.open_timeout,
        read_timeout_s=camera.read_timeout,
        decode=camera.decode,
        device=DeviceSettings(**camera.device.model_dump()),
    )


def _window(config: Config, models: list[str]) -> int:
    """Frames that a file's capture holds: what all workers may have, what the sink has to acknowledge, and the next."""
    return sum(max(HELD, 2 * config.models[m].batch) * config.models[m].workers for m in models) + SPARE


def _motion(camera: Camera) -> MotionSettings | None:
    motion = camera.motion
    if motion is None:
        return None
    return MotionSettings(
        threshold=motion.threshold,
        area=motion.area,
        mask=motion.mask or [],
        always_every_s=motion.always_every,
    )


def _asked(config: Config) -> list[str]:
    """The models that people can send pictures to: not those that need to be told where to look."""
    return [name for name, model in config.models.items() if not model.after] if serves_web(config) else []


def _usual_delivery(source: str) -> Delivery:
    """A file or folder is read to its end and wholly; a camera is watched now."""
    return "lossless" if kind_of(source) in ("file", "folder") else "live"


def model_settings(config: Config, name: str) -> ModelSettings:
    """A model of the configuration, as a worker loads it."""
    model = config.models[name]
    return ModelSettings(
        name=name,
        path=model.path,
        stamp=_stamps(model.path, model.labels),
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
    )


def _provider(item: str | dict[str, dict[str, str]]) -> ProviderSettings:
    if isinstance(item, str):
        return ProviderSettings(name=item)
    name, options = next(iter(item.items()))
    return ProviderSettings(name=name, options=options)


def _stamps(path: str, labels: list[str] | str | None) -> str:
    """The stamps of the files that a model is read from."""
    named = [path, labels] if isinstance(labels, str) else [path]
    beside = [] if path.startswith(BUILTIN) else [stamp for file in files_beside(Path(path)) if (stamp := _stamp(file))]
    return " ".join([*map(_stamp, named), *beside])


def _stamp(path: str | Path) -> str:
    """When a file was written last, and how large it is; nothing for what is no file."""
    try:
        about = Path(path).stat()
    except OSError:
        return ""
    return f"{about.st_mtime_ns}/{about.st_size}"
