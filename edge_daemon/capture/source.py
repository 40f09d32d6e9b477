"""What a camera can be: each source opens in its constructor, gives pictures, and says plainly why it cannot."""

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from edge_daemon.capture.camera import Camera, Webcam
from edge_daemon.capture.mjpeg import MjpegCamera
from edge_daemon.capture.picture import Details, Picture, Source
from edge_daemon.capture.video import Video
from edge_daemon.config.sources import kind_of, path_of
from edge_daemon.errors import PictureError, SourceError
from edge_daemon.imaging.codecs import read_bgr
from edge_daemon.imaging.colour import Pixels
from edge_daemon.scene import Scene, SceneOptions
from edge_daemon.settings import OpenSettings

logger = logging.getLogger(__name__)
PICTURE_FILES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".ppm", ".pgm"}


AS_USUAL = OpenSettings()


def open_source(source: str, opening: OpenSettings = AS_USUAL) -> Source:
    """Open what `source` names.

    Raises:
        SourceError: it cannot be opened; says why, without credentials.
    """
    match kind_of(source):
        case "scene":
            return SceneSource(source)
        case "folder":
            return Folder(path_of(source))
        case "file":
            return file_source(path_of(source))
        case "webcam":
            return Webcam(source, opening)
        case "http":
            return MjpegCamera.open(source, opening) or Camera(source, opening)
        case "rtsp":
            return Camera(source, opening)


def file_source(path: Path) -> Source:
    """A video file, or a single picture."""
    if not path.exists():
        raise SourceError(f"there is no file {path}", "not found")
    if path.is_dir():
        return Folder(path)
    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty")
    if path.suffix.lower() in PICTURE_FILES - {".gif"}:
        return Folder(path.parent, [path])
    return Video(path)


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
        self.about, self.details = f"{len(files)} pictures", Details()

    def read(self) -> Picture | None:
        """The next picture that can be decoded."""
        for file in self._files:
            try:
                bgr = read_bgr(file.read_bytes())
            except (PictureError, OSError) as error:
                logger.warning("left out %s: %s", file, error)
                continue
            self._count += 1
            return Picture(float(self._count - 1), partial(_same, bgr))
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
        self.details = Details(fps=o.fps)
        self.about = f"{o.width}x{o.height} generated, {o.fps:g} fps"

    def read(self) -> Picture | None:
        """The next frame, with the boxes of the people in it."""
        if self._options.frames is not None and self._index >= self._options.frames:
            return None
        bgr, people = self._scene.frame(self._index, self._options.fps)
        time_s = self._index / self._options.fps
        self._index += 1
        return Picture(time_s, partial(_same, bgr), truth=[list(person.xyxy) for person in people])

    def close(self) -> None:
        """Nothing is held open."""


def _same(bgr: Pixels) -> Pixels:
    return bgr
