"""Packets for the recorder: a ring of the last ones, and a thread that sends them while they are asked for."""

import logging
import math
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from edge_daemon.errors import WireError
from edge_daemon.media.packets import Packet, PacketRing, Parameters
from edge_daemon.messages import recording
from edge_daemon.messages.codec import MAX_BYTES, Decoder, Message, pack
from edge_daemon.messages.recording import Coded, Follow, Placed, Rest, ToCamera
from edge_daemon.settings import RecordSettings
from edge_daemon.transport.peer import Peer

if TYPE_CHECKING:
    from edge_daemon.media.sound import SoundParameters

logger = logging.getLogger(__name__)
LATE_S = 5.0
"""Time that an event may be known after its frame."""
UNSEEN_S = 2.0
"""Age of a packet at which no frame comes of it any more."""
AWAY_S = 30.0
"""Time that a recorder which died may be away without a gap in what it records all the time."""
RING_BYTES = 48 << 20
REST_S, FOLLOWING_S = 1.0, 0.3
"""Time between two looks at the recorder, while it does not ask for packets and while it does."""
BATCH_BYTES = 1 << 19


class Zero(NamedTuple):
    """The moment at which an epoch began: on the clock of pictures and packets, and on CLOCK_MONOTONIC."""

    epoch: int
    time_s: float
    captured_s: float = 0.0


class Recording(threading.Thread):
    """Keeps the packets that `observe` gets. `zero` is when the epoch began; None while there is none. `placed` says
    how what models look at lies in what is recorded. `follow` is called with True when the recorder begins to ask for
    packets, and with False when it does not any more.
    """

    def __init__(
        self,
        camera: str,
        settings: RecordSettings,
        zero: Callable[[], Zero | None],
        placed: Callable[[], Placed | None] = lambda: None,
        follow: Callable[[bool], None] = lambda _: None,
    ) -> None:
        super().__init__(name="recording", daemon=True)
        self._zero, self._placed, self._called = zero, placed, follow
        self._sent: Placed | None = None
        seconds = settings.before_s + LATE_S
        self._ring = PacketRing(max(seconds, AWAY_S) if settings.continuous else seconds, RING_BYTES)
        self._peer = Peer(settings.recorder, f"camera/{camera}")
        self._decode: Decoder[list[ToCamera]] = Decoder(list[ToCamera])
        self._source = os.urandom(6).hex()
        self._lock = threading.Lock()
        self._numbers = 0
        self._waiting: deque[Packet] = deque()
        self._following = self._switched = False
        self._parameters: dict[bool, Parameters | SoundParameters] = {}  # of sound and of pictures, sent last
        self._ending = threading.Event()
        self._short = False

    def observe(self, packet: Packet) -> None:
        """Keep a packet, in the reader's thread."""
        with self._lock:
            self._numbers += 1
            packet.number = self._numbers
            self._ring.add(packet)
            if self._following and not self._switched:
                self._waiting.append(packet)

    def observe_instead(self, packet: Packet) -> None:
        """Take the packets of another stream from its next key frame on, while the recorder asks for any."""
        with self._lock:
            if self._following and (packet.key or self._switched):
                self._switched = True
                self._numbers += 1
                packet.number = self._numbers
                self._waiting.append(packet)

    def stop(self) -> None:
        """End soon."""
        self._ending.set()

    def run(self) -> None:
        """Answer the recorder until stopped."""
        poll = select.poll()
        poll.register(self._peer, select.POLLIN)
        while not self._ending.is_set():
            poll.poll(self._peer.wait_ms(round(1e3 * (FOLLOWING_S if self._following else REST_S))))
            if self._peer.renewed():  # a new recorder asks again
                self._rest()
            for data in self._peer.receive(8):
                self._receive(data)
            self._send()
        self._peer.close()

    def _receive(self, data: bytes) -> None:
        try:
            messages = self._decode(data)
        except WireError as error:
            logger.warning("dropped a message from the recorder: %s", error)
            return
        for message in messages:
            match message:
                case Follow():
                    self._follow(message)
                case Rest():
                    self._rest()

    def _follow(self, message: Follow) -> None:
        zero = self._zero()
        with self._lock:
            if self._switched:
                return
            self._waiting.clear()
            same = zero is not None and zero.epoch == message.epoch
            since_s = zero.time_s + message.since_s if zero and same else -math.inf
            self._waiting.extend(self._ring.since(since_s))
            self._following, self._parameters, self._sent = True, {}, None
        self._called(True)
        if self._ring.shortened and not self._short:
            self._short = True
            logger.warning("clips begin late: %d MB hold less than the time before events", RING_BYTES >> 20)

    def _rest(self) -> None:
        with self._lock:
            self._following = self._switched = False
            self._waiting.clear()
        self._called(False)

    def _is_settled(self, packet: Packet) -> bool:
        """True if its frame is numbered, or will not be."""
        return packet.seq is not None or packet.sound or packet.discarded or packet.main

    def _is_known(self, packet: Packet) -> bool:
        """True if the recorder has its parameters."""
        known, parameters = self._parameters.get(packet.sound), packet.parameters
        return parameters is known or (known is not None and known.same_as(parameters))

    def _send(self) -> None:
        """Send the packets that wait, and whose frames are numbered by now."""
        zero = self._zero()
        if not self._following or zero is None:
            return
        until_s, size, batch = time.monotonic() - UNSEEN_S, 0, list[Message]()
        if (placed := self._placed()) and placed != self._sent:
            self._sent = placed
            batch.append(placed)
        while self._waiting and (self._is_settled(self._waiting[0]) or self._waiting[0].arrived_s <= until_s):
            with self._lock:
                if not self._waiting:
                    break
                packet = self._waiting.popleft()
            data = bytes(packet.data)
            if 2 * len(data) > MAX_BYTES - BATCH_BYTES:  # no message holds it, with parameters
                continue
            if packet.parameters and not self._is_known(packet):
                if not (packet.key or packet.sound):
                    continue
                self._parameters[packet.sound] = packet.parameters
                kind = recording.SoundParameters if packet.sound else recording.Parameters
                batch.append(kind(data=packet.parameters.pack(data)))
                size += len(data)
            time_s = packet.time_s - zero.time_s
            batch.append(
                Coded(
                    source=self._source,
                    number=packet.number or 0,
                    epoch=zero.epoch,
                    time_s=time_s,
                    captured_s=zero.captured_s + time_s,
                    key=packet.key,
                    seq=packet.seq if packet.epoch == zero.epoch else None,
                    stamp_s=packet.stamp_s,
                    duration_s=packet.duration_s,
                    discarded=packet.discarded,
                    sound=packet.sound,
                    main=packet.main,
                    data=data,
                )
            )
            size += len(data)
            if size >= BATCH_BYTES:
                self._peer.send(pack(batch))
                size, batch = 0, []
        if batch:
            self._peer.send(pack(batch))
