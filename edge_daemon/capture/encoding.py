"""Chooses what of a frame is sent to a worker, and encodes it."""

import logging
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_daemon.capture.picture import Picture
from edge_daemon.capture.window import BufferedFrame, Encoded, Form
from edge_daemon.errors import SourceError
from edge_daemon.imaging.codecs import encode_bgr
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.yuv import Yuv, small_bgr
from edge_daemon.messages.scheduling import Send
from edge_daemon.models.preprocess import Fit, enough
from edge_daemon.settings import CaptureSettings, Codec
from edge_daemon.transport.shared_memory import Pools

logger = logging.getLogger(__name__)
EXACT = ("raw", "png")
"""Lossless codecs."""


class Encoding:
    """Encodes frames as workers need them, once for all workers that need the same. Bare pixels are in `pools`.

    Bytes that a camera sent are decoded here and never passed on: what they do to a decoder hurts this camera alone.
    """

    def __init__(self, settings: CaptureSettings) -> None:
        self._settings = settings
        self._usual: Form | None = None
        self.pools = Pools(settings.window)

    def change(self, settings: CaptureSettings) -> None:
        """Use another codec and quality for frames that are not encoded yet."""
        self._settings = settings

    def prepare(self, frame: BufferedFrame) -> None:
        """Encode a frame of a file, all of which are requested, while its pixels are in the processor's caches."""
        if self._usual and frame.picture.jpeg is None:
            self.encoded(frame, self._usual)

    def form_of(self, frame: BufferedFrame, request: Send) -> Form:
        """The form in which a frame is sent."""
        codec = self._settings.codec
        if codec == "auto":
            codec = "raw" if request.inbox.startswith("ipc://") else "jpeg"
        scaled = self._scaled(frame, codec, request)
        form = Form(codec, scaled, whole=scaled is None or request.annotate is not None)
        self._usual = form if scaled else None
        return form

    def _scaled(self, frame: BufferedFrame, codec: Codec, request: Send) -> tuple[int, int] | None:
        """Sufficient width and height, if the worker would only scale the frame down.

        A frame that a worker died of is sent whole, and a codec's losses must not depend on who watches. If the whole
        frame is needed too, scaling pays for planes only: it is done while they are in the caches.
        """
        needed = request.input
        if needed is None or needed.crop or request.crops is not None or request.deaths or codec not in EXACT:
            return None
        picture = frame.picture
        if request.annotate and not (codec == "raw" and picture.jpeg is None and isinstance(picture.pixels, Yuv)):
            return None
        width, height = picture.size
        fit: Fit = "stretch" if needed.stretch else "letterbox"
        size = enough((height, width), (needed.height, needed.width), fit)
        return size and (size[1], size[0])

    def encoded(self, frame: BufferedFrame, form: Form) -> Encoded:
        """The bytes to send; none if the frame turns out to be damaged, which the worker will report."""
        if (made := frame.encoded.get(form)) is None:
            try:
                made = self._encode(frame.picture, form)
            except SourceError as error:
                logger.warning("%s", error)
                made = Encoded(b"")
            frame.encoded[form] = made
        return made

    def _encode(self, picture: Picture, form: Form) -> Encoded:
        pixels = picture.reduced(form.scaled) if form.scaled and not form.whole else picture.pixels
        began = time.perf_counter()
        small = small_bgr(pixels, form.scaled[1], form.scaled[0]) if form.scaled else None
        scaling_ms = 0.0 if small is None else 1e3 * (time.perf_counter() - began)
        if form.codec != "raw":
            bgr = small if small is not None else pixels.bgr() if isinstance(pixels, Yuv) else pixels
            return Encoded(encode_bgr(bgr, form.codec, self._settings.quality), scaling_ms=scaling_ms)
        arrays = [] if small is None else [small]
        if not form.whole:
            return self._raw(arrays, scaling_ms=scaling_ms)
        if isinstance(pixels, Yuv):
            return self._raw([*pixels.planes, *arrays], yuv=pixels.format, scaling_ms=scaling_ms)
        return self._raw([pixels])

    def _raw(self, arrays: Sequence[Pixels], **more: Any) -> Encoded:
        """Bare pixels, one array after the other, in shared memory if there is room."""
        slot = self.pools.put(arrays)
        data = slot.data if slot else np.concatenate([array.ravel() for array in arrays]).data
        return Encoded(data, slot=slot, **more)
