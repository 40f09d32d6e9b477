"""The packets that a camera sends while they are needed for clips: files of a few seconds, written as they arrive.

A record is the lengths of its head and data, the head (`Head`), and the data. What a death has torn is left out when a
file is read again.
"""

import logging
import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge_daemon.errors import SourceError
from edge_daemon.media.packets import Arrived, Packet
from edge_daemon.media.parameters import StreamParameters, unpack
from edge_daemon.media.sound import SoundParameters, unpack_sound
from edge_daemon.messages import recording as messages
from edge_daemon.messages.recording import Coded, Parameters

logger = logging.getLogger(__name__)
REORDERED = 32
ENDING = ".spool"
SEGMENT_S = 20.0
_LENGTHS = struct.Struct("<II")
Time = tuple[int, float]
"""Epoch, and time on its clock in seconds."""


class Head(msgspec.Struct, array_like=True, frozen=True):
    """A packet without its data; or the parameters of those that follow (`sound` or pictures) if `source` is empty."""

    source: str = ""
    number: int = 0
    epoch: int = 0
    time_s: float = 0.0
    key: bool = False
    seq: int | None = None
    stamp_s: float | None = None
    duration_s: float = 0.0
    discarded: bool = False
    sound: bool = False
    captured_s: float = 0.0
    main: bool = False


class Place(NamedTuple):
    """Where a packet lies."""

    head: Head
    parameters: StreamParameters | SoundParameters
    start: int
    length: int


class Segment:
    """One file. It begins with a key frame, or goes on where another recorder has ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.places: list[Place] = []
        self.last: Time = (0, 0.0)
        self._view: mmap.mmap | None = None

    def note(self, place: Place) -> None:
        """Note a packet that was written to it."""
        self.places.append(place)
        if not place.head.sound:
            self.last = max(self.last, (place.head.epoch, place.head.time_s))

    def packets(self) -> Iterator[Packet]:
        """Its packets; their data stay in the file until they are used."""
        with self.path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) if self.places else memoryview(b"")
        for head, parameters, start, length in self.places:
            yield Packet(
                data=data[start : start + length],
                size=length,
                key=head.key,
                arrived_s=head.captured_s,
                stamp_s=head.stamp_s,
                time_s=head.time_s,
                duration_s=head.duration_s,
                parameters=parameters,
                discarded=head.discarded,
                sound=head.sound,
                main=head.main,
                epoch=head.epoch,
                seq=head.seq,
            )


class Spool:
    """The files of one camera in `folder`, with those that an earlier recorder left.

    Raises (when it is written to):
        OSError: that failed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._segments: list[Segment] = []
        self._fd, self._length, self._began = -1, 0, 0.0
        self._packed: bytes = b""
        self._parameters: StreamParameters | None = None
        self._packed_sound: bytes = b""
        self._sound: SoundParameters | None = None
        self._last: tuple[str, int] = ("", 0)
        self._newest: Time = (0, 0.0)
        self._arrived = Arrived()
        for path in sorted(folder.glob(f"*{ENDING}")):
            self._read(path)
        self._names = len(self._segments) and int(self._segments[-1].path.stem)

    @property
    def newest(self) -> Time:
        """Time up to which all frames are there."""
        return self._newest if self._segments else (0, 0.0)

    def add(self, message: Parameters | messages.SoundParameters | Coded) -> None:
        """Write a packet, or take in the parameters of the next ones. What is there already is left out."""
        if isinstance(message, Parameters):
            self._change(message.data)
            return
        if isinstance(message, messages.SoundParameters):
            self._change_sound(message.data)
            return
        source, number = self._last
        parameters = self._sound if message.sound else self._parameters
        if parameters is None or (message.source == source and message.number <= number):
            return
        head = Head(
            message.source,
            message.number,
            message.epoch,
            message.time_s,
            message.key,
            message.seq,
            message.stamp_s,
            message.duration_s,
            message.discarded,
            message.sound,
            message.captured_s,
            message.main,
        )
        goes_on = (message.source, message.number) == (source, number + 1)
        if self._fd < 0 and not (message.key or goes_on):
            return
        full = message.key and not self._began <= message.time_s < self._began + SEGMENT_S
        if self._fd < 0 or full:
            self._begin(message.time_s)
        start = self._write(head, message.data)
        self._note(self._segments[-1], Place(head, parameters, start, len(message.data)))

    def between(self, since: Time, until: Time) -> list[Packet]:
        """The packets from the key frame before a time to another time, in order of decoding."""
        found: list[Packet] = []
        late = [number for number, segment in enumerate(self._segments) if segment.last >= since]
        for segment in self._segments[max(0, late[0] - 1) :] if late else ():  # the key frame may be in the one before
            found += segment.packets()
        keys = [index for index, one in enumerate(found) if one.key and (one.epoch or 0, one.time_s) <= since]
        first = keys[-1] if keys else next((index for index, one in enumerate(found) if one.key), len(found))
        pictures = [index for index, one in enumerate(found) if not one.sound]
        last = [
            place for place, index in enumerate(pictures) if (found[index].epoch or 0, found[index].time_s) <= until
        ]
        # Beyond the end as far as frames may be reordered, and sound is late.
        return found[first : pictures[min(last[-1] + REORDERED, len(pictures) - 1)] + 1] if last else []

    def forget(self, before: Time | None) -> None:
        """Remove files that end before a time; None: all of them."""
        while self._segments and (before is None or (len(self._segments) > 1 and self._segments[1].last < before)):
            self._segments.pop(0).path.unlink(missing_ok=True)
        if not self._segments:
            self.close()

    def close(self) -> None:
        """Close the file that is written."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _change(self, packed: bytes) -> None:
        try:
            parameters = unpack(packed)
        except SourceError as error:
            logger.warning("%s: %s; there will be no clips", self._folder.name, error)
            self._parameters = None
            return
        if self._parameters is None or not self._parameters.same_as(parameters):
            self._parameters, self._packed = parameters, packed
            self.close()

    def _change_sound(self, packed: bytes) -> None:
        try:
            parameters = unpack_sound(packed)
        except SourceError as error:
            logger.warning("%s: %s; clips will have none", self._folder.name, error)
            self._sound = None
            return
        if self._sound is None or not self._sound.same_as(parameters):
            self._sound, self._packed_sound = parameters, packed
            if self._fd >= 0:
                self._write(Head(sound=True), packed)

    def _begin(self, time_s: float) -> None:
        self.close()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._names += 1
        path = self._folder / f"{self._names:08d}{ENDING}"
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._length, self._began = 0, time_s
        self._segments.append(Segment(path))
        self._write(Head(), self._packed)
        if self._packed_sound:
            self._write(Head(sound=True), self._packed_sound)

    def _note(self, segment: Segment, place: Place) -> None:
        segment.note(place)
        head = place.head
        if not head.sound:
            if head.epoch != self._newest[0] or head.source != self._last[0]:
                self._arrived = Arrived()
            complete_s = self._arrived.add(head.time_s)
            if complete_s is not None:
                self._newest = max(self._newest, (head.epoch, complete_s))
        self._last = head.source, head.number

    def _write(self, head: Head, data: bytes) -> int:
        """Append a record; return where its data begin."""
        encoded = msgspec.msgpack.encode(head)
        record = b"".join((_LENGTHS.pack(len(encoded), len(data)), encoded, data))
        start = self._length + _LENGTHS.size + len(encoded)
        try:
            written = os.write(self._fd, record)
            if written < len(record):
                os.write(self._fd, record[written:])
        except OSError:
            os.ftruncate(self._fd, self._length)
            os.lseek(self._fd, self._length, os.SEEK_SET)
            raise
        self._length += len(record)
        return start

    def _read(self, path: Path) -> None:
        """Take in a file that an earlier recorder left, as far as it is whole."""
        segment, data, at = Segment(path), path.read_bytes(), 0
        while at + _LENGTHS.size <= len(data):
            head_length, length = _LENGTHS.unpack_from(data, at)
            start = at + _LENGTHS.size + head_length
            at = start + length
            if at > len(data):
                break
            try:
                head = msgspec.msgpack.decode(data[start - head_length : start], type=Head)
                if not head.source:
                    (self._change_sound if head.sound else self._change)(data[start:at])
                elif parameters := self._sound if head.sound else self._parameters:
                    self._note(segment, Place(head, parameters, start, length))
            except (msgspec.DecodeError, SourceError) as error:
                logger.warning("%s is damaged: %s", path, error)
                break
        if segment.places:
            self._segments.append(segment)
        else:
            path.unlink(missing_ok=True)
