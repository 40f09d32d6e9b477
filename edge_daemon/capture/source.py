"""What a camera can be: each source opens in its constructor, gives pictures, and says plainly why it cannot."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from edge_daemon.config.sources import Kind, kind_of, path_of
from edge_daemon.errors import PictureError, SourceError
from edge_daemon.imaging.codecs import read_bgr
from edge_daemon.imaging.colour import Pixels
from edge_daemon.log import redact
from edge_daemon.scene import Scene, SceneOptions

logger = logging.getLogger(__name__)
OPEN_TIMEOUT_MS = 10_000
READ_TIMEOUT_MS = 10_000
PICTURE_FILES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".ppm", ".pgm"}


@dataclass(frozen=True)
class Picture:
    """A picture that a source gave: BGR, and when it is to be shown, in seconds on the source's own clock.

    `truth` are the boxes (x1, y1, x2, y2 in pixels) that a generated scene knows to be there.
    """

    bgr: Pixels
    time_s: float
    truth: list[list[float]] | None = None


class Source(Protocol):
    """An open camera, file, folder or scene. Its clock is the system's monotonic one if it is `live`."""

    live: bool
    about: str

    def read(self) -> Picture | None:
        """The next picture; None at the end of a finite source.

        Raises:
            SourceError: the camera is gone.
        """
        ...

    def close(self) -> None:
        """Let the device or connection go."""
        ...


def open_source(source: str) -> Source:
    """Open what `source` names.

    Raises:
        SourceError: it cannot be opened; says why, without credentials.
    """
    kind = kind_of(source)
    if kind == "scene":
        return SceneSource(source)
    if kind == "folder":
        return Folder(path_of(source))
    if kind == "file":
        return file_source(path_of(source))
    return Camera(source, kind)


def file_source(path: Path) -> Source:
    """A video file, or a single picture."""
    if not path.exists():
        raise SourceError(f"there is no file {path}")
    if path.is_dir():
        return Folder(path)
    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty")
    if path.suffix.lower() in PICTURE_FILES - {".gif"}:
        return Folder(path.parent, [path])
    return Video(path)


class Video:
    """A video file, read frame by frame. Its clock is the file's own timestamps."""

    live = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            raise SourceError(f"{path} is not a video that OpenCV's FFmpeg can open")
        announced = self._capture.get(cv2.CAP_PROP_FPS)
        self._step_s = 1 / announced if 0.1 <= announced <= 1000 else 1 / 25
        self._time_s = -self._step_s
        self.about = _about(self._capture)

    def read(self) -> Picture | None:
        """The next frame; None when no more can be decoded."""
        ok, bgr = self._capture.read()
        if not ok:
            return None
        stamp_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if not self._time_s < stamp_s < self._time_s + 60:  # missing or jumping timestamps: as announced
            stamp_s = self._time_s + self._step_s
        self._time_s = stamp_s
        return Picture(_pixels(bgr), stamp_s)

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


class Folder:
    """The pictures of a folder, in the order of their names, one a second on its clock.

    What is no picture is left out.
    """

    live = False

    def __init__(self, path: Path, files: list[Path] | None = None) -> None:
        if files is None:
            try:
                files = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURE_FILES)
            except OSError as error:
                raise SourceError(f"cannot read the folder {path}: {error.strerror}") from error
        if not files:
            raise SourceError(f"the folder {path} holds no pictures ({', '.join(sorted(PICTURE_FILES))})")
        self._files: Iterator[Path] = iter(files)
        self._count = 0
        self.about = f"{len(files)} pictures"

    def read(self) -> Picture | None:
        """The next picture that can be decoded."""
        for file in self._files:
            try:
                bgr = read_bgr(file.read_bytes())
            except (PictureError, OSError) as error:
                logger.warning("left out %s: %s", file, error)
                continue
            self._count += 1
            return Picture(bgr, float(self._count - 1))
        return None

    def close(self) -> None:
        """Nothing is held open."""


class SceneSource:
    """The generated street, rendered as it is asked for."""

    live = False

    def __init__(self, source: str) -> None:
        self._options = SceneOptions.parse(source)
        o = self._options
        self._scene = Scene(seed=o.seed, width=o.width, height=o.height, people=o.people)
        self._index = 0
        self.about = f"{o.width}x{o.height} generated, {o.fps:g} fps"

    def read(self) -> Picture | None:
        """The next frame, with the boxes of the people in it."""
        if self._options.frames is not None and self._index >= self._options.frames:
            return None
        bgr, people = self._scene.frame(self._index, self._options.fps)
        time_s = self._index / self._options.fps
        self._index += 1
        return Picture(bgr, time_s, [list(person.xyxy) for person in people])

    def close(self) -> None:
        """Nothing is held open."""


class Camera:
    """An RTSP, HTTP or V4L2 camera. Its clock is the system's, taken when a frame has been read."""

    live = True

    def __init__(self, source: str, kind: Kind) -> None:
        self._name = redact(source)
        if kind == "webcam":
            device = int(source) if source.isdigit() else source
            self._capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
        else:
            # FFmpeg takes its time-outs only when they come with the opening (OpenCV issue 23207).
            limits = [
                cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
                OPEN_TIMEOUT_MS,
                cv2.CAP_PROP_READ_TIMEOUT_MSEC,
                READ_TIMEOUT_MS,
            ]
            with _ffmpeg_options("rtsp_transport;tcp" if kind == "rtsp" else ""):
                self._capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, limits)
        if not self._capture.isOpened():
            raise SourceError(f"cannot open {self._name}")
        self.about = _about(self._capture)

    def read(self) -> Picture | None:
        """The next frame; never None, for a camera does not end."""
        ok, bgr = self._capture.read()
        if not ok:
            raise SourceError(f"{self._name} gives no more frames")
        return Picture(_pixels(bgr), time.monotonic())

    def close(self) -> None:
        """Close the connection or device."""
        self._capture.release()


@contextmanager
def _ffmpeg_options(options: str) -> Iterator[None]:
    """OpenCV reads FFmpeg's options from the environment, and only while it opens."""
    if options:
        os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = options
    try:
        yield
    finally:
        os.environ.pop("OPENCV_FFMPEG_CAPTURE_OPTIONS", None)


def _pixels(frame: cv2.typing.MatLike) -> Pixels:
    """OpenCV says of a frame only that it is an array of numbers; a capture gives BGR bytes."""
    return np.asarray(frame, np.uint8)


def _about(capture: cv2.VideoCapture) -> str:
    """Size, codec and announced rate, for people."""
    width, height = (int(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    fourcc = int(capture.get(cv2.CAP_PROP_FOURCC))
    codec = "".join(c for i in range(4) if (c := chr(fourcc >> 8 * i & 0xFF)).isprintable()).strip()
    return f"{width}x{height} {codec or 'unknown codec'}, {capture.get(cv2.CAP_PROP_FPS):.4g} fps announced"
