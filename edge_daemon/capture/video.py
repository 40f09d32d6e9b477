"""Video files."""

import logging
from pathlib import Path

import av

from edge_daemon.capture.file_clock import FileClock
from edge_daemon.capture.picture import Details, Picture
from edge_daemon.capture.pixels import Display
from edge_daemon.capture.stream import Stream
from edge_daemon.errors import SourceError
from edge_daemon.media.packets import Observer

logger = logging.getLogger(__name__)


class Video:
    """A video file, decoded in `threads`. Its clock is the position in the file."""

    live = False
    idle = "up"

    def __init__(self, path: Path, threads: int = 1) -> None:
        try:
            self._stream = Stream(str(path), threads=threads)
        except av.FFmpegError as error:
            raise SourceError(f"{path} is not a video that FFmpeg can open", "decode error") from error
        self._path = path
        self._display = Display()
        announced = self._stream.fps or 0
        step_s = 1 / announced if 0 < announced <= 1000 else 1 / 25
        self._clock, self._time_s = FileClock(step_s), 0.0
        self._stream.clock = Position(step_s)
        self.about = self._stream.about

    def read(self) -> Picture | None:
        """The next frame; None when no more can be decoded."""
        try:
            decoded = self._stream.read()
        except av.FFmpegError as error:
            logger.warning("%s is damaged: nothing can be read after %.1f s (%s)", self._path, self._time_s, error)
            return None
        if decoded is None:
            if self.lost:
                logger.warning("%s is damaged: %d of its frames cannot be decoded", self._path, self.lost)
            return None
        frame = decoded.frame
        self._time_s = self._clock(decoded.stamp_s)
        return Picture(self._time_s, lambda: self._display.pixels(frame), packet=decoded.packet)

    @property
    def lost(self) -> int:
        """Frames that damage in the file has lost so far."""
        return self._stream.lost

    def observe(self, observer: Observer, *, sound: bool = False) -> None:
        """See `Stream.observe`."""
        self._stream.observe(observer, sound=sound)

    @property
    def details(self) -> Details:
        """Codec and announced rate, as FFmpeg reports them."""
        return self._stream.details()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


class Position:
    """The clock of a file: its packets' own stamps; one that has none follows the packet before it."""

    def __init__(self, step_s: float) -> None:
        self._step_s, self._time_s = step_s, -step_s

    def __call__(self, _: float, stamp_s: float | None) -> float:
        """The position of the next packet."""
        self._time_s = self._time_s + self._step_s if stamp_s is None else stamp_s
        return self._time_s
