"""Cameras: RTSP, HLS and other URLs by FFmpeg, webcams through OpenCV's V4L2."""

import errno
import logging
import os
import time
from pathlib import Path

import av
import cv2
import numpy as np
from av.codec.hwaccel import HWAccel, hwdevices_available

from edge_daemon.capture.diagnosis import why
from edge_daemon.capture.picture import Details, Picture
from edge_daemon.capture.playout import Playout
from edge_daemon.capture.video import Stream, pixels
from edge_daemon.errors import SourceError
from edge_daemon.imaging.colour import Pixels
from edge_daemon.log import redact
from edge_daemon.settings import OpenSettings

logger = logging.getLogger(__name__)
RENDER_DEVICES = Path("/dev/dri")
_DEVICES = {"vaapi": "vaapi", "nvdec": "cuda"}
"""What FFmpeg calls the devices that decode; v4l2m2m is a decoder to it, `h264_v4l2m2m`."""


class Camera:
    """A camera that FFmpeg opens. Its clock is the system's, taken when a frame has been read."""

    live = True

    def __init__(self, source: str, opening: OpenSettings) -> None:
        self._name = redact(source)
        self._source, self._opening = source, opening
        self._playout = Playout() if source.partition("?")[0].lower().endswith(".m3u8") else None
        self._decoder = "cpu"
        self._stream = self._opened()
        self.about = self._stream.about
        if self._decoder != "cpu":
            self.about += f", decoded by {self._decoder}"

    def read(self) -> Picture:
        """The next frame; never None, for a camera does not end."""
        began = time.monotonic()
        try:
            frame = self._stream.read()
        except av.FFmpegError as error:
            late = time.monotonic() - began >= 0.9 * self._opening.read_timeout_s
            reason = "timeout" if late else "decode error" if isinstance(error, ValueError) else "ended"
            raise SourceError(f"{self._name} gives no more frames", reason) from error
        if frame is None:
            raise SourceError(f"{self._name} gives no more frames", "ended")
        if self._playout and (stamp_s := self._stream.time_s(frame)) is not None:
            time.sleep(self._playout.wait_s(stamp_s, time.monotonic()))
        return Picture(time.monotonic(), lambda: pixels(frame))

    @property
    def details(self) -> Details:
        """What FFmpeg says."""
        return self._stream.details(self._decoder)

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def _opened(self) -> Stream:
        """With the hardware that is wanted, if it can be had.

        Raises:
            SourceError: it cannot be opened.
        """
        wanted = self._opening.decode
        if wanted == "auto":  # left to FFmpeg, where there is a device at all
            wanted = "vaapi" if RENDER_DEVICES.exists() and "vaapi" in hwdevices_available() else "cpu"
        hardware = self._hardware(_DEVICES[wanted]) if wanted in _DEVICES else None
        try:
            stream = self._tried(hardware)
            if wanted == "v4l2m2m":
                stream = self._by_decoder(stream, f"{stream.codec}_v4l2m2m")
        except av.FFmpegError as error:
            # Asked again, a camera that comes back just now would answer as if nothing had been wrong.
            refused = isinstance(error, ConnectionRefusedError)
            reason = "refused" if refused else why(self._source, self._opening.open_timeout_s)
            raise SourceError(f"cannot open {self._name}: {reason}", reason) from error
        if stream.accelerated or self._decoder != "cpu":
            self._decoder = wanted
        elif self._opening.decode not in ("auto", "cpu"):
            logger.warning("%s is not to be had for %s here: it is decoded on the CPU", wanted, stream.codec)
        return stream

    @staticmethod
    def _hardware(device: str) -> HWAccel | None:
        if device not in hwdevices_available():
            return None
        return HWAccel(device, allow_software_fallback=True)

    def _by_decoder(self, stream: Stream, decoder: str) -> Stream:
        """The same opened again with a decoder by name, now that it is known what is to be decoded."""
        stream.close()
        try:
            other = self._tried(None, decoder)
        except (av.FFmpegError, ValueError):
            return self._tried(None)
        self._decoder = decoder
        return other

    def _tried(self, hardware: HWAccel | None, decoder: str | None = None) -> Stream:
        # FFmpeg would watch the first frames for a second or two to guess a rate, and hand them out late. More than one
        # thread would hold each frame back until the next ones have come.
        options = {"fpsprobesize": "0"}
        if self._source.lower().startswith("rtsp"):
            options["rtsp_transport"] = self._opening.transport
        timeouts_s = self._opening.open_timeout_s, self._opening.read_timeout_s
        try:
            return Stream(self._source, options=options, timeouts_s=timeouts_s, hardware=hardware, decoder=decoder)
        except PermissionError:
            if hardware is None:
                raise
            return self._tried(None, decoder)  # there is no such device


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
        self.about = _about(self._capture)
        given = _codec_of(self._capture)
        if device.fourcc and given != device.fourcc:
            logger.warning("%s was asked for %s and gives %s", path, device.fourcc, given or "something else")
        size = tuple(int(self._capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if device.size and size != device.size:
            logger.warning("%s was asked for %dx%d and gives %dx%d", path, *device.size, *size)

    def read(self) -> Picture:
        """The next frame."""
        if not self._capture.grab():
            raise SourceError(f"{self._path} gives no more frames", "ended")
        return Picture(time.monotonic(), self._pixels)

    @property
    def details(self) -> Details:
        """What the device says."""
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        return Details(codec=_codec_of(self._capture), fps=rate if rate > 0 else None)

    def close(self) -> None:
        """Close the device."""
        self._capture.release()

    def _pixels(self) -> Pixels:
        """The frame that was read last; only now are its colours converted."""
        ok, bgr = self._capture.retrieve()
        if not ok:
            raise SourceError("a frame was read and cannot be decoded", "decode error")
        return np.asarray(bgr, np.uint8)

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


def _about(capture: cv2.VideoCapture) -> str:
    """Size, codec and announced rate, for people."""
    width, height = (int(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    rate = capture.get(cv2.CAP_PROP_FPS)
    return f"{width}x{height} {_codec_of(capture) or 'unknown codec'}, {rate:.4g} fps announced"


def _codec_of(capture: cv2.VideoCapture) -> str:
    """The FourCC of what the device gives; empty if it has none."""
    fourcc = int(capture.get(cv2.CAP_PROP_FOURCC))
    return "".join(c for i in range(4) if (c := chr(fourcc >> 8 * i & 0xFF)).isprintable()).strip()
