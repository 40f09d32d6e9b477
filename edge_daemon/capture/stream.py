"""A video stream read by FFmpeg: its packets, and the frames that are decoded from them."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import av
from av import AudioStream, CodecContext, VideoFrame, VideoStream
from av import Packet as AvPacket
from av.codec.hwaccel import HWAccel
from av.video.codeccontext import VideoCodecContext

from edge_daemon.capture.picture import Details
from edge_daemon.errors import SourceError
from edge_daemon.media.packets import Observer, Packet
from edge_daemon.media.parameters import StreamParameters
from edge_daemon.media.sound import SoundParameters

MAX_PIXELS = 40_000_000
"""Most pixels of a frame: 8K has 33 million."""
LIMITS = {"max_pixels": str(MAX_PIXELS)}
"""Options of decoders, for the size of frames may change."""
DAMAGED = 500
"""A stream with this many undecodable packets in a row is given up."""
REORDERED = 64
"""Packets whose frames may be outstanding: decoders reorder 16, and each of their threads holds one."""
_A_FRAME_EACH = ("h264", "hevc")
"""Codecs whose packets are a frame each. Others have some that are not shown."""
Clock = Callable[[float, float | None], float]
"""The `time_s` of a packet, by its arrival on CLOCK_MONOTONIC and the stamp that it bears, in seconds."""


class Decoded(NamedTuple):
    """A frame, its own time stamp, the `time_s` of its packet, and that packet where it is known for certain."""

    frame: VideoFrame
    stamp_s: float | None
    time_s: float
    packet: Packet | None


class Sound(NamedTuple):
    """The stream of sound beside the video."""

    stream: AudioStream
    parameters: SoundParameters


class Stream:
    """The video stream of a file or URL: its packets, and the frames decoded from them.

    It is decoded in `threads`, by `hardware` if available, and by the FFmpeg decoder named `decoder` if given.
    `timeouts_s` are for opening and for each packet.

    Raises:
        av.FFmpegError: it cannot be opened, or not by that decoder.
        SourceError: its pictures have more than MAX_PIXELS.
    """

    def __init__(
        self,
        url: str,
        *,
        threads: int = 1,
        options: Mapping[str, str] | None = None,
        timeouts_s: tuple[float, float] | None = None,
        hardware: HWAccel | None = None,
        decoder: str | None = None,
    ) -> None:
        self._container = av.open(url, options=dict(options or {}), timeout=timeouts_s, hwaccel=hardware)
        stream = self._container.streams.best("video")
        if not isinstance(stream, VideoStream):
            self._container.close()
            raise av.InvalidDataError(0, "it holds no video", url)
        self._stream = stream
        self._codec = stream.codec_context
        width, height = self._codec.width, self._codec.height
        if width * height > MAX_PIXELS:
            self._container.close()
            raise SourceError(
                f"video of {width}x{height} is too large: the limit is {MAX_PIXELS} pixels", "decode error"
            )
        self._codec.thread_count, self._codec.thread_type = threads, "FRAME"
        if decoder:
            named = CodecContext.create(decoder, "r")
            assert isinstance(named, VideoCodecContext)
            named.extradata = self._codec.extradata
            named.options = LIMITS
            named.open()
            self._codec = named
        else:
            self._codec.options = {**self._codec.options, **LIMITS}
        self.clock: Clock = lambda arrived_s, _: arrived_s
        self._tick_s = float(stream.time_base or 0)
        self._start = stream.start_time or 0
        self._packets: Iterator[Packet] | None = self.packets()
        self._undecoded: dict[int | None, Packet] = {}  # packets whose frames have not come, by their stamps
        self._newest: Packet
        self._frames: deque[Decoded] = deque()
        self._damaged = self._errors = self._missing = 0
        self._every = self.codec in _A_FRAME_EACH
        """True while every packet has to give a frame: with a stamp, and not a single field."""
        self._first: int | None = None  # the stamp of the first key frame
        self._key_seen = False
        self._key: bool | None = None
        self._observer: Observer | None = None
        self._parameters: StreamParameters | None = None
        self._sound: Sound | None = None
        self._ahead_s: float | None = None  # of the times of packets to their stamps

    def observe(self, observer: Observer, *, sound: bool = False) -> None:
        """Call `observer` with every packet from now on, before the first is read; also with those of `sound`."""
        self._observer, self._parameters = observer, StreamParameters(self._stream)
        heard = self._container.streams.best("audio", related=self._stream) if sound else None
        if isinstance(heard, AudioStream):
            self._sound = Sound(heard, SoundParameters(heard))

    def packets(self) -> Iterator[Packet]:
        """Packets as they arrive, in order of decoding.

        Raises:
            av.FFmpegError: they cannot be read, or not within the time.
        """
        streams = (self._stream, self._sound.stream) if self._sound else (self._stream,)
        for coded in self._container.demux(*streams):
            if isinstance(coded.stream, AudioStream):
                self._hear(coded)
            elif coded.size:
                arrived_s, stamp_s = time.monotonic(), self._stamp_s(coded.pts)
                packet = Packet(
                    data=coded,
                    size=coded.size,
                    key=coded.is_keyframe,
                    arrived_s=arrived_s,
                    stamp_s=stamp_s,
                    time_s=self.clock(arrived_s, stamp_s),
                    duration_s=(coded.duration or 0) * self._tick_s,
                    parameters=self._parameters,
                    discarded=coded.is_discard,
                )
                if self._observer:
                    self._observer(packet)
                if stamp_s is not None:
                    self._ahead_s = packet.time_s - stamp_s
                yield packet

    def _hear(self, coded: "AvPacket[Any]") -> None:
        """Give a packet of sound to those who observe. Its time is that of a picture with the same stamp."""
        if not (self._observer and self._sound and coded.size and self._ahead_s is not None and coded.pts is not None):
            return
        tick_s = float(self._sound.stream.time_base or 0)
        stamp_s = coded.pts * tick_s - self._start * self._tick_s
        self._observer(
            Packet(
                data=coded,
                size=coded.size,
                key=False,
                arrived_s=time.monotonic(),
                stamp_s=stamp_s,
                time_s=stamp_s + self._ahead_s,
                duration_s=(coded.duration or 0) * tick_s,
                parameters=self._sound.parameters,
                sound=True,
            )
        )

    def decode(self, packet: Packet | None) -> list[Decoded]:
        """Frames that are complete with this packet, in order of presentation; None gives those that are left.

        Raises:
            av.FFmpegError: nothing has been decodable for long. A packet that is damaged is skipped.
        """
        coded = None if packet is None else packet.data
        assert not isinstance(coded, bytes | memoryview)
        if packet is not None and coded is not None:
            if packet.key and not self._key_seen:
                self._key_seen, self._errors, self._first = True, 0, coded.pts
                self._undecoded.clear()
            self._every &= coded.pts is not None
            self._newest = packet
            if self._first is None or coded.pts is None or coded.pts >= self._first:
                self._undecoded[_stamp_of(coded)] = packet
            if len(self._undecoded) > REORDERED:
                self._miss(next(iter(self._undecoded)))
        try:
            frames = self._codec.decode(coded)
        except av.FFmpegError:
            self._errors += 1
            self._damaged += self._key_seen
            if self._damaged > DAMAGED:
                raise
            return []
        if frames:
            self._damaged = 0
        return [self._matched(frame) for frame in frames]

    def read(self) -> Decoded | None:
        """The next frame in order of presentation; None at the end.

        Raises:
            av.FFmpegError: see `packets` and `decode`.
        """
        while not self._frames and self.advance():
            pass
        return self.take()

    def advance(self) -> bool:
        """Read and decode the next packet, or what is left at the end; False after the end.

        Raises:
            av.FFmpegError: see `packets` and `decode`.
        """
        if self._packets is None:
            return False
        packet = next(self._packets, None)
        if packet is None:
            self._packets = None
        self._frames.extend(self.decode(packet))
        if packet is None:
            for stamp in list(self._undecoded):
                self._miss(stamp)
        return True

    def skim(self) -> bool:
        """Read the next packet for those who observe, and decode nothing; False after the end.

        Raises:
            av.FFmpegError: see `packets`.
        """
        return self._packets is not None and next(self._packets, None) is not None

    def take(self) -> Decoded | None:
        """The next of the frames decoded so far."""
        if not self._frames:
            return None
        decoded = self._frames.popleft()
        self._key = decoded.frame.key_frame
        return decoded

    @property
    def lost(self) -> int:
        """Frames before the last one decoded that are missing because packets are damaged. Some codecs have packets
        that are no frame of their own, which are not counted.
        """
        return self._missing if self._every else min(self._missing, self._errors)

    @property
    def waits_for_key(self) -> bool:
        """True if no key frame has arrived, without which nothing can be decoded."""
        return not self._key_seen

    def _miss(self, stamp: int | None) -> None:
        """No frame will come of the packet with this stamp."""
        self._missing += not self._undecoded.pop(stamp).discarded

    def _matched(self, frame: VideoFrame) -> Decoded:
        """A frame with its packet, found by the stamp that decoders copy; the newest packet's time if it has none."""
        packet = self._undecoded.pop(_stamp_of(frame), None)
        self._every &= not frame.interlaced_frame
        if frame.pts is not None and (
            self._every or self._errors > self._missing
        ):  # frames come in the order of their time stamps
            for stamp in [stamp for stamp in self._undecoded if stamp is not None and stamp < frame.pts]:
                self._miss(stamp)
        return Decoded(frame, self._stamp_s(frame.pts), (packet or self._newest).time_s, packet)

    def _stamp_s(self, pts: int | None) -> float | None:
        return None if pts is None else (pts - self._start) * self._tick_s

    @property
    def codec(self) -> str:
        """Name of the codec, such as `h264`."""
        return self._stream.codec.canonical_name

    @property
    def fps(self) -> float | None:
        """Frames a second that it announces."""
        return float(self._stream.guessed_rate or 0) or None

    @property
    def about(self) -> str:
        """Size, codec and announced rate, for people."""
        return f"{self._codec.width}x{self._codec.height} {self.codec}, {self.fps or 0:.4g} fps announced"

    @property
    def wrap_s(self) -> float | None:
        """Seconds after which stamps start over: MPEG-TS has 33 bits of 90 kHz, and FFmpeg corrects one overflow."""
        return 2**33 * self._tick_s if self._tick_s == 1 / 90_000 else None

    @property
    def accelerated(self) -> bool:
        """True if hardware decodes it."""
        return bool(self._codec.is_hwaccel)

    def details(self, decoder: str = "cpu") -> Details:
        """Codec, announced rate and the last frame's kind, with the name of the `decoder`."""
        return Details(codec=self.codec, fps=self.fps, decoder=decoder, key=self._key)

    def close(self) -> None:
        """Close the file, or hang up."""
        self._packets = None
        self._container.close()


def _stamp_of(coded: "AvPacket[VideoStream] | VideoFrame") -> int | None:
    return coded.dts if coded.pts is None else coded.pts
