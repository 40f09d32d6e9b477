"""`events export`: events with their clips, stills and tracks, or a range of time of cameras, in a new folder."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_daemon.cli import coco
from edge_daemon.cli.store import found_events, one_event, queries_of, storage_of
from edge_daemon.config.load import load
from edge_daemon.config.storing import recorded
from edge_daemon.errors import ConfigError, SourceError, StartError
from edge_daemon.messages.published import utc
from edge_daemon.runtime.signing import signature
from edge_daemon.settings import StorageSettings
from edge_daemon.store import segments
from edge_daemon.store.entry import seconds_of
from edge_daemon.store.media import ENDINGS, find
from edge_daemon.store.reader import Event, Query, Reader, shown

SUMS, SIGNATURE, CONTENT = "SHA256SUMS", "SHA256SUMS.sig", "export.json"
MOST = 100_000
KEY_S = 20.0
"""Longest time from a key frame to the next that is expected."""
FORMATS = ("media", "coco")


@dataclass(frozen=True)
class Wanted:
    """What is to be exported: events by their ids, or by cameras, rules and time; with both ends of a range of time,
    also one video of each camera. With a `key`, the sums are signed; with `transcode`, all video is H.264.
    """

    ids: Sequence[str] = ()
    cameras: Sequence[str] = ()
    rules: Sequence[str] = ()
    since: str | None = None
    from_s: float | None = None
    to_s: float | None = None
    format: str = "media"
    key: Path | None = None
    transcode: bool = False


def export(config: Path, output: Path, wanted: Wanted) -> str:
    """Write what is wanted into a new folder, with a file that `sha256sum -c` checks; return what there is.

    Raises:
        ConfigError: there is no such event, or what is wanted is not clear.
        StartError: the folder exists, or cannot be written.
        StoreAway: there is no store.
    """
    if wanted.format not in FORMATS:
        raise ConfigError(f"--format {wanted.format}: choose one of {', '.join(FORMATS)}")
    if (wanted.from_s is None) is not (wanted.to_s is None):
        raise ConfigError("--from and --to belong together")
    storage = storage_of(config)
    reader = Reader(Path(storage.folder))
    events = _events(reader, wanted)
    try:
        output.mkdir(parents=True)
        if wanted.format == "coco":
            done = f"{coco.write(events, reader, storage, output)} pictures"
        else:
            _copy(events, reader, storage, output)
            done = f"{len(events)} event{'s'[: len(events) != 1]}"
            if wanted.from_s is not None and wanted.to_s is not None:
                done += _videos(config, events, storage, output, wanted)
        if wanted.transcode:
            done += _transcoded(output)
        _seal(output, wanted.key)
    except FileExistsError as error:
        raise StartError(f"{output} exists already: name another folder") from error
    except OSError as error:
        raise StartError(f"cannot write to {output}: {error.strerror}") from error
    return done


def _transcoded(output: Path) -> str:
    """Encode the videos again that not all players play; return how many that were."""
    from edge_daemon.media.transcoding import transcode  # takes a while to load

    count = sum(transcode(path) for path in sorted(output.glob("*.mp4")))
    return f", {count} encoded again"


def _events(reader: Reader, wanted: Wanted) -> list[Event]:
    if wanted.ids:
        return [one_event(reader, id) for id in wanted.ids]
    queries = queries_of(wanted.cameras, wanted.rules, wanted.since)
    if wanted.from_s is None:
        return found_events(reader, queries)
    # An event that began before may go on in the range.
    ranged = [Query(query.words, wanted.from_s - 3600, wanted.to_s) for query in queries]
    return [event for event in found_events(reader, ranged, MOST) if _end_s(event) >= wanted.from_s]


def _copy(events: Iterable[Event], reader: Reader, storage: StorageSettings, output: Path) -> None:
    for event in events:
        tracks = json.dumps({"event": shown(event), "tracks": reader.tracks(event)}, indent=1)
        (output / f"{event['id']}.json").write_text(f"{tracks}\n")
        for medium in ENDINGS:
            path = find(storage, event["camera"], event["id"], medium)
            if path.exists():
                shutil.copyfile(path, output / path.name)


def _videos(config: Path, events: Sequence[Event], storage: StorageSettings, output: Path, wanted: Wanted) -> str:
    """Join what is recorded of each camera and its clips, and list what is missing; return how many there are."""
    from edge_daemon.media.joining import Piece, gaps, join  # takes a while to load

    around = recorded(load(config))
    since_s, until_s = wanted.from_s or 0.0, wanted.to_s or 0.0
    content: dict[str, Any] = {}
    for camera in wanted.cameras or sorted({event["camera"] for event in events}):
        before_s, after_s = (around[camera].before_s, around[camera].after_s) if camera in around else (5.0, 10.0)
        clips = [event for event in events if event["camera"] == camera and event["clip"]]
        pieces = [one for event in clips if (one := _piece(event, storage, before_s, after_s))]
        recorded_too = segments.listed(Path(storage.media), camera, since_s, until_s)
        pieces += [Piece(one.path, one.start_s, one.end_s) for one in recorded_too]
        made = join(pieces, since_s, until_s, output / f"{camera}.mp4")
        parts = [part for one in made for part in one.parts]
        content[camera] = {
            "files": [
                {
                    "name": one.path.name,
                    "parts": [
                        {"from": _utc(p.start_s), "to": _utc(p.end_s), "at_s": round(p.at_s, 3), "source": p.source}
                        for p in one.parts
                    ],
                }
                for one in made
            ],
            "gaps": [{"from": _utc(start), "to": _utc(end)} for start, end in gaps(parts, since_s, until_s)],
        }
    times = {"from": _utc(since_s), "to": _utc(until_s)}
    (output / CONTENT).write_text(json.dumps(times | {"cameras": content}, indent=1) + "\n")
    files = sum(len(of["files"]) for of in content.values())
    missing = sum(len(of["gaps"]) for of in content.values())
    return f", {files} video{'s'[: files != 1]} with {missing} gap{'s'[: missing != 1]}"


def _piece(event: Event, storage: StorageSettings, before_s: float, after_s: float) -> Any:
    """A clip with its times: it ends `after_s` after its event, or early, where the camera began again."""
    from edge_daemon.media.joining import Piece, length_of

    path = find(storage, event["camera"], event["id"], "clip")
    if not path.exists():
        return None
    try:
        seconds = length_of(path)
    except SourceError:
        return None
    began_s = seconds_of(event["began_at"]) - before_s
    start_s = _end_s(event) + after_s - seconds
    start_s = start_s if began_s - KEY_S <= start_s <= began_s + 1 else began_s
    return Piece(path, start_s, start_s + seconds)


def _seal(output: Path, key: Path | None) -> None:
    """Write the sums of all files, and sign them."""
    files = sorted(path for path in output.rglob("*") if path.is_file())
    sums = "".join(f"{_sha256(path)}  {path.relative_to(output)}\n" for path in files).encode()
    (output / SUMS).write_bytes(sums)
    if key:
        (output / SIGNATURE).write_bytes(signature(key, sums))


def _end_s(event: Event) -> float:
    return seconds_of(event["ended_at"] or event["at"])


def _utc(at_s: float) -> str:
    return utc(round(at_s * 1e9))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
