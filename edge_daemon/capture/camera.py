"""Cameras that FFmpeg opens: RTSP, HLS and other URLs."""

import logging
import time
from pathlib import Path

import av
from av.codec.hwaccel import HWAccel, hwdevices_available

from edge_daemon.capture.clock import CameraClock
from edge_daemon.capture.diagnosis import why
from edge_daemon.capture.packets import Observer
from edge_daemon.capture.picture import Details, Picture
from edge_daemon.capture.pixels import pixels
from edge_daemon.capture.playout import Playout
from edge_daemon.capture.stream import Stream
from edge_daemon.errors import SourceError
from edge_daemon.log import redact
from edge_daemon.settings import OpenSettings

logger = logging.getLogger(__name__)
RENDER_DEVICES = Path("/dev/dri")
_DEVICES = {"vaapi": "vaapi", "nvdec": "cuda"}
"""FFmpeg's names of the devices that decode; v4l2m2m is a decoder of FFmpeg, such as `h264_v4l2m2m`."""


class Camera:
    """A camera that FFmpeg opens. Its frames are dated by its own clock; those of HLS, which arrives in pieces of a
    few seconds, as they are played.
    """

    live = True

    def __init__(self, source: str, opening: OpenSettings) -> None:
        self._name = redact(source)
        self._source, self._opening = source, opening
        self._playout = Playout() if source.partition("?")[0].lower().endswith(".m3u8") else None
        self._decoder = "cpu"
        self._stream = self._opened()
        self._clock = CameraClock(self._stream.wrap_s)
        self._stream.clock = self._clock.received
        self.about = self._stream.about
        if self._decoder != "cpu":
            self.about += f", decoded by {self._decoder}"

    def read(self) -> Picture:
        """The next frame; never None, since a camera has no end."""
        began = time.monotonic()
        try:
            decoded = self._stream.read()
        except av.FFmpegError as error:
            late = time.monotonic() - began >= 0.9 * self._opening.read_timeout_s
            reason = "timeout" if late else "decode error" if isinstance(error, ValueError) else "ended"
            raise SourceError(f"{self._name} gives no more frames", reason) from error
        if decoded is None:
            raise SourceError(f"{self._name} gives no more frames", "ended")
        frame, time_s = decoded.frame, decoded.time_s
        if self._playout and decoded.stamp_s is not None:
            now_s = time.monotonic()
            wait_s = self._playout.wait_s(decoded.stamp_s, now_s)
            time.sleep(wait_s)
            time_s = now_s + wait_s
        return Picture(self._clock.shown(time_s), lambda: pixels(frame), packet=decoded.packet)

    def observe(self, observer: Observer) -> None:
        """See `Stream.observe`."""
        self._stream.observe(observer)

    @property
    def details(self) -> Details:
        """Codec, announced rate and decoder, as FFmpeg reports them."""
        return self._stream.details(self._decoder)

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def _opened(self) -> Stream:
        """Open it with the hardware that is wanted, if available.

        Raises:
            SourceError: it cannot be opened.
        """
        wanted = self._opening.decode
        if wanted == "auto":  # FFmpeg decides, if there is a device at all
            wanted = "vaapi" if RENDER_DEVICES.exists() and "vaapi" in hwdevices_available() else "cpu"
        hardware = self._hardware(_DEVICES[wanted]) if wanted in _DEVICES else None
        try:
            stream = self._tried(hardware)
            if wanted == "v4l2m2m":
                stream = self._by_decoder(stream, f"{stream.codec}_v4l2m2m")
        except av.FFmpegError as error:
            # Not diagnosed again: a camera that has just come back would look healthy.
            refused = isinstance(error, ConnectionRefusedError)
            reason = "refused" if refused else why(self._source, self._opening.open_timeout_s)
            raise SourceError(f"cannot open {self._name}: {reason}", reason) from error
        if stream.accelerated or self._decoder != "cpu":
            self._decoder = wanted
        elif self._opening.decode not in ("auto", "cpu"):
            logger.warning("%s is not available for %s here: it is decoded on the CPU", wanted, stream.codec)
        return stream

    @staticmethod
    def _hardware(device: str) -> HWAccel | None:
        if device not in hwdevices_available():
            return None
        return HWAccel(device, allow_software_fallback=True)

    def _by_decoder(self, stream: Stream, decoder: str) -> Stream:
        """Open it again with a decoder by name, now that the codec is known."""
        stream.close()
        try:
            other = self._tried(None, decoder)
        except (av.FFmpegError, ValueError):
            return self._tried(None)
        self._decoder = decoder
        return other

    def _tried(self, hardware: HWAccel | None, decoder: str | None = None) -> Stream:
        # Without this FFmpeg collects frames for a second or two to guess a rate, and gives them late. One thread only:
        # more would hold each frame back until the next ones have arrived.
        options = {"fpsprobesize": "0"}
        if self._source.lower().startswith("rtsp"):
            options["rtsp_transport"] = self._opening.transport
        timeouts_s = self._opening.open_timeout_s, self._opening.read_timeout_s
        try:
            return Stream(self._source, options=options, timeouts_s=timeouts_s, hardware=hardware, decoder=decoder)
        except PermissionError:
            if hardware is None:
                raise
            return self._tried(None, decoder)  # no such device
