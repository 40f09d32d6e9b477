"""Every kind of source: each opens in its constructor, gives pictures, and reports why it cannot."""

from pathlib import Path

from edge_daemon.capture.camera import Camera
from edge_daemon.capture.folder import PICTURE_FILES, Folder, GrowingFolder
from edge_daemon.capture.http_camera import open_http_camera
from edge_daemon.capture.looped import Looped
from edge_daemon.capture.picture import Source
from edge_daemon.capture.video import Video
from edge_daemon.capture.webcam import Webcam
from edge_daemon.config.sources import is_folder_here, is_on_disk, kind_of, path_of
from edge_daemon.errors import SourceError
from edge_daemon.settings import Delivery, OpenSettings

DEFAULTS = OpenSettings()
THREADS = 4
"""Threads that decode a file which is read as fast as possible: one may be slower than all workers together."""


def open_source(source: str, opening: OpenSettings = DEFAULTS, delivery: Delivery | None = None) -> Source:
    """Open the source of this name. In live delivery, a folder is watched for new pictures; otherwise it is read once.
    Files and folders begin again at their end if they are to `loop`.

    Raises:
        SourceError: it cannot be opened; says why, without credentials.
    """
    if opening.loop and is_on_disk(source):
        return Looped(lambda: file_source(path_of(source)))
    match kind_of(source, is_folder_here):
        case "scene":
            from edge_daemon.capture.generated import GeneratedScene  # only the demo needs the renderer

            return GeneratedScene(source)
        case "folder":
            return GrowingFolder(path_of(source)) if delivery == "live" else Folder(path_of(source))
        case "file":
            return file_source(path_of(source), THREADS if delivery == "lossless" else 1)
        case "webcam":
            return Webcam(source, opening)
        case "http":
            return open_http_camera(source, opening)
        case "rtsp":
            return Camera(source, opening)


def file_source(path: Path, threads: int = 1) -> Source:
    """A video file, decoded in `threads`, a single picture, or those of a folder."""
    if not path.exists():
        from edge_daemon.config.near import near  # only for this sentence

        raise SourceError(f"there is no file {path}{near(path)}", "not found")
    if path.is_dir():
        return Folder(path)
    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty")
    if path.suffix.lower() in PICTURE_FILES - {".gif"}:
        return Folder(path.parent, [path])
    return Video(path, threads)
