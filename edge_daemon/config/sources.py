"""The kinds of `source:`, told apart by their text, and default names of cameras and models.

Shared by the configuration and the capture that opens the source. Does not import pydantic. Only a folder without a
slash at its end is told from a file by a look at the disk: that of `runtime/disk.py`, or in a capture, which may hang
with its source, a plain one.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, unquote, urlsplit

from edge_daemon.config.names import clean, unique
from edge_daemon.runtime import disk
from edge_daemon.server_address import Address, is_server
from edge_daemon.zoo.paths import BUILTIN, ZOO

IsFolder = Callable[[Path], bool]
Kind = Literal["file", "folder", "webcam", "rtsp", "http", "scene"]
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_KINDS: dict[str, Kind] = {"rtsp": "rtsp", "rtsps": "rtsp", "http": "http", "https": "http"}


def scheme_of(source: str) -> str:
    """`rtsp` for `RTSP://...`; empty for text that is no URL."""
    match = _SCHEME.match(source)
    return match.group(1).lower() if match else ""


def is_on_disk(source: str | int) -> bool:
    """True for a file or a folder."""
    return kind_of(source, lambda _: False) in ("file", "folder")


def kind_of(source: str | int, is_folder: IsFolder = disk.is_folder) -> Kind:
    """The kind of source."""
    text = str(source)
    if (text.isascii() and text.isdigit()) or text.startswith(("/dev/video", "/dev/v4l/")):
        return "webcam"
    if text.lower().startswith("scene:"):
        return "scene"
    if kind := _KINDS.get(scheme_of(text)):
        return kind
    return "folder" if text.endswith("/") or is_folder(path_of(text)) else "file"


def path_of(source: str) -> Path:
    """The path of a file or folder, which may be given as a `file://` URL."""
    if scheme_of(source) != "file":
        return Path(source)
    rest = source[len("file://") :]
    return Path(unquote(rest.removeprefix("localhost") if rest.startswith("localhost/") else rest))


def is_folder_here(path: Path) -> bool:
    """True if there is a folder; waits for a file system that does not answer."""
    try:
        return path.is_dir()
    except OSError:  # such as a name that is too long
        return False


def is_finite(source: str | int, delivery: str | None = None, *, loop: bool = False) -> bool:
    """True if the source ends by itself: files and folders that do not `loop` and are not watched (`live`), and scenes
    with `frames`.
    """
    if is_on_disk(source):
        return not loop and not comes_and_goes(source, delivery)
    return kind_of(source) == "scene" and "frames" in parse_qs(str(source).partition("?")[2])


def comes_and_goes(source: str | int, delivery: str | None = None, is_folder: IsFolder = disk.is_folder) -> bool:
    """True for cameras and watched folders (`live`), which may be offline for a while. Any other source must exist."""
    if is_on_disk(source):
        return delivery == "live" and kind_of(source, is_folder) == "folder"
    return kind_of(source) in ("webcam", "rtsp", "http")


def camera_names(sources: Sequence[str | int]) -> list[str]:
    """A readable and unique name for each source: a file's stem, `webcam-0`, a URL's host, `scene`."""
    return unique(clean(_called(str(source)), "camera") for source in sources)


def model_names(paths: Sequence[str]) -> list[str]:
    """A readable and unique name for each model: `person` for `builtin:person`, a file's stem, or the model's name on a
    server.
    """
    return unique(clean(_model_name(path), "model") for path in paths)


def _model_name(path: str) -> str:
    if path.startswith((BUILTIN, ZOO)):
        return path.rpartition(":")[2]
    try:
        return Address.parse(path).model if is_server(path) else _stem(path)
    except ValueError:  # an address that is reported as wrong
        return _host(path)


def _called(source: str) -> str:
    match kind_of(source):
        case "scene":
            return "scene"
        case "webcam":
            return f"webcam-{source.removeprefix('/dev/').removeprefix('video').rpartition('/')[2]}"
        case "rtsp" | "http":
            return _host(source)
        case "folder":
            return path_of(source).absolute().name
        case "file":
            return _stem(source)


def _stem(file: str) -> str:
    # In a mistyped URL that is taken for a file, only the host is sure to hold no password.
    if "@" in file and not _is_path(file):
        return _host(f"rtsp://{file.rpartition('@')[2]}")
    return path_of(file).stem if scheme_of(file) in ("", "file") else _host(file)


def _is_path(file: str) -> bool:
    return file.startswith(("/", ".")) or ":" not in file.partition("@")[0]


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # such as an IPv6 address with an unclosed bracket
        return ""
