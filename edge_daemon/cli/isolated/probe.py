"""Opens and reads a source for `edge-daemon probe`."""

import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edge_daemon.capture.frozen import Frozen
from edge_daemon.capture.picture import Details, Picture, Source
from edge_daemon.capture.source import open_source
from edge_daemon.cli.probe import Facts, Request
from edge_daemon.errors import SourceError
from edge_daemon.imaging.files import save_bgr

WARM_S = 1.0
"""A camera's first frames come in a heap."""
ODD = 0.2
"""A measured rate that is further from the announced one than this share is worth a note."""
SLOW_KEYS_S = 4.0


def run(request: Request) -> Facts:
    """Open the source and read it for a while.

    Raises:
        SourceError: it cannot be opened, or gives no frame.
        EdgeError: the picture cannot be saved.
    """
    cv2.setNumThreads(1)
    began = time.monotonic()
    source = open_source(request.source, request.opening)
    try:
        first = source.read()
        if first is None:
            raise SourceError("it was opened and holds no frames", "decode error")
        size, opened_s = first.size, time.monotonic() - began
        newest, times, keys, frozen = _watch(source, first, request.seconds)
        details = source.details
        if request.picture:
            save_bgr(newest.bgr, Path(request.picture))
    finally:
        source.close()
    facts = Facts(works=True, codec=details.codec, width=size[0], height=size[1], decoder=details.decoder)
    facts.announced_fps, facts.open_s, facts.live = details.fps, round(opened_s, 2), source.live
    facts.frames, facts.picture = len(times), request.picture
    _measure(facts, times, keys)
    facts.notes = list(_notes(facts, details, frozen=frozen))
    return facts


def _watch(source: Source, first: Picture, seconds: float) -> tuple[Picture, list[float], list[float], bool]:
    """Reads on: the last picture, the times of all, those of the key frames, and whether all are the same."""
    begin = first.time_s + (WARM_S if source.live else 0.0)
    newest, times, keys, frozen = first, [first.time_s], [], Frozen(0.9 * seconds)
    same = 0
    if source.details.key:
        keys.append(first.time_s)
    while newest.time_s < begin + seconds:
        picture = source.read()
        if picture is None:
            break
        same += frozen.sees(picture)
        newest = picture
        times.append(picture.time_s)
        if source.details.key:
            keys.append(picture.time_s)
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
    """What somebody should know who is about to use it."""
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
