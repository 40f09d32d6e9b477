"""Cameras that FFmpeg opens: RTSP, HLS and other URLs."""

import logging
import time
from pathlib import Path

import av
from av.codec.hwaccel import HWAccel, hwdevices_available

from edge_daemon.capture.clock import CameraClock
from edge_daemon.capture.diagnosis import TIMEOUT_S, why
from edge_daemon.capture.gateway import HttpGateway, RtspGateway
from edge_daemon.capture.http import Url, elsewhere
from edge_daemon.capture.picture import Details, Picture
from edge_daemon.capture.pixels import Display
from edge_daemon.capture.playout import Playout
from edge_daemon.capture.rtsp import addresses, followed, peers
from edge_daemon.capture.stream import Stream
from edge_daemon.capture.tls import ANY, Trust
from edge_daemon.errors import SourceError
from edge_daemon.log import redact
from edge_daemon.media.packets import Observer
from edge_daemon.settings import OpenSettings

logger = logging.getLogger(__name__)
RENDER_DEVICES = Path("/dev/dri")
HTTP_PROTOCOLS = "http,https,httpproxy,tcp,tls,crypto,data"
"""FFmpeg's protocols that a playlist may refer to."""
IDLE_S = 1.0
"""How long packets may arrive that give no frame before that is reported."""
_DEVICES = {"vaapi": "vaapi", "nvdec": "cuda"}
"""FFmpeg's names of the devices that decode; v4l2m2m is a decoder of FFmpeg, such as `h264_v4l2m2m`."""


class Camera:
    """A camera that FFmpeg opens. Its frames are dated by its own clock; those of HLS, which arrives in pieces of a
    few seconds, as they are played.
    """

    live = True

    def __init__(self, source: str, opening: OpenSettings) -> None:
        self._name = redact(source)
        self._trust = Trust(opening.ca, opening.fingerprint)
        self._gateway: HttpGateway | RtspGateway | None = None
        self._source, self._opening = source, opening
        self._playout = Playout() if source.partition("?")[0].lower().endswith(".m3u8") else None
        self._decoder = "cpu"
        self._display = Display()
        self._url, self._options = self._way()
        try:
            self._stream = self._opened()
        except SourceError:
            self._close_gateway()
            raise
        self._clock = CameraClock(self._stream.wrap_s)
        self._stream.clock = self._clock.received
        self.about = self._stream.about
        if self._decoder != "cpu":
            self.about += f", decoded by {self._decoder}"

    def read(self) -> Picture | None:
        """The next frame; None if packets arrive that give none for now."""
        began = time.monotonic()
        try:
            while (decoded := self._stream.take()) is None and self._stream.advance():
                if self._stream.waits_for_key and time.monotonic() - began >= IDLE_S:
                    return None
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
        return Picture(self._clock.shown(time_s), lambda: self._display.pixels(frame), packet=decoded.packet)

    def skim(self) -> None:
        """Receive the next packet for those who observe, and decode nothing.

        Raises:
            SourceError: the camera is lost.
        """
        try:
            if self._stream.skim():
                return
        except av.FFmpegError as error:
            raise SourceError(f"{self._name} gives no more frames", "timeout") from error
        raise SourceError(f"{self._name} gives no more frames", "ended")

    @property
    def lost(self) -> int:
        """Frames that damage on the way has lost so far."""
        return self._stream.lost

    @property
    def idle(self) -> str:
        """A camera that was joined between two key frames shows nothing before the next."""
        return "waiting for a key frame" if self._stream.waits_for_key else "up"

    def observe(self, observer: Observer, *, sound: bool = False) -> None:
        """See `Stream.observe`."""
        self._stream.observe(observer, sound=sound)

    @property
    def details(self) -> Details:
        """Codec, announced rate and decoder, as FFmpeg reports them."""
        return self._stream.details(self._decoder)

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()
        self._close_gateway()

    def _close_gateway(self) -> None:
        if self._gateway:
            self._gateway.close()

    def _way(self) -> tuple[str, dict[str, str]]:
        """The URL that FFmpeg opens, and its options."""
        url, opening = Url(self._source), self._opening
        # Without this FFmpeg collects frames for a second or two to guess a rate, and gives them late.
        options = {"fpsprobesize": "0"}
        if url.scheme in ("http", "https"):
            self._gateway = HttpGateway(url, self._trust, opening.read_timeout_s)
            options |= {"http_proxy": self._gateway.proxy, "protocol_whitelist": HTTP_PROTOCOLS}
            return url.text("http"), options
        url = self._followed(url)
        self._source = url.text(url.scheme)
        options["rtsp_transport"] = opening.transport
        if url.scheme == "rtsps" and self._trust != Trust():
            return self._through_gateway(url)
        return url.text(url.scheme), options

    def _followed(self, url: Url) -> Url:
        """The URL to which a camera redirects; one that does not answer as it should is left to FFmpeg."""
        trust = ANY if self._trust == Trust() else self._trust
        try:
            return followed(url, trust, min(TIMEOUT_S, self._opening.open_timeout_s))
        except TimeoutError as error:
            raise SourceError(f"cannot open {self._name}: timeout", "timeout") from error
        except (OSError, ValueError):
            return url

    def _check_peers(self, stream: Stream, found: set[str]) -> None:
        """Close a stream for which FFmpeg has followed the camera to another server.

        Raises:
            SourceError: it has.
        """
        own = set() if self._gateway else addresses(Url(self._source))
        if own and found - own:
            stream.close()
            raise elsewhere()

    def _through_gateway(self, url: Url) -> tuple[str, dict[str, str]]:
        self._gateway = gateway = RtspGateway(url, self._trust, self._opening.open_timeout_s)
        return f"rtsp://{gateway.address}{url.target}", {"fpsprobesize": "0", "rtsp_transport": "tcp"}

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
            reason = (
                "refused"
                if refused
                else why(self._source, self._opening.open_timeout_s, self._trust if self._gateway else ANY)
            )
            url = Url(self._source)
            if (
                reason == "decode error"
                and url.scheme.startswith("rtsp")
                and url.user is not None
                and not self._gateway
            ):
                # The camera takes the password from this program, and perhaps not from FFmpeg.
                self._url, self._options = self._through_gateway(url)
                return self._opened()
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
        # One thread only: more would hold each frame back until the next ones have arrived.
        timeouts_s = self._opening.open_timeout_s, self._opening.read_timeout_s
        before = peers()
        try:
            stream = Stream(self._url, options=self._options, timeouts_s=timeouts_s, hardware=hardware, decoder=decoder)
            self._check_peers(stream, {address for socket, address in peers().items() if socket not in before})
            return stream
        except PermissionError:
            if hardware is None:
                raise
            return self._tried(None, decoder)  # no such device
