"""Every kind of source: each opens in its constructor, gives pictures, and says plainly why it cannot."""

from pathlib import Path

from edge_daemon.capture.camera import Camera, Webcam
from edge_daemon.capture.folder import PICTURE_FILES, Folder, GrowingFolder
from edge_daemon.capture.mjpeg import MjpegCamera
from edge_daemon.capture.picture import Details, Picture, Source, ready
from edge_daemon.capture.video import Video
from edge_daemon.config.sources import kind_of, path_of
from edge_daemon.errors import SourceError
from edge_daemon.scene.options import SceneOptions
from edge_daemon.scene.scene import Scene
from edge_daemon.settings import Delivery, OpenSettings

DEFAULTS = OpenSettings()
THREADS = 4
"""Threads that decode a file which is read as fast as possible: one may be slower than all workers together."""


def open_source(source: str, opening: OpenSettings = DEFAULTS, delivery: Delivery | None = None) -> Source:
    """Open the source of this name. Live, a folder is watched for new pictures; otherwise it is read once.

    Raises:
        SourceError: it cannot be opened; says why, without credentials.
    """
    match kind_of(source):
        case "scene":
            return SceneSource(source)
        case "folder":
            return GrowingFolder(path_of(source)) if delivery == "live" else Folder(path_of(source))
        case "file":
            return file_source(path_of(source), THREADS if delivery == "lossless" else 1)
        case "webcam":
            return Webcam(source, opening)
        case "http":
            return MjpegCamera.open(source, opening) or Camera(source, opening)
        case "rtsp":
            return Camera(source, opening)


def file_source(path: Path, threads: int = 1) -> Source:
    """A video file, decoded in `threads`, or a single picture."""
    if not path.exists():
        raise SourceError(f"there is no file {path}", "not found")
    if path.is_dir():
        return Folder(path)
    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty")
    if path.suffix.lower() in PICTURE_FILES - {".gif"}:
        return Folder(path.parent, [path])
    return Video(path, threads)


class SceneSource:
    """The generated street, rendered frame by frame."""

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
        return Picture(time_s, ready(bgr), truth=[list(person.xyxy) for person in people])

    def close(self) -> None:
        """Nothing is held open."""
