"""What is stored of a configuration, and where."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from edge_daemon.config.schema import Config, Record
from edge_daemon.config.sources import is_on_disk
from edge_daemon.settings import KeepSettings, StorageSettings

FOLDER, MEDIA = "store", "media"
BEFORE_S, AFTER_S = 5.0, 10.0
T = TypeVar("T")


class Recorded(NamedTuple):
    """What of a camera is kept: the time before the start of an event and after its end, its sound, and all of it if
    `continuous`; of the stream `source` if that is another one than models look at (`on_event`: opened for events), who
    see the part `crop` of it.
    """

    before_s: float
    after_s: float
    audio: bool
    continuous: bool
    source: str | None
    on_event: bool
    crop: tuple[float, float, float, float] | None


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


def recorded(config: Config) -> dict[str, Recorded]:
    """The cameras of which clips are kept: those that are live, and that `record` is for."""
    usual, found = config.record, {}
    for name, camera in config.cameras.items():
        own = camera.record
        live = camera.delivery == "live" or camera.loop or not is_on_disk(camera.source)
        if live and (own.enabled if own else usual is not None and usual.enabled):
            sections = [section for section in (own, usual) if section]

            def first(key: str, default: T, sections: Sequence[Record] = sections) -> T:
                return next((one for section in sections if (one := getattr(section, key)) is not None), default)

            found[name] = Recorded(
                first("before", BEFORE_S),
                first("after", AFTER_S),
                first("audio", False),
                first("continuous", False),
                own.source if own else None,
                bool(own and own.on == "event"),
                own.crop if own else None,
            )
    return found
