"""Video through OpenCV's FFmpeg: files here, cameras in `camera`."""

from pathlib import Path

import cv2
import numpy as np

from edge_daemon.capture.picture import Details, Picture
from edge_daemon.errors import SourceError
from edge_daemon.imaging.colour import Pixels


class Video:
    """A video file, read frame by frame. Its clock is the file's own timestamps."""

    live = False

    def __init__(self, path: Path) -> None:
        self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if not self._capture.isOpened():
            raise SourceError(f"{path} is not a video that OpenCV's FFmpeg can open", "decode error")
        announced = self._capture.get(cv2.CAP_PROP_FPS)
        self._step_s = 1 / announced if 0.1 <= announced <= 1000 else 1 / 25
        self._time_s = -self._step_s
        self.about = about(self._capture)

    def read(self) -> Picture | None:
        """The next frame; None when no more can be decoded."""
        if not self._capture.grab():
            return None
        stamp_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if not self._time_s < stamp_s < self._time_s + 60:  # missing or jumping timestamps: as announced
            stamp_s = self._time_s + self._step_s
        self._time_s = stamp_s
        return Picture(stamp_s, lambda: pixels(self._capture))

    @property
    def details(self) -> Details:
        """What FFmpeg says."""
        return details(self._capture)

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


def pixels(capture: cv2.VideoCapture) -> Pixels:
    """The frame that was grabbed last; only now are its colours converted.

    Raises:
        SourceError: it cannot be.
    """
    ok, bgr = capture.retrieve()
    if not ok:
        raise SourceError("a frame was read and cannot be decoded", "decode error")
    return np.asarray(bgr, np.uint8)


def codec_of(capture: cv2.VideoCapture) -> str:
    """The FourCC of what is decoded, such as `h264`; empty if it has none."""
    fourcc = int(capture.get(cv2.CAP_PROP_FOURCC))
    return "".join(c for i in range(4) if (c := chr(fourcc >> 8 * i & 0xFF)).isprintable()).strip()


def details(capture: cv2.VideoCapture, decoder: str = "cpu") -> Details:
    """What OpenCV tells of an open video and the frame that was grabbed last."""
    rate, kind = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_TYPE)
    key = chr(int(kind)) == "I" if kind > 0 else None
    return Details(codec=codec_of(capture), fps=rate if rate > 0 else None, decoder=decoder, key=key)


def about(capture: cv2.VideoCapture) -> str:
    """Size, codec and announced rate, for people."""
    width, height = (int(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    rate = capture.get(cv2.CAP_PROP_FPS)
    return f"{width}x{height} {codec_of(capture) or 'unknown codec'}, {rate:.4g} fps announced"
