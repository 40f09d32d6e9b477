"""Measures one thing over and over, in a process of its own beside others that do the same: cores share memory.

`python -m edge_daemon.bench.measuring` reads a task (a line of JSON) from standard input, makes ready and says so with
an empty line; at the next line it begins, and answers with what a frame took (JSON).
"""

import itertools
import statistics
import sys
import time
from collections.abc import Iterator

import cv2
import msgspec

from edge_daemon.capture.picture import Picture
from edge_daemon.capture.source import open_source
from edge_daemon.errors import EdgeError, SourceError
from edge_daemon.models.memory import limit_memory
from edge_daemon.models.model import Model
from edge_daemon.settings import ModelSettings

PICTURES = 8
USUAL_FPS = 25.0
"""Of pictures, and videos that do not say."""
LEAST = 5
"""So many frames are measured, however long they take."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Decode a video over and over; or, with a model, have it look at pictures of that."""

    source: str
    model: ModelSettings | None = None
    seconds: float


class Took(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds of a frame: `wall_ms` on the clock and `cpu_ms` of all threads, or of decoding it and of converting
    its colours, and how many there are in a second of the video; `error` is why it took nothing.
    """

    wall_ms: float = 0.0
    cpu_ms: float = 0.0
    decode_ms: float = 0.0
    convert_ms: float = 0.0
    camera_fps: float = 0.0
    error: str | None = None


def endless(source: str) -> Iterator[Picture]:
    """The frames of a video, again and again.

    Raises:
        SourceError: it cannot be opened, or holds no frames.
    """
    while True:
        opened = open_source(source)
        first = opened.read()
        if first is None:
            raise SourceError(f"{source} holds no frames")
        picture: Picture | None = first
        while picture:
            yield picture
            picture = opened.read()
        opened.close()


def decoding(task: Task) -> Iterator[Took]:
    """Ready with the first item, done with the second."""
    frames = endless(task.source)
    next(frames)
    yield Took()
    until, spent, count = time.monotonic() + task.seconds, [0.0, 0.0], 0
    while time.monotonic() < until or count < LEAST:
        began = time.process_time()
        picture = next(frames)
        decoded = time.process_time()
        _ = picture.bgr
        spent[0] += decoded - began
        spent[1] += time.process_time() - decoded
        count += 1
    camera_fps = open_source(task.source).details.fps or USUAL_FPS
    yield Took(decode_ms=1e3 * spent[0] / count, convert_ms=1e3 * spent[1] / count, camera_fps=camera_fps)


def inferring(task: Task, settings: ModelSettings) -> Iterator[Took]:
    """Ready with the first item, done with the second."""
    limit_memory(provider.name for provider in settings.providers)
    model = Model(settings)
    pictures = [picture.bgr for picture in itertools.islice(endless(task.source), PICTURES)]
    model.detect(pictures[0])
    yield Took()
    until, walls, cpu = time.monotonic() + task.seconds, list[float](), time.process_time()
    for bgr in itertools.cycle(pictures):
        began = time.monotonic()
        model.detect(bgr)
        walls.append(time.monotonic() - began)
        if began > until and len(walls) >= LEAST:
            break
    cpu = time.process_time() - cpu
    yield Took(wall_ms=1e3 * statistics.fmean(walls), cpu_ms=1e3 * cpu / len(walls))


def main() -> None:
    """Do the one task."""
    cv2.setNumThreads(1)
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)
    try:
        steps = inferring(task, task.model) if task.model else decoding(task)
        next(steps)
        sys.stdout.buffer.write(b"\n")
        sys.stdout.buffer.flush()
        sys.stdin.buffer.readline()
        took = next(steps)
    except EdgeError as error:
        took = Took(error=str(error))
    sys.stdout.buffer.write(msgspec.json.encode(took) + b"\n")


if __name__ == "__main__":
    main()
