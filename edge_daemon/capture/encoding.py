"""What of a frame is sent to a worker, and as which bytes."""

import logging
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_daemon.capture.picture import Picture
from edge_daemon.capture.window import Encoded, Form, Held
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
"""Codecs that lose nothing."""


class Encoding:
    """Encodes frames as workers want them, each once for all who want the same. Bare pixels lie in `pools`."""

    def __init__(self, settings: CaptureSettings) -> None:
        self._settings = settings
        self._usual: Form | None = None
        self.pools = Pools(settings.window)

    def prepare(self, held: Held) -> None:
        """A frame of a file was read, all of which are asked for: now its pixels are in the caches."""
        if self._usual and held.picture.jpeg is None:
            self.encoded(held, self._usual)

    def form_of(self, held: Held, order: Send) -> Form:
        """How a frame is to be sent."""
        codec = self._settings.codec
        if codec == "auto":  # a camera's own JPEGs go on as they came
            codec = "raw" if order.inbox.startswith("ipc://") and held.picture.jpeg is None else "jpeg"
        scaled = self._scaled(held, codec, order)
        form = Form(codec, scaled, whole=scaled is None or order.annotate is not None)
        self._usual = form if scaled else None
        return form

    def _scaled(self, held: Held, codec: Codec, order: Send) -> tuple[int, int] | None:
        """Width and height that are enough, where all that the worker would do with more is scale it down.

        A frame that a worker has died of is kept whole, and what a codec takes away is not to depend on who watches.
        Where the whole is wanted too, planes are what it pays for: they are scaled while they are in the caches.
        """
        if order.input is None or order.input.crop or order.crops is not None or order.deaths or codec not in EXACT:
            return None
        picture = held.picture
        if order.annotate and not (codec == "raw" and picture.jpeg is None and isinstance(picture.pixels, Yuv)):
            return None
        width, height = picture.size
        fit: Fit = "stretch" if order.input.stretch else "letterbox"
        size = enough((height, width), (order.input.height, order.input.width), fit)
        return size and (size[1], size[0])

    def encoded(self, held: Held, form: Form) -> Encoded:
        """What is sent of a frame; nothing where it turns out to be damaged, as the worker will say."""
        if form.codec == "jpeg" and held.picture.jpeg is not None:
            return Encoded(held.picture.jpeg)
        if (made := held.encoded.get(form)) is None:
            try:
                made = self._encode(held.picture, form)
            except SourceError as error:
                logger.warning("%s", error)
                made = Encoded(b"")
            held.encoded[form] = made
        return made

    def _encode(self, picture: Picture, form: Form) -> Encoded:
        pixels = picture.pixels
        began = time.perf_counter()
        small = small_bgr(pixels, form.scaled[1], form.scaled[0]) if form.scaled else None
        scaling_ms = 0.0 if small is None else 1e3 * (time.perf_counter() - began)
        if form.codec != "raw":
            bgr = picture.bgr if small is None else small
            return Encoded(encode_bgr(bgr, form.codec, self._settings.quality), scaling_ms=scaling_ms)
        arrays = [] if small is None else [small]
        if not form.whole:
            return self._raw(arrays, scaling_ms=scaling_ms)
        if isinstance(pixels, Yuv):
            return self._raw([*pixels.planes, *arrays], yuv=pixels.format, scaling_ms=scaling_ms)
        return self._raw([pixels])

    def _raw(self, arrays: Sequence[Pixels], **more: Any) -> Encoded:
        """Pixels as they are, one after the other, in shared memory if there is room."""
        slot = self.pools.put(arrays)
        data = slot.data if slot else np.concatenate([array.ravel() for array in arrays]).data
        return Encoded(data, slot=slot, **more)
