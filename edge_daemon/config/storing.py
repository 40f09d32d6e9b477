"""What is stored of a configuration, and where."""

from pathlib import Path
from typing import NamedTuple

from edge_daemon.config.schema import Config
from edge_daemon.config.sources import is_on_disk
from edge_daemon.settings import KeepSettings, StorageSettings

FOLDER, MEDIA = "store", "media"
BEFORE_S, AFTER_S = 5.0, 10.0


class Around(NamedTuple):
    """The time before the start of an event and after its end that its clip has."""

    before_s: float
    after_s: float


def storage_settings(config: Config, state: Path | None) -> StorageSettings | None:
    """The store of a configuration, by default in the folder `state`; None if there is none."""
    storage = config.storage
    wanted = "storage" in config.model_fields_set or config.rules or config.deliver or recorded(config)
    place = storage.path or (str(state / FOLDER) if state else None)
    if not (storage.enabled and wanted and place):
        return None
    return StorageSettings(
        folder=place,
        media=storage.media or str(Path(place) / MEDIA),
        max_bytes=storage.max_size,
        min_free_bytes=storage.min_free,
        keep=KeepSettings(**storage.keep.model_dump()),
    )


def recorded(config: Config) -> dict[str, Around]:
    """The cameras of whose events clips are kept: those that are live, and that `record` is for."""
    usual, found = config.record, {}
    for name, camera in config.cameras.items():
        own = camera.record
        live = camera.delivery == "live" or camera.loop or not is_on_disk(camera.source)
        if live and (own.enabled if own else usual is not None and usual.enabled):
            sections = [section for section in (own, usual) if section]
            before = [section.before for section in sections if section.before is not None]
            after = [section.after for section in sections if section.after is not None]
            found[name] = Around(*before[:1] or (BEFORE_S,), *after[:1] or (AFTER_S,))
    return found
