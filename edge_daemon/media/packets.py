"""Coded pictures as a source sent them, and a ring of the last of them."""

import threading
from bisect import bisect
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from av import Packet as AvPacket
    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from edge_daemon.media.sound import SoundParameters


class Parameters(Protocol):
    """Parameters by which a run of packets is decoded; packets with others belong in another file."""

    codec: str
    extradata: bytes

    def same_as(self, other: object) -> bool:
        """True if packets with the others can follow in the same file."""
        ...

    def add_to(self, file: "OutputContainer") -> "VideoStream":
        """Add a stream with these parameters to an MP4 that is being written.

        Raises:
            SourceError: an MP4 cannot hold this codec.
        """
        ...

    def pack(self, key: bytes) -> bytes:
        """These parameters for another process, with a key frame; empty if no file can hold this codec."""
        ...


@dataclass(slots=True, eq=False, kw_only=True)
class Packet:
    """One coded picture.

    `arrived_s` is when it was received (CLOCK_MONOTONIC); `stamp_s` the presentation time that the source gave it, if
    any, on a clock of the source's own; `time_s` the time of its frame on the clock of `Picture.time_s`. `parameters`
    is None unless somebody observes. A `discarded` one is decoded for the sake of others and gives no frame; one of
    `sound` is no picture. One of a `main` stream gets no number. `epoch`
    and `seq` are those of the frame that came of it, once it was numbered; `number` is its own, once it was sent.
    """

    data: "bytes | memoryview | AvPacket[Any]"
    size: int
    key: bool
    arrived_s: float
    stamp_s: float | None
    time_s: float
    duration_s: float = 0.0
    parameters: "Parameters | SoundParameters | None" = None
    discarded: bool = False
    sound: bool = False
    main: bool = False
    epoch: int | None = None
    seq: int | None = None
    number: int | None = None


MOST_REORDERED = 16
"""Frames that H.264 and H.265 may send before one that is shown earlier."""
Observer = Callable[[Packet], None]
"""Called in the reader's thread with each packet as it arrives: in order of decoding, before it is decoded."""


class Arrived:
    """The time up to which all frames have arrived, of packets in order of decoding: a frame is sent before others that
    are shown earlier, if those refer to it.
    """

    def __init__(self) -> None:
        self._times: list[float] = []
        self._delay = 0
        """The most packets that came before another one and are shown after it."""

    def add(self, time_s: float) -> float | None:
        """Take in the next packet; None while nothing is complete."""
        place = bisect(self._times, time_s)
        self._delay = max(self._delay, min(len(self._times) - place, MOST_REORDERED))
        self._times.insert(place, time_s)
        if len(self._times) > 2 * MOST_REORDERED:
            del self._times[0]
        return self._times[-1 - self._delay] if self._delay < len(self._times) else None


class PacketRing:
    """The last `seconds` of a camera and what is before them back to a key frame, or less within `max_bytes`.

    One thread adds; any thread may read.
    """

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._seconds, self._max_bytes = seconds, max_bytes
        self._lock = threading.Lock()
        self._packets: deque[Packet] = deque()
        self._keys: deque[float] = deque()  # times of the key frames held
        self._newest_s = 0.0
        self.bytes = 0
        self.shortened = False
        """True once `max_bytes` removed packets that `seconds` would have kept."""

    def add(self, packet: Packet) -> None:
        """Add the next packet; those before the first key frame are not kept."""
        with self._lock:
            if not packet.key and not self._keys:
                return
            if not packet.sound:
                self._newest_s = max(self._newest_s, packet.time_s) if self._keys else packet.time_s
            if packet.key:
                self._keys.append(packet.time_s)
            self._packets.append(packet)
            self.bytes += packet.size
            while len(self._keys) > 1 and self._newest_s - self._keys[1] >= self._seconds:
                self._drop_group()
            while self.bytes > self._max_bytes and self._keys:
                self.shortened = True
                self._drop_group()

    @property
    def span_s(self) -> float:
        """Seconds from the first key frame to the newest packet."""
        with self._lock:
            return self._newest_s - self._keys[0] if self._keys else 0.0

    def since(self, time_s: float) -> list[Packet]:
        """The packets from the last key frame at or before `time_s` on, or from the first one held."""
        with self._lock:
            packets = list(self._packets)
        keys = [index for index, packet in enumerate(packets) if packet.key]
        first = next((index for index in reversed(keys) if packets[index].time_s <= time_s), 0)
        return packets[first:]

    def _drop_group(self) -> None:
        """Drop the oldest key frame and what follows it up to the next."""
        self._keys.popleft()
        self.bytes -= self._packets.popleft().size
        while self._packets and not self._packets[0].key:
            self.bytes -= self._packets.popleft().size
