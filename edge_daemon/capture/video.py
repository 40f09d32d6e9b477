"""Video by FFmpeg: streams and files here, cameras in `camera`."""

import logging
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import av
import cv2
import numpy as np
from av import CodecContext, VideoFrame, VideoStream
from av.codec.hwaccel import HWAccel
from av.video.codeccontext import VideoCodecContext

from edge_daemon.capture.picture import Details, Picture
from edge_daemon.errors import SourceError
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.yuv import Yuv, lines
from edge_daemon.messages.frames import Matrix, YuvFormat

logger = logging.getLogger(__name__)
DAMAGED = 500
"""So many packets in a row that cannot be decoded are no video any more."""
PLANAR = ("yuv420p", "yuvj420p")
LIKE_PLANAR = ("nv12", "nv21", "p010le", "yuv420p10le", "yuv420p12le")
"""What hardware gives, and more bits than anybody here needs: soon made planar. All else becomes BGR at once."""
MATRICES: dict[int, Matrix] = {1: "bt709", 9: "bt2020", 10: "bt2020"}
"""By FFmpeg's number (AVColorSpace); what says nothing is taken for BT.601, as FFmpeg does."""
FULL_RANGE = 2
TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


class Stream:
    """The frames of the video stream of a file or URL, decoded in `threads`, by `hardware` if that can be had.

    `timeouts_s` are for opening it, and for each frame. `decoder` is one of FFmpeg's that goes before the usual one.

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
        self._packets = self._container.demux(stream)
        self._frames: deque[VideoFrame] = deque()
        self._damaged = 0
        self._key: bool | None = None

    def read(self) -> VideoFrame | None:
        """The next frame; None at the end. What is damaged is passed over.

        Raises:
            av.FFmpegError: what comes cannot be read, or not within the time, or cannot be decoded at all.
        """
        while not self._frames:
            packet = next(self._packets, None)
            if packet is None:
                return None
            try:
                self._frames.extend(self._codec.decode(packet))
                self._damaged = 0
            except av.FFmpegError:
                self._damaged += 1
                if self._damaged > DAMAGED:
                    raise
        frame = self._frames.popleft()
        self._key = frame.key_frame
        return frame

    @property
    def codec(self) -> str:
        """What it is coded in, such as `h264`."""
        return self._stream.codec.canonical_name

    @property
    def fps(self) -> float | None:
        """The rate that it announces."""
        return float(self._stream.guessed_rate or 0) or None

    @property
    def about(self) -> str:
        """Size, codec and announced rate, for people."""
        return f"{self._codec.width}x{self._codec.height} {self.codec}, {self.fps or 0:.4g} fps announced"

    def time_s(self, frame: VideoFrame) -> float | None:
        """When a frame is to be shown, from the beginning, as far as that is told."""
        if frame.pts is None or frame.time_base is None:
            return None
        return float((frame.pts - (self._stream.start_time or 0)) * frame.time_base)

    @property
    def accelerated(self) -> bool:
        """Whether hardware decodes it."""
        return bool(self._codec.is_hwaccel)

    def details(self, decoder: str = "cpu") -> Details:
        """What is known of it, which `decoder` decodes."""
        return Details(codec=self.codec, fps=self.fps, decoder=decoder, key=self._key)

    def close(self) -> None:
        """Close the file, or hang up."""
        self._container.close()


class Video:
    """A video file, read frame by frame, decoded in so many threads. Its clock is the file's own timestamps."""

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
        self.about = self._stream.about

    def read(self) -> Picture | None:
        """The next frame; None when no more can be decoded."""
        try:
            frame = self._stream.read()
        except av.FFmpegError as error:
            logger.warning("%s is damaged: nothing can be read after %.1f s (%s)", self._path, self._time_s, error)
            return None
        if frame is None:
            return None
        stamp_s = self._stream.time_s(frame)
        if stamp_s is None or not self._time_s < stamp_s < self._time_s + 60:  # none, or a jump: as announced
            stamp_s = self._time_s + self._step_s
        self._time_s = stamp_s
        return Picture(stamp_s, lambda: pixels(frame))

    @property
    def details(self) -> Details:
        """What FFmpeg says."""
        return self._stream.details()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def pixels(frame: VideoFrame) -> Pixels | Yuv:
    """A decoded frame as planes or BGR (uint8, height x width x 3), rotated for display."""
    name, full = frame.format.name, frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")
    turn = TURNS.get(frame.rotation % 360)
    if name not in (*PLANAR, *LIKE_PLANAR):
        return _turned(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8), turn)
    form = YuvFormat(MATRICES.get(frame.colorspace, "bt601"), full)
    if name in LIKE_PLANAR:
        frame = frame.reformat(format="yuv420p")
    half = -(-frame.height // 2), -(-frame.width // 2)
    sizes = (frame.height, frame.width), half, half
    y, u, v = (_turned(lines(plane, *size), turn) for plane, size in zip(frame.planes, sizes, strict=True))
    return Yuv(y, u, v, form)


def _turned(pixels: Pixels, turn: int | None) -> Pixels:
    return pixels if turn is None else np.asarray(cv2.rotate(pixels, turn), np.uint8)
