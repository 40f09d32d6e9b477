"""Cameras through OpenCV: RTSP, HLS and other URLs by FFmpeg, webcams by V4L2."""

import errno
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from edge_daemon.capture.diagnosis import why
from edge_daemon.capture.picture import Details, Picture
from edge_daemon.capture.playout import Playout
from edge_daemon.capture.video import about, codec_of, details, pixels
from edge_daemon.errors import SourceError
from edge_daemon.log import redact
from edge_daemon.settings import OpenSettings

logger = logging.getLogger(__name__)
RENDER_DEVICES = Path("/dev/dri")
_FAMILIES = {
    "h264": "h264",
    "avc1": "h264",
    "hevc": "hevc",
    "hvc1": "hevc",
    "hev1": "hevc",
    "vp80": "vp8",
    "vp90": "vp9",
}
_HARDWARE_CODECS = {"v4l2m2m": "v4l2m2m", "nvdec": "cuvid"}
"""What FFmpeg calls decoders of these kinds, behind the codec's name and `_`."""


class Camera:
    """A camera that FFmpeg opens. Its clock is the system's, taken when a frame has been read."""

    live = True

    def __init__(self, source: str, opening: OpenSettings) -> None:
        self._name, self._codec = redact(source), ""
        self._source, self._opening = source, opening
        self._playout = Playout() if source.partition("?")[0].lower().endswith(".m3u8") else None
        self._capture = self._opened()
        self.about = about(self._capture)
        if by := self._hardware():
            self.about += f", decoded by {by}"

    def read(self) -> Picture:
        """The next frame; never None, for a camera does not end."""
        began = time.monotonic()
        if not self._capture.grab():
            late = time.monotonic() - began >= 0.9 * self._opening.read_timeout_s
            raise SourceError(f"{self._name} gives no more frames", "timeout" if late else "ended")
        if self._playout:
            stamp_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
            time.sleep(self._playout.wait_s(stamp_s, time.monotonic()))
        return Picture(time.monotonic(), lambda: pixels(self._capture))

    @property
    def details(self) -> Details:
        """What FFmpeg says."""
        return details(self._capture, self._hardware() or "cpu")

    def close(self) -> None:
        """Close the connection."""
        self._capture.release()

    def _opened(self) -> cv2.VideoCapture:
        wanted = self._opening.decode
        # `auto` leaves the choice to FFmpeg, where there is a device at all.
        if wanted == "auto" and RENDER_DEVICES.exists():
            capture = self._tried(cv2.VIDEO_ACCELERATION_ANY)
        elif wanted == "vaapi":
            capture = self._tried(cv2.VIDEO_ACCELERATION_VAAPI)
        else:
            capture = self._tried(cv2.VIDEO_ACCELERATION_NONE)
        if not capture.isOpened() and wanted == "vaapi":
            capture = self._tried(cv2.VIDEO_ACCELERATION_NONE)
        if not capture.isOpened():
            reason = why(self._source, self._opening.open_timeout_s)
            raise SourceError(f"cannot open {self._name}: {reason}", reason)
        if wanted in _HARDWARE_CODECS:
            capture = self._by_codec(capture, _HARDWARE_CODECS[wanted])
        if wanted == "vaapi" and capture.get(cv2.CAP_PROP_HW_ACCELERATION) != cv2.VIDEO_ACCELERATION_VAAPI:
            logger.warning("vaapi is not to be had for %s here: it is decoded on the CPU", codec_of(capture))
        return capture

    def _by_codec(self, capture: cv2.VideoCapture, kind: str) -> cv2.VideoCapture:
        """The same opened again with a decoder of the hardware's, now that it is known what is to be decoded."""
        family = _FAMILIES.get(codec_of(capture).lower())
        if family:
            other = self._tried(cv2.VIDEO_ACCELERATION_NONE, f"video_codec;{family}_{kind}")
            if other.isOpened():
                capture.release()
                self._codec = f"{family}_{kind}"
                return other
        logger.warning("%s is not to be had for %s here: it is decoded on the CPU", kind, codec_of(capture))
        return capture

    def _hardware(self) -> str:
        if self._codec:
            return self._codec
        kind = int(self._capture.get(cv2.CAP_PROP_HW_ACCELERATION))
        return "vaapi" if kind == cv2.VIDEO_ACCELERATION_VAAPI else "hardware" if kind > 0 else ""

    def _tried(self, acceleration: int, *options: str) -> cv2.VideoCapture:
        # FFmpeg takes its time-outs only when they come with the opening (OpenCV issue 23207).
        parameters = {
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: round(self._opening.open_timeout_s * 1e3),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC: round(self._opening.read_timeout_s * 1e3),
            # Decoding frames side by side holds each back until the next ones have come.
            cv2.CAP_PROP_N_THREADS: 1,
            cv2.CAP_PROP_HW_ACCELERATION: acceleration,
        }
        # FFmpeg would watch the first frames for a second or two to guess a rate, and hand them out late.
        options = ("fpsprobesize;0", *options)
        if self._source.lower().startswith("rtsp"):
            options = (f"rtsp_transport;{self._opening.transport}", *options)
        with _ffmpeg_options("|".join(options)):
            return cv2.VideoCapture(self._source, cv2.CAP_FFMPEG, [n for pair in parameters.items() for n in pair])


class Webcam:
    """A webcam by number, /dev/video* or /dev/v4l/by-id/*. Its clock is the system's."""

    live = True

    def __init__(self, source: str, opening: OpenSettings) -> None:
        path = f"/dev/video{source}" if source.isdigit() else source
        _check_device(path)
        device = opening.device
        self._path = path
        # A stable name is a link to the device that OpenCV knows.
        self._capture = cv2.VideoCapture(os.path.realpath(path), cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise SourceError(f"{path} is no camera that can be read", "decode error")
        self._ask(cv2.CAP_PROP_FOURCC, _fourcc(device.fourcc or "MJPG"))
        if device.size:
            self._ask(cv2.CAP_PROP_FRAME_WIDTH, device.size[0])
            self._ask(cv2.CAP_PROP_FRAME_HEIGHT, device.size[1])
        if device.fps:
            self._ask(cv2.CAP_PROP_FPS, device.fps)
        self._ask(cv2.CAP_PROP_BUFFERSIZE, 2)
        self.about = about(self._capture)
        given = codec_of(self._capture)
        if device.fourcc and given != device.fourcc:
            logger.warning("%s was asked for %s and gives %s", path, device.fourcc, given or "something else")
        size = tuple(int(self._capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if device.size and size != device.size:
            logger.warning("%s was asked for %dx%d and gives %dx%d", path, *device.size, *size)

    def read(self) -> Picture:
        """The next frame."""
        if not self._capture.grab():
            raise SourceError(f"{self._path} gives no more frames", "ended")
        return Picture(time.monotonic(), lambda: pixels(self._capture))

    @property
    def details(self) -> Details:
        """What the device says."""
        return details(self._capture)

    def close(self) -> None:
        """Close the device."""
        self._capture.release()

    def _ask(self, what: int, value: float) -> None:
        """A wish; what the camera makes of it shows when it is read back."""
        self._capture.set(what, value)


def _check_device(path: str) -> None:
    """Opening tells why a device cannot be had, which OpenCV does not.

    Raises:
        SourceError: it cannot.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
            raise SourceError(f"there is no camera {path}", "not found") from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise SourceError(f"no permission for {path}: the group video has it", "unauthorised") from error
        raise SourceError(f"cannot open {path}: {error.strerror}", "refused") from error


def _fourcc(text: str) -> int:
    return cv2.VideoWriter.fourcc(*text)


@contextmanager
def _ffmpeg_options(options: str) -> Iterator[None]:
    """OpenCV reads FFmpeg's options from the environment, and only while it opens."""
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = options
    try:
        yield
    finally:
        del os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"]
