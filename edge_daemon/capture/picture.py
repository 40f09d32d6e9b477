"""What every source gives, and how it says that it has nothing to give."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.header import read_header
from edge_daemon.imaging.yuv import Yuv


@dataclass(eq=False)
class Picture:
    """A picture that a source gave, and when it is to be shown, in seconds on the source's own clock.

    Pixels are made by `load` when they are first asked for, which has to be before the source is read again. `jpeg`
    are the bytes of a source that sends JPEGs, from which they can be made at any time. `truth` are the boxes (x1,
    y1, x2, y2 in pixels) that a generated scene knows to be there.
    """

    time_s: float
    load: Callable[[], Pixels | Yuv]
    jpeg: bytes | None = None
    truth: list[list[float]] | None = None

    @cached_property
    def pixels(self) -> Pixels | Yuv:
        """As the source has them: BGR (height x width x 3, uint8), or planes.

        Raises:
            SourceError: the frame cannot be decoded.
        """
        return self.load()

    @property
    def bgr(self) -> Pixels:
        """Height x width x 3, uint8; made anew each time from planes.

        Raises:
            SourceError: the frame cannot be decoded.
        """
        return self.pixels.bgr() if isinstance(self.pixels, Yuv) else self.pixels

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        if self.jpeg is not None and (header := read_header(self.jpeg)):
            return header.width, header.height
        if isinstance(self.pixels, Yuv):
            return self.pixels.size
        height, width = self.pixels.shape[:2]
        return width, height


def ready(bgr: Pixels) -> Callable[[], Pixels]:
    """The `load` of a picture whose pixels (height x width x 3, uint8) are there."""
    return lambda: bgr


@dataclass(frozen=True)
class Details:
    """What can be told of a source: what its frames are coded in (empty: nothing), the rate that it announces, who
    decodes it, and whether the frame that was read last is one that needs no other (None: unknown).
    """

    codec: str = ""
    fps: float | None = None
    decoder: str = "cpu"
    key: bool | None = None


class Source(Protocol):
    """An open camera, file, folder or scene. Its clock is the system's monotonic one if it is `live`."""

    live: bool
    about: str

    @property
    def details(self) -> Details:
        """What is known by now."""
        ...

    def read(self) -> Picture | None:
        """The next picture. None: a finite source is at its end, a live one has nothing new for now.

        Raises:
            SourceError: the camera is gone.
        """
        ...

    def close(self) -> None:
        """Let the device or connection go."""
        ...
