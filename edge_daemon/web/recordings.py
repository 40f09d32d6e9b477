"""Routes for what is recorded all the time: segments, a playlist of them, and a timeline."""

import os
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Query, Response
from fastapi.responses import FileResponse, StreamingResponse

from edge_daemon.config.quantities import long_seconds
from edge_daemon.messages.published import utc
from edge_daemon.messages.requests import Requester
from edge_daemon.settings import StorageSettings
from edge_daemon.store import segments, timeline
from edge_daemon.store.reader import Reader, StoreAway
from edge_daemon.store.segments import Segment
from edge_daemon.web.roles import OPERATOR, VIEWER
from edge_daemon.web.service import Service, as_json
from edge_daemon.web.stored import NOT_STORED, seconds_of

HOUR_S, MOST_SEGMENTS, MOST_BUCKETS = 3600.0, 5000, 2000
Since = Annotated[str | None, Query(alias="from", description="Not before this time; an hour ago if left out")]
Until = Annotated[str | None, Query(alias="to", description="Before this time; now if left out")]
_BOX = struct.Struct(">I4s")


def add_routes(app: FastAPI, service: Service) -> None:
    """Add the routes."""

    def storage() -> StorageSettings:
        if service.settings.storage is None:
            raise HTTPException(404, NOT_STORED)
        return service.settings.storage

    def chosen(camera: str, since: str | None, until: str | None) -> tuple[Path, str, float, float]:
        service.camera(camera)
        now_s = time.time()
        until_s = seconds_of("to", until) or now_s
        since_s = seconds_of("from", since)
        since_s = min(until_s, now_s) - HOUR_S if since_s is None else since_s
        if since_s >= until_s:
            raise HTTPException(422, "from: must be before to")
        return Path(storage().media), camera, since_s, until_s

    @app.get("/api/recordings", summary="Which cameras have recordings", tags=["events"], dependencies=[VIEWER])
    def recorded() -> Response:
        """Each with the time from the first to the last of what is recorded all the time."""
        if service.settings.storage is None:
            return as_json([])
        media = Path(storage().media)
        spans = {camera: segments.span(media, camera) for camera in sorted(service.live.cameras)}
        return as_json([{"camera": camera, **_times(*span)} for camera, span in spans.items() if span])

    @app.get("/api/recordings/{camera}", summary="What is recorded of a camera", tags=["events"], dependencies=[VIEWER])
    def recordings(camera: str, since: Since = None, until: Until = None) -> Response:
        """Segments of some seconds, of runs without a gap, and the gaps with their reasons."""
        media, _, since_s, until_s = chosen(camera, since, until)
        found = segments.listed(media, camera, since_s, until_s)[:MOST_SEGMENTS]
        shown = [{"name": one.path.name, "run": one.run, **_times(one.start_s, one.end_s)} for one in found]
        return as_json({"segments": shown, "gaps": _gaps(media, camera, since_s, until_s)})

    @app.get(
        "/api/recordings/{camera}/gaps",
        summary="What is not recorded of a camera, and why",
        tags=["events"],
        dependencies=[VIEWER],
    )
    def gaps(camera: str, since: Since = None, until: Until = None) -> Response:
        """Times without a recording of more than a second, after which it went on."""
        return as_json(_gaps(*chosen(camera, since, until)))

    @app.get(
        "/api/recordings/{camera}/export.mp4", summary="What is recorded of a camera, in one file", tags=["events"]
    )
    def export(camera: str, who: Annotated[Requester, OPERATOR], since: Since = None, until: Until = None) -> Response:
        """An MP4 of the segments, each moment once, as the camera sent it, from the key frame before `from` on. It ends
        early where the camera changed the parameters of its video.
        """
        from edge_daemon.media.joining import Piece, stream  # takes memory that only exports need

        media, _, since_s, until_s = chosen(camera, since, until)
        pieces = [Piece(one.path, one.start_s, one.end_s) for one in segments.listed(media, camera, since_s, until_s)]
        if not pieces:
            raise HTTPException(404, _nothing(camera))
        times = f"{utc(round(since_s * 1e9))} to {utc(round(until_s * 1e9))}"
        service.supervisor.note(who, "export", "done", f"recording of {camera}, {times}")
        named = f"{camera}-{times[:19].replace(':', '')}.mp4"
        return StreamingResponse(
            stream(pieces, since_s, until_s),
            media_type="video/mp4",
            headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(named)}"},
        )

    @app.get(
        "/api/recordings/{camera}/playlist.m3u8",
        summary="What is recorded of a camera, for players",
        tags=["events"],
        dependencies=[VIEWER],
    )
    def as_playlist(camera: str, since: Since = None, until: Until = None) -> Response:
        """An HLS playlist (RFC 8216) of the segments, which VLC and Safari play."""
        media, _, since_s, until_s = chosen(camera, since, until)
        found = segments.listed(media, camera, since_s, until_s)
        if not found:
            raise HTTPException(404, _nothing(camera))
        lines = "\n".join(playlist(found[:MOST_SEGMENTS]))
        return Response(lines + "\n", media_type="application/vnd.apple.mpegurl", headers={"Cache-Control": "no-cache"})

    @app.get("/api/recordings/{camera}/{name}", summary="A segment", tags=["events"])
    def segment(camera: str, name: str, who: Annotated[Requester, VIEWER]) -> Response:
        """A fragmented MP4, of which parts can be asked for."""
        service.camera(camera)
        one = segments.segment_at(Path(name))
        path = segments.day_of(Path(storage().media), camera, one.start_s) / name if one else None
        try:
            found = path.stat() if path else None
        except OSError:
            found = None
        if path is None or found is None:
            raise HTTPException(404, f"{name} does not exist, or is not kept any more")
        service.supervisor.note(who, "view evidence", "done", f"recording of {camera}, {name}")
        return FileResponse(path, media_type="video/mp4", stat_result=found, headers={"Cache-Control": "private"})

    @app.get("/api/timeline/{camera}", summary="What there is of a camera", tags=["events"], dependencies=[VIEWER])
    def buckets(
        camera: str,
        since: Since = None,
        until: Until = None,
        step: Annotated[str, Query(description="Length of a bucket, such as 10s, 1min or 1h")] = "1min",
    ) -> Response:
        """For each step the seconds recorded, and how many events and alerts began."""
        media, _, since_s, until_s = chosen(camera, since, until)
        try:
            step_s = long_seconds(step)
        except ValueError as error:
            raise HTTPException(422, f"step: {error}") from error
        if (until_s - since_s) / step_s > MOST_BUCKETS:
            raise HTTPException(422, f"from, to and step must make at most {MOST_BUCKETS} buckets")
        try:
            begun = Reader(Path(storage().folder)).timeline([camera], since_s, until_s, step_s)
        except StoreAway as error:
            raise HTTPException(503, str(error), {"Retry-After": "5"}) from error
        return as_json(timeline.of(segments.spans(media, camera, since_s, until_s), begun, since_s, until_s, step_s))


def _nothing(camera: str) -> str:
    return f"nothing of {camera} is recorded at that time"


def _gaps(media: Path, camera: str, since_s: float, until_s: float) -> list[dict[str, Any]]:
    found = segments.gaps(media, camera, since_s, until_s)
    return [{**_times(one.start_s, one.end_s), "reason": one.reason} for one in found]


def _times(start_s: float, end_s: float) -> dict[str, Any]:
    return {"from": utc(round(start_s * 1e9)), "to": utc(round(end_s * 1e9))}


def playlist(found: Sequence[Segment]) -> Iterator[str]:
    """The lines of a playlist of segments."""
    longest_s = max(one.seconds for one in found)
    yield from ("#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-INDEPENDENT-SEGMENTS")
    yield f"#EXT-X-TARGETDURATION:{max(1, -int(-longest_s // 1))}"
    for number, one in enumerate(found):
        try:
            head, size = _measured(one.path)
        except FileNotFoundError:  # it had to go meanwhile
            continue
        if number:
            yield "#EXT-X-DISCONTINUITY"
        yield f'#EXT-X-MAP:URI="{one.path.name}",BYTERANGE="{head}@0"'
        yield f"#EXT-X-PROGRAM-DATE-TIME:{utc(round(one.start_s * 1e9))}"
        yield f"#EXTINF:{one.seconds:.3f},"
        yield f"#EXT-X-BYTERANGE:{size - head}@{head}"
        yield one.path.name
    yield "#EXT-X-ENDLIST"


def _measured(path: Path) -> tuple[int, int]:
    """Length of what is before the first fragment of a file, and of all of it.

    Raises:
        FileNotFoundError: it is gone.
    """
    fd, at = os.open(path, os.O_RDONLY | os.O_CLOEXEC), 0
    try:
        while len(head := os.pread(fd, _BOX.size, at)) == _BOX.size:
            length, kind = _BOX.unpack(head)
            if kind == b"moof":
                break
            at += max(length, _BOX.size)
        return at, os.fstat(fd).st_size
    finally:
        os.close(fd)
