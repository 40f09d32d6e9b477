"""A file or folder that begins again when it is at its end."""

from collections.abc import Callable

from edge_daemon.capture.picture import CodedSource, Details, Picture, Source
from edge_daemon.errors import SourceError
from edge_daemon.media.packets import Observer, Packet

LEAST_S = 1e-3
"""Least time between the last picture and the first of the next round."""


class Looped:
    """Reads a finite source again and again. Its clock goes on: a round follows the last one as pictures do.

    Each round opens the source again, so that a file that was replaced meanwhile is the next one to be read.
    """

    live = False
    idle = "up"

    def __init__(self, opened: Callable[[], Source]) -> None:
        self._opened = opened
        self._source = opened()
        self.about = f"{self._source.about}, in a loop"
        self._began_s = self._last_s = 0.0
        self._step_s = 1.0
        self._lost = self._pictures = 0
        self._observer: Observer | None = None
        self._sound = False

    def read(self) -> Picture | None:
        """The next picture; after the last one, the first again. None if the first round has none.

        Raises:
            SourceError: the source cannot be opened again, or holds no picture any more.
        """
        picture = self._source.read()
        if picture is None and self._pictures:
            self._begin_again()
            picture = self._source.read()
            if picture is None:
                raise SourceError("it holds no picture any more", "decode error")
        if picture is None:
            return None
        return self._dated(picture)

    def observe(self, observer: Observer, *, sound: bool = False) -> None:
        """Call `observer` with every packet from now on, if the source has any."""
        self._observer, self._sound = observer, sound
        if isinstance(self._source, CodedSource):
            self._source.observe(self._observed, sound=sound)

    def _observed(self, packet: Packet) -> None:
        packet.time_s += self._began_s
        if self._observer:
            self._observer(packet)

    def _begin_again(self) -> None:
        self.close()
        self._lost += self._source.lost
        self._source = self._opened()
        self._began_s = self._last_s + self._step_s
        self._pictures = 0
        if self._observer:
            self.observe(self._observer, sound=self._sound)

    def _dated(self, picture: Picture) -> Picture:
        picture.time_s += self._began_s
        if self._pictures:
            self._step_s = max(LEAST_S, picture.time_s - self._last_s)
        self._pictures += 1
        self._last_s = picture.time_s
        return picture

    @property
    def lost(self) -> int:
        """Pictures that could not be decoded, in all rounds."""
        return self._lost + self._source.lost

    @property
    def details(self) -> Details:
        """Facts about the source."""
        return self._source.details

    def close(self) -> None:
        """Close the source."""
        self._source.close()
