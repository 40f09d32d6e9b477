"""Plain pictures for people who look at a camera: each is encoded once in each size that somebody subscribes to, and
none while nobody does.
"""

import logging
import time

import msgspec
import zmq

from edge_daemon.capture.picture import Picture
from edge_daemon.capture.window import BufferedFrame
from edge_daemon.errors import EdgeError
from edge_daemon.imaging.codecs import encode_bgr
from edge_daemon.imaging.privacy import Mask
from edge_daemon.imaging.yuv import area_bgr
from edge_daemon.messages.pictures import FULL, SIZES, PictureHeader, topic
from edge_daemon.messages.published import utc
from edge_daemon.transport import zeromq
from edge_daemon.transport.subscriptions import Subscriptions

logger = logging.getLogger(__name__)
UNSEEN_S = 0.5
"""If no model looks at a frame for this long, the newest one is shown."""
SPARE_S = 0.25
"""Interval at which a frame that models do not look at is kept for that."""
SHORTEST_S = 1 / 30
REST = 3.0
"""After a picture was encoded, the next one waits for at least this many times as long as that took."""
BURST = 256


class Pictures:
    """Publishes pictures of `camera` at `address`, in the sizes that are subscribed to.

    All methods run in the process's loop, except `lacks_spare` and `keep`, which the reader thread calls.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], address: str, camera: str, quality: int) -> None:
        self._socket = zeromq.picture_publisher(context, address)
        self._fd = int(self._socket.get(zmq.FD))
        self._topics = {size: topic(camera, size) for size in SIZES}
        self._subscriptions = Subscriptions()
        self._camera, self._quality = camera, quality
        self._sizes: tuple[int, ...] = ()
        self._new: tuple[int, ...] = ()  # subscribed to, and not served yet
        self._seq, self._next = -1, 0.0
        self._looked_at = -1  # number of the last frame that was sent to a model
        self._unseen_at = self._spare_at = 0.0
        self._spare: BufferedFrame | None = None
        self.mask: Mask | None = None
        """Areas to hide."""

    def fileno(self) -> int:
        """File descriptor that is readable when subscriptions may have arrived."""
        return self._fd

    def receive(self) -> None:
        """Read who has come and gone."""
        changes = list(zeromq.receive(self._socket, BURST))
        for parts in changes:
            self._subscriptions.receive(parts[0])
        if changes:
            before = self._sizes
            self._sizes = tuple(size for size in SIZES if self._subscriptions.include(self._topics[size]))
            self._new = tuple(size for size in self._sizes if size not in before or size in self._new)
            self._spare = self._spare if self._sizes else None

    def wait_ms(self, most: int) -> int:
        """Time to wait for something else to do, up to `most`, before the newest frame is to be shown."""
        return max(0, min(most, round(1e3 * (self._unseen_at - time.monotonic())) + 1)) if self._sizes else most

    def is_due(self) -> bool:
        """True if the newest frame is to be shown, since somebody has come, or no model has looked at one for long."""
        return bool(self._new) or (bool(self._sizes) and time.monotonic() >= self._unseen_at)

    def lacks_spare(self) -> bool:
        """True if a frame that models do not look at is to be kept."""
        return bool(self._sizes) and time.monotonic() >= self._spare_at

    def keep(self, frame: BufferedFrame) -> None:
        """Keep a frame that models do not look at, with its pixels."""
        self._spare_at, self._spare = time.monotonic() + SPARE_S, frame

    def show_newest(self, newest: BufferedFrame | None, epoch: int) -> None:
        """Show the newest of the frames that are offered to models, or of those that are not."""
        frames = [frame for frame in (newest, self._spare) if frame]
        self._unseen_at = time.monotonic() + UNSEEN_S
        if frames:
            self._publish(max(frames, key=lambda frame: frame.seq), epoch)

    def show(self, frame: BufferedFrame, epoch: int) -> None:
        """Show a frame that a model looks at, unless it has been shown, or there is no time for it."""
        self._looked_at = frame.seq
        if self._sizes and frame.seq > self._seq and time.monotonic() >= self._next:
            self._unseen_at = time.monotonic() + UNSEEN_S
            self._publish(frame, epoch)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _publish(self, frame: BufferedFrame, epoch: int) -> None:
        sizes = self._sizes if frame.seq > self._seq else self._new
        self._seq, self._new = max(self._seq, frame.seq), ()
        frame.hide(self.mask)
        began, made = time.monotonic(), dict[tuple[int, int], bytes]()
        try:
            for size in sizes:
                width, height = wanted = _size_of(frame.picture, size)
                if wanted not in made:
                    made[wanted] = encoded(frame.picture, wanted, self._quality)
                header = PictureHeader(
                    camera=self._camera,
                    epoch=epoch,
                    seq=frame.seq,
                    width=width,
                    height=height,
                    captured_at=utc(frame.moment.captured_at_ns),
                    time_s=round(frame.moment.time_s, 6),
                    looked_at=frame.seq == self._looked_at,
                )
                self._socket.send_multipart([self._topics[size], msgspec.json.encode(header), made[wanted]])
        except EdgeError as error:  # damaged, which the worker reports too
            logger.debug("frame %d cannot be shown: %s", frame.seq, error)
        now = time.monotonic()
        self._next = max(began + SHORTEST_S, now + REST * (now - began))
        self.receive()  # sending may have taken the sign that something has arrived


def encoded(picture: Picture, size: tuple[int, int], quality: int) -> bytes:
    """JPEG of a picture, scaled to this width and height.

    Raises:
        SourceError: the picture cannot be decoded.
        PictureError: it cannot be encoded.
    """
    width, height = size
    bgr = picture.bgr if size == picture.size else area_bgr(picture.reduced(size), height, width)
    return bytes(encode_bgr(bgr, "jpeg", quality))


def _size_of(picture: Picture, size: int) -> tuple[int, int]:
    """Width and height of a picture in one of the SIZES, with its own aspect ratio."""
    width, height = picture.size
    if size == FULL or size >= width:
        return width, height
    return size, max(2, 2 * round(height * size / width / 2))
