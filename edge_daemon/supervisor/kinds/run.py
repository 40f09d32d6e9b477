"""The input that the plans of all kinds of processes share."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edge_daemon.config.assignment import rules_of
from edge_daemon.config.schema import Camera, Config
from edge_daemon.config.sources import is_finite, is_on_disk
from edge_daemon.config.storing import Recorded, recorded, storage_settings
from edge_daemon.delivery.settings import STORED
from edge_daemon.messages.accounting import StreamKey
from edge_daemon.runtime.box_name import box_name
from edge_daemon.runtime.time_zone import local_time_zone
from edge_daemon.settings import (
    AnalysisSettings,
    CameraPlan,
    Delivery,
    PlaceSettings,
    RecordSettings,
    SaveSettings,
    StorageSettings,
    StreamRulesSettings,
)
from edge_daemon.tracking.gap import gap_s
from edge_daemon.transport import zeromq

PUBLISHED = "published"
"""The socket at which the web receives what is published, and pictures: captures go on when it comes and goes."""


@dataclass(frozen=True)
class Run:
    """One run of a configuration: its sockets lie in `folder`, and what survives it in the folder `state`; results are
    also written to the file `results`, after those of earlier runs if they are to `append` (by default they are unless
    the run is finite), and annotated frames are saved as `save` says. Tracks, counts and events are also written to the
    file `events`, as results are to theirs.
    """

    config: Config
    folder: Path
    results: str | None = None
    state: Path | None = None
    append: bool | None = None
    save: SaveSettings | None = None
    events: str | None = None

    def address(self, name: str) -> str:
        """Address of the socket `name` in the run's folder."""
        return zeromq.ipc(self.folder, name)

    @property
    def dispatcher(self) -> str:
        """Address at which the dispatcher listens."""
        return self.address("dispatcher")

    @property
    def sink(self) -> str:
        """Address at which the sink receives results,"""
        return self.address("sink")

    @property
    def pictures(self) -> str:
        """and address for those with an annotated picture."""
        return self.address("pictures")

    @property
    def published(self) -> str | None:
        """Address at which the sink also publishes for processes of the daemon, if there are any that subscribe."""
        return self.address(PUBLISHED) if self.serves_web else None

    @cached_property
    def storage(self) -> StorageSettings | None:
        """Where what happens is stored, if it is."""
        return storage_settings(self.config, self.state)

    @property
    def live_bridges(self) -> dict[str, str]:
        """Addresses at which bridges receive what is published, of those that deliver it, or show states."""
        entries = (self.config.deliver or {}) if self.storage else {}
        return {
            name: self.address(f"bridge-{number}")
            for number, (name, entry) in enumerate(entries.items())
            if entry.shows_states or not set(entry.send) <= set(STORED)
        }

    @property
    def recorder(self) -> str | None:
        """Address at which the recorder listens, if there is one."""
        return self.address("recorder") if self.storage else None

    @cached_property
    def _kept(self) -> dict[str, Recorded]:
        return recorded(self.config)

    def main_of(self, camera: str) -> str | None:
        """The stream of a camera that is recorded, if models look at another one."""
        return self._kept[camera].source if camera in self.recorded else None

    @cached_property
    def recorded(self) -> dict[str, RecordSettings]:
        """The cameras of whose events clips are kept."""
        address = self.recorder
        if address is None:
            return {}
        return {
            name: RecordSettings(
                recorder=address,
                before_s=of.before_s,
                after_s=of.after_s,
                audio=of.audio,
                continuous=of.continuous,
                main=of.source is not None,
                on_event=of.on_event,
                crop=of.crop,
            )
            for name, of in self._kept.items()
        }

    @cached_property
    def cameras(self) -> dict[str, CameraPlan]:
        """The cameras as the dispatcher and the sink know them."""
        tracked = {camera for camera, _ in self.analyses}
        return {
            name: _camera_plan(self.config, camera, tracked=name in tracked)
            for name, camera in self.config.cameras.items()
        }

    @cached_property
    def analyses(self) -> dict[StreamKey, AnalysisSettings]:
        """Tracking, zones and rules of each camera and model that need any."""
        place = self.config.location
        where = PlaceSettings(
            time_zone=place.time_zone or local_time_zone(), latitude=place.latitude, longitude=place.longitude
        )
        streams = rules_of(self.config)
        box = box_name(self.config.name, self.state) if streams else ""
        return {
            (camera, model): _analysis(self.config.cameras[camera], camera, model, box, where, rules)
            for (camera, model), rules in streams.items()
        }

    @property
    def models(self) -> list[str]:
        """The models that have workers: those that a camera uses, or that pictures can be uploaded to."""
        used = {model for camera in self.cameras.values() for model in camera.models} | set(self.uploads)
        return [model for model in self.config.models if model in used]

    @property
    def is_finite(self) -> bool:
        """True if the run ends by itself, when all sources have been read."""
        cameras = self.config.cameras.values()
        return all(is_finite(camera.source, camera.delivery, loop=camera.loop) for camera in cameras)

    @property
    def replaces_results(self) -> bool:
        """True if its results replace those of an earlier run."""
        return self.is_finite if self.append is None else not self.append

    @property
    def serves_web(self) -> bool:
        """True if there is a web process: a finite run, which is usually short, has one only if `web` is configured."""
        return self.config.web.enabled and ("web" in self.config.model_fields_set or not self.is_finite)

    @property
    def uploads(self) -> list[str]:
        """The models to which pictures can be uploaded: those that look at whole pictures."""
        return [name for name, model in self.config.models.items() if not model.after] if self.serves_web else []


def _analysis(
    camera: Camera, name: str, model: str, box: str, place: PlaceSettings, rules: StreamRulesSettings
) -> AnalysisSettings:
    return AnalysisSettings(
        camera=name,
        model=model,
        box=box,
        place=place,
        gap_s=gap_s(camera.fps),
        finite=is_finite(camera.source, camera.delivery, loop=camera.loop),
        lossless=(camera.delivery or _default_delivery(camera)) == "lossless",
        rules=rules,
    )


def _camera_plan(config: Config, camera: Camera, *, tracked: bool) -> CameraPlan:
    return CameraPlan(
        models=list(camera.models or config.models),
        delivery=camera.delivery or _default_delivery(camera),
        weight=camera.weight,
        max_age_s=camera.max_age,
        reorder_wait_s=camera.reorder_wait,
        tracked=tracked,
    )


def _default_delivery(camera: Camera) -> Delivery:
    """Files and folders are read completely, unless they never end; of cameras the newest frame counts."""
    return "lossless" if is_on_disk(camera.source) and not camera.loop else "live"
