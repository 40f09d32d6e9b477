"""Opens and reads a source for `edge-daemon probe`."""

import math
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np

from edge_daemon.capture.frozen import Frozen
from edge_daemon.capture.picture import CodedSource, Details, Picture, Source
from edge_daemon.capture.source import open_source
from edge_daemon.capture.stamps import judge
from edge_daemon.cli.probe import KEY_S, ClipFacts, Facts, MainFacts, Request
from edge_daemon.errors import PictureError, SourceError
from edge_daemon.imaging.files import save_bgr
from edge_daemon.imaging.grey import small_grey
from edge_daemon.imaging.placement import WIDTH, find
from edge_daemon.media.clip import write_clip
from edge_daemon.media.packets import Packet, PacketRing

WARM_S = 1.0
"""A camera's first frames arrive in a burst."""
ODD = 0.2
"""A measured rate that is further from the announced one than this share is worth a note."""
SLOW_KEYS_S = 4.0
REORDER_S = 0.5
"""A clip's last frames may be decoded after later ones, which have to arrive first."""
MAX_CLIP_BYTES = 512 << 20


class Watch:
    """The packets of a source while it is watched, from its first key frame on for as long as the clip is."""

    def __init__(self, clip_s: float) -> None:
        self._clip_s, self._began = clip_s, time.monotonic()
        self.ring = PacketRing(clip_s + REORDER_S, MAX_CLIP_BYTES)
        self.arrivals: list[tuple[float, float | None]] = []

    def add(self, packet: Packet) -> None:
        """Take in the next packet."""
        self.arrivals.append((packet.arrived_s, packet.stamp_s))
        if self._clip_s:
            self.ring.add(packet)

    def is_enough(self) -> bool:
        """True if the clip is complete, or will not be."""
        waited_s = time.monotonic() - self._began
        late = waited_s > self._clip_s + KEY_S or (waited_s > KEY_S and not self.ring.bytes)
        return self.ring.span_s >= self._clip_s + REORDER_S * bool(self._clip_s) or late

    def save(self, file: str) -> ClipFacts:
        """Write the clip."""
        packets = self.ring.since(-math.inf)
        if not packets:
            why = f"no key frame came within {KEY_S:g} s, and a clip begins with one"
            return ClipFacts(file=file, error=f"{why}: set the camera's GOP or I-frame interval to a second or two")
        try:
            clip = write_clip(packets, self._clip_s, Path(file))
        except SourceError as error:
            return ClipFacts(file=file, error=str(error))
        note = clip.note
        if not note and clip.seconds < 0.9 * self._clip_s:
            note = f"more than {MAX_CLIP_BYTES >> 20} MiB" if self.ring.shortened else "the source ended there"
        return ClipFacts(file=file, seconds=round(clip.seconds, 2), frames=clip.frames, note=note)


def run(request: Request) -> Facts:
    """Open the source and read it for a while.

    Raises:
        SourceError: it cannot be opened, or gives no frame.
        EdgeError: the picture cannot be saved.
    """
    cv2.setNumThreads(1)
    began = time.monotonic()
    source = open_source(request.source, request.opening)
    coded = isinstance(source, CodedSource)
    watch = Watch(request.clip_s if coded else 0.0)
    if isinstance(source, CodedSource):
        source.observe(watch.add)
    try:
        first = source.read()
        if first is None:
            raise SourceError("it opened, but contains no frames", "decode error")
        size, opened_s = first.size, time.monotonic() - began
        newest, times, keys, frozen = _look(source, first, request.seconds, watch)
        details = source.details
        if request.picture:
            save_bgr(newest.bgr, Path(request.picture))
    finally:
        source.close()
    facts = Facts(works=True, codec=details.codec, width=size[0], height=size[1], decoder=details.decoder)
    facts.announced_fps, facts.open_s, facts.live = details.fps, round(opened_s, 2), source.live
    facts.frames, facts.picture = len(times), request.picture
    if source.live and watch.arrivals:
        warm = [packet for packet in watch.arrivals if packet[0] >= watch.arrivals[0][0] + WARM_S]
        facts.stamps = judge(warm or watch.arrivals)
    if request.clip:
        unencoded = "a clip is cut from coded video, and this source gives pictures that are decoded already"
        facts.clip = watch.save(request.clip) if coded else ClipFacts(file=request.clip, error=unencoded)
    if request.main:
        facts.main = _beside(request.main, request, newest)
    _measure(facts, times, keys)
    facts.notes = list(_notes(facts, details, frozen=frozen))
    return facts


def _beside(main: str, request: Request, looked_at: Picture) -> MainFacts:
    """The main stream, and how a picture of the other one lies in it."""
    try:
        source = open_source(main, request.opening, "live")
    except SourceError as error:
        return MainFacts(error=str(error))
    try:
        while (picture := source.read()) is None:
            continue
        width, height = picture.size
        facts = MainFacts(codec=source.details.codec, width=width, height=height)
        found = find(small_grey(looked_at.pixels, WIDTH), small_grey(picture.pixels, WIDTH))
        return msgspec.structs.replace(facts, crop=tuple(found))
    except SourceError as error:
        return MainFacts(error=str(error))
    except PictureError as error:
        return msgspec.structs.replace(facts, error=str(error))
    finally:
        source.close()


def _look(
    source: Source, first: Picture, seconds: float, watch: Watch
) -> tuple[Picture, list[float], list[float], bool]:
    """Keep reading; return the last picture, the times of all (of a live source, when they were read), those of the key
    frames, and True if all are the same.
    """
    times, keys, frozen = list[float](), list[float](), Frozen(0.9 * seconds)
    newest, same = first, 0
    picture: Picture | None = first
    while picture:
        newest, time_s = picture, time.monotonic() if source.live else picture.time_s
        same += frozen.add(picture)
        times.append(time_s)
        if source.details.key:
            keys.append(time_s)
        begin = times[0] + (WARM_S if source.live else 0.0)
        picture = source.read() if time_s < begin + seconds or not watch.is_enough() else None
    _ = newest.pixels  # while the source still has it
    return newest, [time_s for time_s in times if time_s >= begin] or times, keys, bool(same)


def _measure(facts: Facts, times: Sequence[float], keys: Sequence[float]) -> None:
    if len(times) > 1:
        between = np.diff(times)
        facts.fps = round((len(times) - 1) / float(times[-1] - times[0]), 2) if times[-1] > times[0] else None
        facts.jitter_ms = round(1e3 * float(between.std()), 1)
        facts.longest_ms = round(1e3 * float(between.max()), 1)
    if len(keys) > 1:
        facts.keyframe_s = round(float(np.median(np.diff(keys))), 2)


def _notes(facts: Facts, details: Details, *, frozen: bool) -> list[str]:
    """Remarks for somebody who is about to use the source."""
    notes = []
    fps, announced = facts.fps, details.fps
    if facts.live and fps and announced and abs(announced - fps) > ODD * fps:
        notes.append(f"it announces {announced:g} frames a second and gives {fps:g}")
    if facts.keyframe_s and facts.keyframe_s > SLOW_KEYS_S and facts.live:
        notes.append(
            f"a key frame comes every {facts.keyframe_s:g} s only: after a loss the picture is wrong for as long; "
            "set the camera's GOP or I-frame interval to a second or two"
        )
    if facts.live and facts.frames > 1 and not facts.keyframe_s:
        notes.append("no two key frames came in this time: look longer (--seconds) to learn how far they are apart")
    if frozen:
        notes.append("it sends the same picture again and again")
    return notes
