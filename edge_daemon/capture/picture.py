"""Pictures, and the interface of all sources of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

from edge_daemon.capture.jpegs import decoded, is_turned, turned
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.grey import Grey, small_grey, small_grey_of_jpeg
from edge_daemon.imaging.header import read_header
from edge_daemon.imaging.privacy import Mask
from edge_daemon.imaging.yuv import Yuv
from edge_daemon.media.packets import Observer, Packet

GREY_WIDTH = 160
"""Width in pixels of the pictures in which movement and the state of the scene are looked for."""


@dataclass(eq=False)
class Picture:
    """A picture that a source gave.

    `time_s` is when it was captured: on CLOCK_MONOTONIC if the source is live, else its position in the source. `load`
    makes the pixels on first use; call it before the source is read again. `jpeg` are the bytes of
    a source that sends JPEGs, from which the pixels can be made at any time. `truth` are the boxes (x1, y1, x2, y2 in
    pixels) of what a generated scene contains. `packet` is the coded picture that it was decoded from, if known, `file`
    the name of a picture in a folder.

    `mask` hides areas in all pixels that are taken from it. `jpeg` and `packet` show them, so they stay in the capture.
    """

    time_s: float
    load: Callable[[], Pixels | Yuv]
    jpeg: bytes | None = None
    truth: list[list[float]] | None = None
    packet: Packet | None = None
    file: str | None = None
    mask: Mask | None = None

    @cached_property
    def pixels(self) -> Pixels | Yuv:
        """Pixels as the source has them: BGR (height x width x 3, uint8), or planes.

        Raises:
            SourceError: the frame cannot be decoded.
        """
        return self._hidden(self.load())

    @cached_property
    def grey(self) -> Grey:
        """A grey picture, at most GREY_WIDTH wide.

        Raises:
            PictureError: its JPEG cannot be decoded.
            SourceError: the frame cannot be decoded.
        """
        if self.jpeg is None:
            return small_grey(self.pixels, GREY_WIDTH)
        grey = small_grey_of_jpeg(self.jpeg, GREY_WIDTH)
        return self.mask.fill(grey, 0) if self.mask else grey

    def hide(self, mask: Mask | None) -> None:
        """Hide the areas of another mask from now on; pixels that are there already keep what was hidden too."""
        self.mask = mask
        if mask and "pixels" in self.__dict__:
            self.__dict__["pixels"] = mask.hide(self.pixels)

    def reduced(self, size: tuple[int, int]) -> Pixels | Yuv:
        """Pixels (BGR, uint8, height x width x 3, or planes) of at least this width and height, at less cost if any.

        Raises:
            SourceError: the frame cannot be decoded.
        """
        if self.jpeg is None:
            return self.pixels
        width, height = self.size
        most = min(width // size[0], height // size[1])
        times = next(times for times in (8, 4, 2, 1) if times <= max(1, most))
        return self._hidden(decoded(self.jpeg, self.size, reduced=times))

    @property
    def bgr(self) -> Pixels:
        """BGR, height x width x 3, uint8; planes are converted each time.

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

    def _hidden(self, pixels: Pixels | Yuv) -> Pixels | Yuv:
        return self.mask.hide(pixels) if self.mask else pixels


def of_jpeg(jpeg: bytes, size: tuple[int, int], arrived_s: float, packet: Packet | None = None) -> Picture:
    """The picture of a camera's JPEG of this width and height."""
    if is_turned(jpeg):
        return Picture(arrived_s, lambda: turned(jpeg), packet=packet)
    return Picture(arrived_s, lambda: decoded(jpeg, size), jpeg=jpeg, packet=packet)


def ready(bgr: Pixels) -> Callable[[], Pixels]:
    """The `load` of a picture whose pixels (BGR, height x width x 3, uint8) are there already."""
    return lambda: bgr


@dataclass(frozen=True)
class Details:
    """Facts about a source: codec of its frames (empty: none), announced frame rate, name of the decoder, and whether
    the last frame read was a key frame (None: unknown).
    """

    codec: str = ""
    fps: float | None = None
    decoder: str = "cpu"
    key: bool | None = None


class Source(Protocol):
    """An open camera, file, folder or scene."""

    live: bool
    about: str

    @property
    def lost(self) -> int:
        """Frames that came and could not be decoded, so far."""
        ...

    @property
    def idle(self) -> str:
        """The state to show while a live source has nothing new."""
        ...

    @property
    def details(self) -> Details:
        """Facts known so far."""
        ...

    def read(self) -> Picture | None:
        """The next picture. None: a finite source is at its end, a live one has nothing new for now.

        Raises:
            SourceError: the camera is lost.
        """
        ...

    def close(self) -> None:
        """Release the device or connection."""
        ...


@runtime_checkable
class CodedSource(Source, Protocol):
    """A source whose pictures arrive as packets."""

    def observe(self, observer: Observer, *, sound: bool = False) -> None:
        """Call `observer` with every packet from now on, also with those of `sound` if there are any."""
        ...


@runtime_checkable
class RequestedSource(Source, Protocol):
    """A source that gives a picture when it is requested."""

    def request(self, fps: float | None) -> None:
        """Request that many pictures a second from now on; None: the usual number."""
        ...
