"""What is stored of a configuration, and where."""

from pathlib import Path

from edge_daemon.config.schema import Config
from edge_daemon.settings import KeepSettings, StorageSettings

FOLDER, MEDIA = "store", "media"


def storage_settings(config: Config, state: Path | None) -> StorageSettings | None:
    """The store of a configuration, by default in the folder `state`; None if there is none."""
    storage = config.storage
    wanted = "storage" in config.model_fields_set or config.rules
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
