"""Video by FFmpeg: files here, cameras in `camera`."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from av import CodecContext, VideoFrame, VideoStream
from av import Packet as AvPacket
from av.codec.hwaccel import HWAccel
from av.video.codeccontext import VideoCodecContext

from edge_daemon.capture.packets import Observer, Packet
from edge_daemon.capture.picture import Details, Picture
from edge_daemon.capture.tracks import StreamTrack
from edge_daemon.errors import SourceError
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.yuv import Yuv, lines
from edge_daemon.messages.frames import Matrix, YuvFormat

logger = logging.getLogger(__name__)
DAMAGED = 500
"""A stream with this many undecodable packets in a row is given up."""
REORDERED = 64
"""Packets whose frames may be outstanding: decoders reorder 16, and each of their threads holds one."""
JUMP_S = 60.0
"""A file whose time stamps go on by more is cut together from several: its frames go on as announced."""
PLANAR = ("yuv420p", "yuvj420p")
LIKE_PLANAR = ("nv12", "nv21", "p010le", "yuv420p10le", "yuv420p12le")
"""From hardware, or with more bits than needed: cheap to make planar. Everything else becomes BGR at once."""
MATRICES: dict[int, Matrix] = {1: "bt709", 9: "bt2020", 10: "bt2020"}
"""By FFmpeg's number (AVColorSpace); BT.601 where the stream does not say, as in FFmpeg."""
FULL_RANGE = 2
ROTATIONS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}

Clock = Callable[[float, float | None], float]
"""The `time_s` of a packet, by its arrival on CLOCK_MONOTONIC and the stamp that it bears, in seconds."""


class Decoded(NamedTuple):
    """A frame, its own time stamp, the `time_s` of its packet, and that packet where it is known for certain."""

    frame: VideoFrame
    stamp_s: float | None
    time_s: float
    packet: Packet | None


class Stream:
    """The video stream of a file or URL: its packets, and the frames decoded from them.

    It is decoded in `threads`, by `hardware` if available, and by the FFmpeg decoder named `decoder` if given.
    `timeouts_s` are for opening and for each packet.

    Raises:
        av.FFmpegError: it cannot be opened, or not by that decoder.
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
        self._codec.thread_count, self._codec.thread_type = threads, "FRAME"
        if decoder:
            named = CodecContext.create(decoder, "r")
            assert isinstance(named, VideoCodecContext)
            named.extradata = self._codec.extradata
            named.open()
            self._codec = named
        self.clock: Clock = lambda arrived_s, _: arrived_s
        self._tick_s = float(stream.time_base or 0)
        self._start = stream.start_time or 0
        self._packets: Iterator[Packet] | None = self.packets()
        self._undecoded: dict[int | None, Packet] = {}  # packets whose frames have not come, by their stamps
        self._newest: Packet
        self._frames: deque[Decoded] = deque()
        self._damaged = 0
        self._key: bool | None = None
        self._observer: Observer | None = None
        self._track: StreamTrack | None = None

    def observe(self, observer: Observer) -> None:
        """Call `observer` with every packet from now on."""
        self._observer, self._track = observer, StreamTrack(self._stream)

    def packets(self) -> Iterator[Packet]:
        """Packets as they arrive, in order of decoding.

        Raises:
            av.FFmpegError: they cannot be read, or not within the time.
        """
        for coded in self._container.demux(self._stream):
            if coded.size:
                arrived_s, stamp_s = time.monotonic(), self._stamp_s(coded.pts)
                packet = Packet(
                    data=coded,
                    size=coded.size,
                    key=coded.is_keyframe,
                    arrived_s=arrived_s,
                    stamp_s=stamp_s,
                    time_s=self.clock(arrived_s, stamp_s),
                    duration_s=(coded.duration or 0) * self._tick_s,
                    track=self._track,
                )
                if self._observer:
                    self._observer(packet)
                yield packet

    def decode(self, packet: Packet | None) -> list[Decoded]:
        """Frames that are complete with this packet, in order of presentation; None gives those that are left.

        Raises:
            av.FFmpegError: nothing has been decodable for long. A packet that is damaged is skipped.
        """
        coded = None if packet is None else packet.data
        assert not isinstance(coded, bytes)
        if packet is not None and coded is not None:
            self._undecoded[_stamp_of(coded)] = self._newest = packet
            if len(self._undecoded) > REORDERED:
                del self._undecoded[next(iter(self._undecoded))]  # the oldest gave no frame
        try:
            frames = self._codec.decode(coded)
        except av.FFmpegError:
            self._damaged += 1
            if self._damaged > DAMAGED:
                raise
            return []
        self._damaged = 0
        return [self._matched(frame) for frame in frames]

    def read(self) -> Decoded | None:
        """The next frame in order of presentation; None at the end.

        Raises:
            av.FFmpegError: see `packets` and `decode`.
        """
        while not self._frames and self._packets:
            packet = next(self._packets, None)
            if packet is None:
                self._packets = None
            self._frames.extend(self.decode(packet))
        if not self._frames:
            return None
        decoded = self._frames.popleft()
        self._key = decoded.frame.key_frame
        return decoded

    def _matched(self, frame: VideoFrame) -> Decoded:
        """A frame with its packet, found by the stamp that decoders copy; the newest packet's time if it has none."""
        packet = self._undecoded.pop(_stamp_of(frame), None)
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


class Video:
    """A video file, decoded in `threads`. Its clock is the position in the file."""

    live = False

    def __init__(self, path: Path, threads: int = 1) -> None:
        try:
            self._stream = Stream(str(path), threads=threads)
        except av.FFmpegError as error:
            raise SourceError(f"{path} is not a video that FFmpeg can open", "decode error") from error
        self._path = path
        announced = self._stream.fps or 0
        self._step_s = 1 / announced if 0.1 <= announced <= 1000 else 1 / 25
        self._time_s = -self._step_s
        self._stream.clock = Position(self._step_s)
        self.about = self._stream.about

    def read(self) -> Picture | None:
        """The next frame; None when no more can be decoded."""
        try:
            decoded = self._stream.read()
        except av.FFmpegError as error:
            logger.warning("%s is damaged: nothing can be read after %.1f s (%s)", self._path, self._time_s, error)
            return None
        if decoded is None:
            return None
        frame, stamp_s = decoded.frame, decoded.stamp_s
        if stamp_s is None or not self._time_s < stamp_s < self._time_s + JUMP_S:
            stamp_s = self._time_s + self._step_s
        self._time_s = stamp_s
        return Picture(stamp_s, lambda: pixels(frame), packet=decoded.packet)

    def observe(self, observer: Observer) -> None:
        """See `Stream.observe`."""
        self._stream.observe(observer)

    @property
    def details(self) -> Details:
        """What FFmpeg knows of it."""
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


def _stamp_of(coded: "AvPacket[VideoStream] | VideoFrame") -> int | None:
    return coded.dts if coded.pts is None else coded.pts


def pixels(frame: VideoFrame) -> Pixels | Yuv:
    """A decoded frame as planes or BGR (uint8, height x width x 3), rotated for display."""
    name, full = frame.format.name, frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")
    rotation = ROTATIONS.get(frame.rotation % 360)
    if name not in (*PLANAR, *LIKE_PLANAR):
        return _rotated(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8), rotation)
    form = YuvFormat(MATRICES.get(frame.colorspace, "bt601"), full)
    if name in LIKE_PLANAR:
        frame = frame.reformat(format="yuv420p")
    half = -(-frame.height // 2), -(-frame.width // 2)
    sizes = (frame.height, frame.width), half, half
    y, u, v = (_rotated(lines(plane, *size), rotation) for plane, size in zip(frame.planes, sizes, strict=True))
    return Yuv(y, u, v, form)


def _rotated(pixels: Pixels, rotation: int | None) -> Pixels:
    return pixels if rotation is None else np.asarray(cv2.rotate(pixels, rotation), np.uint8)
