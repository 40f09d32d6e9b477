"""The frames that a capture holds until they are asked for or need not be kept."""

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from edge_daemon.capture.picture import Picture
from edge_daemon.messages.frames import YuvFormat
from edge_daemon.settings import Codec
from edge_daemon.transport.shared_memory import Slot


class Form(NamedTuple):
    """How a frame is sent: `scaled` to this width and height, `whole`, or both."""

    codec: Codec
    scaled: tuple[int, int] | None
    whole: bool


class Encoded(NamedTuple):
    """The bytes of a frame as they are sent, what kind of planes they are if they are planes, and how long it took to
    scale it down if it was; and the `slot` of shared memory where they lie, if they do.
    """

    data: bytes | memoryview
    yuv: YuvFormat | None = None
    scaling_ms: float = 0.0
    slot: Slot | None = None


@dataclass(eq=False)
class Held:
    """A frame as it was read, and its encodings made so far.

    `captured_ns` is of CLOCK_MONOTONIC, `captured_at_ns` of the wall clock. Of the frames before it, `paced` and
    `still` were passed over.
    """

    seq: int
    captured_ns: int
    captured_at_ns: int
    picture: Picture
    paced: int = 0
    still: int = 0
    encoded: dict[Form, Encoded] = field(default_factory=dict)


class Window:
    """Filled by the reader thread, emptied by the process's loop.

    Live (`size` None), it holds the newest frame and never makes the reader wait; beside it the last `kept` of those
    that will be asked for again. Lossless, it holds `size` frames until they are released, and the reader waits for
    room.
    """

    def __init__(self, size: int | None, kept: int = 0) -> None:
        self._size = size
        self._frames: deque[Held] = deque()
        self._kept: deque[Held] = deque(maxlen=kept)
        self._changed = threading.Condition()
        self._closed = False

    def offer(self, frame: Held) -> bool:
        """Hold `frame`, waiting for room where all are kept; false once the window is closed."""
        with self._changed:
            if self._size is None:
                self._frames.clear()
            else:
                self._changed.wait_for(lambda: self._closed or len(self._frames) < (self._size or 1))
            if not self._closed:
                self._frames.append(frame)
            return not self._closed

    def take(self, seq: int) -> Held | None:
        """The oldest frame held from number `seq` on."""
        with self._changed:
            return next((frame for frame in self._frames if frame.seq >= seq), None)

    def take_exactly(self, seq: int) -> Held | None:
        """Frame number `seq`, if it is held or kept."""
        with self._changed:
            return next((frame for frame in (*self._frames, *self._kept) if frame.seq == seq), None)

    def keep(self, frame: Held) -> None:
        """Hold on to a frame that will be asked for again; lossless, all are held anyway."""
        if self._size is None and frame not in self._kept:
            self._kept.append(frame)

    def release(self, seq: int) -> None:
        """Let go of all frames up to `seq`."""
        with self._changed:
            while self._frames and self._frames[0].seq <= seq:
                self._frames.popleft()
            self._changed.notify_all()

    def held(self) -> list[tuple[int, int, int]]:
        """Number and time of each frame held, in order, and how many before it were still."""
        with self._changed:
            return [(frame.seq, frame.captured_ns, frame.still) for frame in self._frames]

    @property
    def owed(self) -> int:
        """Lossless, how many frames are not accounted for; live, nobody has to account for the newest."""
        return 0 if self._size is None else len(self._frames)

    def close(self) -> None:
        """Wake a reader that waits, and hold nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
