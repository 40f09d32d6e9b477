"""Captures: one for each camera."""

from collections.abc import Iterator

import msgspec

from edge_daemon.config.assignment import scene_watched
from edge_daemon.config.schema import Camera, Config
from edge_daemon.config.sources import comes_and_goes, is_on_disk, path_of
from edge_daemon.messages.status import CAPTURE, CaptureReport
from edge_daemon.runtime import disk
from edge_daemon.settings import CaptureSettings, DeviceSettings, MotionSettings, OpenSettings
from edge_daemon.supervisor.description import described
from edge_daemon.supervisor.kinds.kind import Kind, ProcessSpec
from edge_daemon.supervisor.kinds.run import PUBLISHED, Run

ANNOUNCE_S = 0.1
HELD, SPARE = 3, 12
"""Frames of a file that a worker has, and that are on their way."""


class Capture(Kind[CaptureSettings]):
    """Reads the frames of one camera. The run ends with the last of the finite ones."""

    role = CAPTURE
    report = CaptureReport
    shows_report = True
    grace_s = 3.0
    ends_run = True
    reconfigured = "later"
    restarted = "opened again"
    leaves_early = True

    def plan(self, run: Run) -> Iterator[ProcessSpec]:
        """One for each camera; the run waits for those that are certain to be there."""
        watched = scene_watched(run.config)
        for name, camera in run.config.cameras.items():
            settings = CaptureSettings(
                camera=name,
                source=camera.source,
                opening=open_settings(camera),
                stall_timeout_s=camera.stall_timeout,
                delivery=run.cameras[name].delivery,
                fps=camera.fps,
                motion=_motion(camera),
                privacy=camera.privacy or [],
                scene=name in watched,
                record=run.recorded.get(name),
                main=run.main_of(name),
                codec=run.config.frames.codec,
                quality=run.config.frames.quality,
                announce_s=min(ANNOUNCE_S, camera.max_age / 4),
                window=_window(run.config, run.cameras[name].models),
                dispatcher=run.dispatcher,
                viewers=run.address(PUBLISHED),
            )
            yield ProcessSpec(
                kind=self,
                name=name,
                settings=settings,
                awaited=not (comes_and_goes(camera.source, camera.delivery) or _is_hung(camera.source)),
                hang_s=camera.stall_timeout,
                camera=name,
                about={f"camera {name}": described(camera)},
            )

    def restart_key(self, settings: CaptureSettings) -> object:
        """All that a camera is opened with. A file whose every frame is waited for is read from its start for another
        choice of its frames: which of them have been announced depends on that.
        """
        chosen = (settings.fps, settings.motion, settings.scene) if settings.delivery == "lossless" else None
        opening = msgspec.structs.replace(settings.opening, fps=None)
        return settings.source, opening, settings.delivery, settings.dispatcher, settings.record, settings.main, chosen


def _is_hung(source: str) -> bool:
    """True if it is on a file system that does not answer."""
    return is_on_disk(source) and disk.look(path_of(source)).hung


def open_settings(camera: Camera) -> OpenSettings:
    """Settings with which a camera of the configuration is opened."""
    return OpenSettings(
        transport=camera.transport,
        open_timeout_s=camera.open_timeout,
        read_timeout_s=camera.read_timeout,
        decode=camera.decode,
        device=DeviceSettings(**camera.device.model_dump()),
        ca=camera.ca,
        fingerprint=camera.fingerprint,
        fps=camera.fps,
        loop=camera.loop,
    )


def _window(config: Config, models: list[str]) -> int:
    """Number of frames that a file's capture holds: those that workers have and the sink acknowledges, and the next."""
    return sum(max(HELD, 2 * config.models[m].batch) * config.models[m].workers for m in models) + SPARE


def _motion(camera: Camera) -> MotionSettings | None:
    """Settings of the motion gate, which looks at no area that is hidden."""
    motion = camera.motion
    if motion is None:
        return None
    return MotionSettings(
        threshold=motion.threshold,
        area=motion.area,
        mask=[*(motion.mask or []), *(camera.privacy or [])],
        always_every_s=motion.always_every,
    )
