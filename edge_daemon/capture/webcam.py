"""Webcams, through OpenCV's V4L2."""

import errno
import logging
import os
import time

import cv2
import numpy as np

from edge_daemon.capture.clock import CameraClock
from edge_daemon.capture.picture import Details, Picture
from edge_daemon.errors import SourceError
from edge_daemon.imaging.colour import Pixels
from edge_daemon.settings import OpenSettings

logger = logging.getLogger(__name__)


class Webcam:
    """A webcam by number, /dev/video* or /dev/v4l/by-id/*. The driver stamps its frames."""

    live = True
    lost, idle = 0, "up"

    def __init__(self, source: str, opening: OpenSettings) -> None:
        path = f"/dev/video{source}" if source.isdigit() else source
        _check_device(path)
        device = opening.device
        self._path, self._clock = path, CameraClock()
        # A stable name is a link to a device; OpenCV only knows devices.
        self._capture = cv2.VideoCapture(os.path.realpath(path), cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise SourceError(f"{path} is not a camera that can be read", "decode error")
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
        arrived_s, stamp_s = time.monotonic(), self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
        time_s = self._clock.received(arrived_s, stamp_s if stamp_s > 0 else None)
        return Picture(self._clock.shown(time_s), self._pixels)

    @property
    def details(self) -> Details:
        """Codec and announced frame rate."""
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        return Details(codec=_codec_of(self._capture), fps=rate if rate > 0 else None)

    def close(self) -> None:
        """Close the device."""
        self._capture.release()

    def _pixels(self) -> Pixels:
        """BGR (height x width x 3, uint8) of the last frame read; its colours are converted now."""
        ok, bgr = self._capture.retrieve()
        if not ok:
            raise SourceError("a frame was read and cannot be decoded", "decode error")
        return np.asarray(bgr, np.uint8)

    def _ask(self, what: int, value: float) -> None:
        """Request a value; the camera may choose another, as reading it back shows."""
        self._capture.set(what, value)


def _check_device(path: str) -> None:
    """Open a device for a moment: OpenCV does not say why it cannot.

    Raises:
        SourceError: the device cannot be opened.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
            raise SourceError(f"there is no camera {path}", "not found") from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise SourceError(f"no permission for {path}: only the group video has it", "unauthorised") from error
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
