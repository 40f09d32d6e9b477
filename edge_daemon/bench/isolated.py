"""Measures one task repeatedly, in a process of its own beside others that do the same: cores share memory."""

import itertools
import statistics
import time
from collections.abc import Callable, Iterator

import cv2

from edge_daemon.bench.team import Task, Took
from edge_daemon.capture.picture import Picture
from edge_daemon.capture.source import open_source
from edge_daemon.errors import SourceError
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.yuv import small_bgr
from edge_daemon.models.memory import limit_memory
from edge_daemon.models.model import Model
from edge_daemon.settings import ModelSettings

PICTURES = 8
USUAL_FPS = 25.0
"""Frame rate of pictures, and of videos that give none."""
LEAST = 5
"""Least number of frames to measure, however long they take."""


def endless(source: str) -> Iterator[Picture]:
    """The decoded frames of a video, in an endless loop.

    Raises:
        SourceError: the video cannot be opened, or contains no frames.
    """
    while True:
        opened = open_source(source)
        first = opened.read()
        if first is None:
            raise SourceError(f"{source} contains no frames")
        picture: Picture | None = first
        while picture:
            _ = picture.pixels  # valid only until the next frame is read
            yield picture
            picture = opened.read()
        opened.close()


def run(task: Task, ready: Callable[[], None]) -> Took:
    """Prepare the task, call `ready`, and measure it.

    Raises:
        EdgeError: the source cannot be opened, or the model cannot be loaded.
    """
    cv2.setNumThreads(1)
    return _infer(task, task.model, ready) if task.model else _decode(task, ready)


def _decode(task: Task, ready: Callable[[], None]) -> Took:
    frames = endless(task.source)
    next(frames)
    ready()
    until, spent_s, count = time.monotonic() + task.seconds, 0.0, 0
    while time.monotonic() < until or count < LEAST:
        began = time.process_time()
        next(frames)
        spent_s += time.process_time() - began
        count += 1
    camera_fps = open_source(task.source).details.fps or USUAL_FPS
    return Took(decode_ms=1e3 * spent_s / count, camera_fps=camera_fps)


def _infer(task: Task, settings: ModelSettings, ready: Callable[[], None]) -> Took:
    limit_memory(provider.name for provider in settings.providers)
    model = Model(settings)
    pictures = list(itertools.islice(endless(task.source), PICTURES))
    model.detect_all(*converted(pictures[0], model))
    ready()
    until, walls, convert_s, spent_s = time.monotonic() + task.seconds, list[float](), 0.0, 0.0
    for picture in itertools.cycle(pictures):
        began, began_s = time.monotonic(), time.process_time()
        bgr, size = converted(picture, model)
        converted_at, converted_s = time.monotonic(), time.process_time()
        model.detect_all(bgr, size)
        walls.append(time.monotonic() - converted_at)
        convert_s += converted_s - began_s
        spent_s += time.process_time() - converted_s
        if began > until and len(walls) >= LEAST:
            break
    count = len(walls)
    return Took(wall_ms=1e3 * statistics.fmean(walls), cpu_ms=1e3 * spent_s / count, convert_ms=1e3 * convert_s / count)


def converted(picture: Picture, model: Model) -> tuple[list[Pixels], list[tuple[int, int]]]:
    """A picture as workers get it while nobody watches (BGR, uint8, height x width x 3), and its original size (height,
    width); a list of one each.
    """
    width, height = picture.size
    enough = model.enough((height, width))
    return [small_bgr(picture.pixels, *enough) if enough else picture.bgr], [(height, width)]
