"""Saves annotated frames: a video for each camera, or pictures in a folder. A thread of its own encodes them."""

import logging
import queue
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import av
import msgspec
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from edge_daemon.errors import SourceError
from edge_daemon.imaging.header import Buffer
from edge_daemon.messages.published import Result
from edge_daemon.settings import SaveSettings
from edge_daemon.sink.sound import Sound

logger = logging.getLogger(__name__)
AHEAD = 8
"""Frames that may wait to be encoded."""
TICKS = 90_000
USUAL_S = 1 / 25
BT709 = 1
"""JPEGs have the colours of BT.601 in full range; players expect these of a large video (ISO/IEC 23091-2)."""
H264 = ("libx264", "libopenh264", "h264_v4l2m2m")
OPTIONS = {"libx264": {"preset": "veryfast", "crf": "23", "rc-lookahead": "10", "bf": "0"}}
"""Without B-frames the first frame is at zero in a fragmented file too."""
FRAGMENTS = {"movflags": "+hybrid_fragmented", "frag_duration": "1000000", "flush_packets": "1"}
"""All but the last second of a file can be played even if this process is killed."""


class _Frame(NamedTuple):
    result: Result
    jpeg: bytes


class _Writer(Protocol):
    def write(self, frame: _Frame) -> None: ...

    def close(self) -> None: ...


class Saver:
    """Saves the annotated frames of cameras to the `target` of its settings: a folder if it has no suffix, else a
    video, or one for each camera (`NAME-CAMERA.mp4`) if the only one is not `alone`. A file that was there before the
    run began is replaced.

    What cannot be written is logged once; further frames of that camera are not saved.
    """

    def __init__(self, settings: SaveSettings, *, alone: bool) -> None:
        self._target, self._began_at, self._alone = Path(settings.target), settings.began_at, alone
        self._sound = settings.sound
        self._writers: dict[str, _Writer | None] = {}
        self._queue: queue.Queue[_Frame | None] = queue.Queue(AHEAD)
        self._skipped = 0
        self._thread = threading.Thread(target=self._run, name="saver", daemon=True)
        self._thread.start()

    def add(self, result: Result, jpeg: Buffer, *, wait: bool) -> None:
        """Save an annotated frame; if others are still being encoded, `wait`, or leave it out."""
        try:
            self._queue.put(_Frame(result, bytes(jpeg)), block=wait)
        except queue.Full:
            self._skipped += 1

    def close(self) -> None:
        """Complete the files."""
        self._queue.put(None)
        self._thread.join()
        if self._skipped:
            logger.warning("%d frames came too fast to be saved to %s", self._skipped, self._target)

    def _run(self) -> None:
        while frame := self._queue.get():
            self._attempt(frame.result.camera, lambda frame=frame: self._write(frame))
        for camera, writer in self._writers.items():
            if writer:
                self._attempt(camera, writer.close)

    def _attempt(self, camera: str, action: Any) -> None:
        try:
            action()
        except (OSError, av.FFmpegError) as error:
            self._writers[camera] = None
            logger.error("cannot save frames of %s to %s: %s", camera, self._target, error.strerror or error)

    def _write(self, frame: _Frame) -> None:
        camera = frame.result.camera
        if camera not in self._writers:
            self._writers[camera] = self._writer(camera)
        if writer := self._writers[camera]:
            writer.write(frame)

    def _writer(self, camera: str) -> _Writer:
        if not self._target.suffix:
            return _Pictures(self._target if self._alone else self._target / camera)
        name = self._target.stem if self._alone else f"{self._target.stem}-{camera}"
        clip = self._sound.get(camera)
        return _Video(self._free(name), Path(clip) if clip else None)

    def _free(self, name: str) -> Path:
        """A name that no earlier process of this run has written to."""
        file, number = self._target.with_name(name + self._target.suffix), 1
        while file.exists() and file.stat().st_mtime >= self._began_at:
            number += 1
            file = file.with_name(f"{name}-{number}{self._target.suffix}")
        return file


class _Pictures:
    """JPEG files, named as the picture that was read, or else by the frame's number."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, frame: _Frame) -> None:
        read = frame.result.file
        name = f"{frame.result.seq:06d}.jpg" if read is msgspec.UNSET else read
        jpeg = name if name.lower().endswith((".jpg", ".jpeg")) else f"{name}.jpg"
        (self._folder / jpeg).write_bytes(frame.jpeg)

    def close(self) -> None:
        """Nothing to complete."""


class _Video:
    """A video with the frames' own times, and the sound of `clip`: H.264 if FFmpeg can encode it, else MJPEG."""

    def __init__(self, file: Path, clip: Path | None) -> None:
        self._file, self._clip = file, clip
        self._sound: Sound | None = None
        self._decoder = av.CodecContext.create("mjpeg", "r")
        self._stream: VideoStream | None = None
        self._begin_s = self._last_s = 0.0
        self._step_s = USUAL_S
        self._epoch = -1

    def write(self, frame: _Frame) -> None:
        (picture,) = self._decoder.decode(av.Packet(frame.jpeg))
        assert isinstance(picture, av.VideoFrame)
        if self._stream is None:
            self._open(picture)
        assert self._stream
        shown = picture.reformat(
            self._stream.width,
            self._stream.height,
            self._stream.pix_fmt,
            src_colorspace=Colorspace.ITU601,
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG,
            dst_color_range=self._stream.codec_context.color_range,
        )
        shown.pts, shown.time_base = round(TICKS * self._time_s(frame.result)), Fraction(1, TICKS)
        self._container.mux(self._stream.encode(shown))
        self._copy_sound(frame.result.time_s)

    def close(self) -> None:
        if self._stream:
            self._copy_sound(self._begin_s + self._last_s + self._step_s)
            self._container.mux(self._stream.encode(None))
            self._container.close()
        if self._sound:
            self._sound.close()

    def _open(self, picture: av.VideoFrame) -> None:
        """Open the file; without the sound if that is not possible."""
        self._begin(picture)
        if not self._clip:
            return
        try:
            self._sound = Sound(self._clip, self._container)
            self._container.start_encoding()
        except (SourceError, av.FFmpegError) as error:
            logger.warning("%s has no sound: that of %s cannot be kept: %s", self._file, self._clip, error)
            self._sound = None
            self._container.close()
            self._begin(picture)

    def _copy_sound(self, until_s: float) -> None:
        """Copy the sound up to a time in the clip; damage ends it."""
        try:
            if self._sound:
                self._sound.copy(until_s, self._begin_s)
        except av.FFmpegError as error:
            logger.warning("the sound of %s ends after %.1f s: %s", self._clip, self._last_s, error)
            self._sound = None

    def _begin(self, picture: av.VideoFrame) -> None:
        codec = next((name for name in H264 if name in av.codecs_available), "mjpeg")
        options = FRAGMENTS if self._file.suffix.lower() in (".mp4", ".mov") else {}
        self._container = av.open(str(self._file), "w", options=options)
        stream = self._container.add_stream(codec, rate=25, options=OPTIONS.get(codec, {}))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = picture.width & ~1, picture.height & ~1
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        coded = stream.codec_context
        coded.colorspace = coded.color_primaries = coded.color_trc = BT709
        coded.color_range = ColorRange.JPEG if codec == "mjpeg" else ColorRange.MPEG
        stream.time_base = stream.codec_context.time_base = Fraction(1, TICKS)
        self._stream = stream

    def _time_s(self, result: Result) -> float:
        """Time in the video: a new epoch that begins at zero follows the last one."""
        time_s = result.time_s - self._begin_s
        if self._epoch < 0 or time_s <= self._last_s:
            self._begin_s = result.time_s - (0.0 if self._epoch < 0 else self._last_s + USUAL_S)
            time_s = result.time_s - self._begin_s
            if self._sound and self._epoch >= 0:
                self._sound.rewind()
        else:
            self._step_s = time_s - self._last_s
        self._epoch, self._last_s = result.epoch, time_s
        return time_s
