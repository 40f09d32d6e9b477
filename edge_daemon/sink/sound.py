"""The sound of a clip, copied as it is coded into a video that shows the same times."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer

from edge_daemon.errors import SourceError

if TYPE_CHECKING:
    Packet = av.Packet[AudioStream]


class Sound:
    """Reads the sound of `clip`, and writes it into `video`, to which it adds a stream.

    Raises:
        SourceError: the clip has no sound, or `video` cannot hold it.
    """

    def __init__(self, clip: Path, video: OutputContainer) -> None:
        try:
            self._clip = av.open(str(clip))
        except (OSError, av.FFmpegError) as error:
            raise SourceError(f"it cannot be read ({error.strerror})") from error
        heard, seen = self._clip.streams.best("audio"), self._clip.streams.best("video")
        if not isinstance(heard, AudioStream) or seen is None:
            self._clip.close()
            raise SourceError("it has none")
        self._start_s = float((seen.start_time or 0) * (seen.time_base or 0))
        self._tick_s = heard.time_base or Fraction(1)
        self._heard, self._video = heard, video
        try:
            self._stream = video.add_stream_from_template(heard)
        except (ValueError, av.FFmpegError) as error:
            self._clip.close()
            raise SourceError(f"{video.format.name} cannot hold {heard.codec_context.name}; try .mkv") from error
        self._packets: Iterator[Packet] = self._clip.demux(heard)
        self._next: Packet | None = None
        self._last = -1

    def copy(self, until_s: float, begin_s: float) -> None:
        """Copy what is heard in the clip before `until_s`; the video begins at `begin_s` of the clip.

        Raises:
            av.FFmpegError: it is damaged, or cannot be written.
        """
        zero_s = self._start_s + begin_s
        while packet := self._next or next(self._packets, None):
            self._next = packet
            if packet.pts is not None:
                if packet.pts * self._tick_s >= self._start_s + until_s:
                    return
                self._write(packet, packet.pts - round(zero_s / self._tick_s))
            self._next = None

    def rewind(self) -> None:
        """Begin again, as the clip does."""
        self._clip.seek(0)
        self._packets, self._next = self._clip.demux(self._heard), None

    def close(self) -> None:
        """Close the clip."""
        self._clip.close()

    def _write(self, packet: "Packet", at: int) -> None:
        """Write a packet, unless it is from before the video or from before the one written last."""
        if at < 0 or at <= self._last:
            return
        self._last = at
        packet.pts = packet.dts = at
        packet.stream = self._stream
        self._video.mux(packet)
