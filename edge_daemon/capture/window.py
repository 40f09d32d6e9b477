"""The frames that a capture buffers until they are requested, or need not be kept."""

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from edge_daemon.capture.moment import Moment
from edge_daemon.capture.picture import Picture
from edge_daemon.imaging.privacy import Mask
from edge_daemon.messages.frames import SceneState, YuvFormat
from edge_daemon.settings import CaptureSettings, Codec
from edge_daemon.transport.shared_memory import Slot


class Form(NamedTuple):
    """The form in which a frame is sent: `scaled` to this width and height, `whole`, or both."""

    codec: Codec
    scaled: tuple[int, int] | None
    whole: bool


class Encoded(NamedTuple):
    """The bytes of a frame as they are sent.

    `yuv` is set if they are planes. `scaling_ms` is the time it took to scale the frame down, if it was. `slot` is the
    place in shared memory that holds the bytes, if any.
    """

    data: bytes | memoryview
    yuv: YuvFormat | None = None
    scaling_ms: float = 0.0
    slot: Slot | None = None


@dataclass(eq=False)
class BufferedFrame:
    """A frame as it was read, and its encodings made so far. Of the frames before it, `still` and `undecodable`
    ones were skipped as such. `scene` are the present states of the scene.
    """

    seq: int
    moment: Moment
    picture: Picture
    still: int = 0
    undecodable: int = 0
    scene: tuple[SceneState, ...] = ()
    encoded: dict[Form, Encoded] = field(default_factory=dict)

    def hide(self, mask: Mask | None) -> None:
        """Hide the areas of `mask`, if it is another one than that with which the frame was read."""
        if self.picture.mask is not mask:
            self.picture.hide(mask)
            self.encoded.clear()


class Window:
    """Filled by the reader thread, emptied by the process's loop.

    In live delivery, it holds the newest frame and never makes the reader wait; beside it are the last `window` frames
    that will be requested again. In lossless delivery, it holds `window` frames until they are released, and the reader
    waits for room.
    """

    def __init__(self, settings: CaptureSettings) -> None:
        self._size = None if settings.delivery == "live" else settings.window
        self._frames: deque[BufferedFrame] = deque()
        self._kept: deque[BufferedFrame] = deque(maxlen=settings.window)
        self._changed = threading.Condition()
        self._closed = False

    def put(self, frame: BufferedFrame) -> bool:
        """Buffer `frame`, waiting for room if all frames are kept; False once the window is closed."""
        with self._changed:
            if self._size is None:
                self._frames.clear()
            else:
                self._changed.wait_for(lambda: self._closed or len(self._frames) < (self._size or 1))
            if not self._closed:
                self._frames.append(frame)
            return not self._closed

    def first_from(self, seq: int) -> BufferedFrame | None:
        """The oldest frame from number `seq` on."""
        with self._changed:
            return next((frame for frame in self._frames if frame.seq >= seq), None)

    def exactly(self, seq: int) -> BufferedFrame | None:
        """Frame number `seq`, if it is buffered or kept."""
        with self._changed:
            return next((frame for frame in (*self._frames, *self._kept) if frame.seq == seq), None)

    def keep(self, frame: BufferedFrame) -> None:
        """Keep a frame that will be requested again; in lossless delivery, all are kept anyway."""
        if self._size is None and frame not in self._kept:
            self._kept.append(frame)

    def release(self, seq: int) -> None:
        """Drop all frames up to `seq`."""
        with self._changed:
            while self._frames and self._frames[0].seq <= seq:
                self._frames.popleft()
            self._changed.notify_all()

    def newest(self) -> BufferedFrame | None:
        """The last frame that is buffered."""
        with self._changed:
            return self._frames[-1] if self._frames else None

    def frames(self) -> list[BufferedFrame]:
        """The frames buffered, in order."""
        with self._changed:
            return list(self._frames)

    @property
    def unaccounted(self) -> int:
        """Number of frames that are not accounted for in lossless delivery; 0 in live delivery, where none need be."""
        return 0 if self._size is None else len(self._frames)

    def close(self) -> None:
        """Wake a reader that waits, and buffer nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
