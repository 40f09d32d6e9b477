"""A segment: some seconds of packets in a fragmented MP4, a fragment for each group of pictures.

What is written is whole up to the last fragment, however the writer ends.
"""

import os
import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from edge_daemon.errors import SourceError
from edge_daemon.media.clip import TICKS, add_pictures, frame_ticks, in_ticks, sets_in, sets_of, timeline
from edge_daemon.media.packets import Packet
from edge_daemon.media.sound import SoundParameters, SoundTrack

OPTIONS = {"movflags": "frag_keyframe+empty_moov+default_base_moof+skip_trailer"}
OFF_S = 0.5
"""Stamps are used as long as they are this near to the camera's clock."""
_HEAD = struct.Struct(">I4s")


class SegmentFile:
    """A file that grows by groups of pictures, each of them from a key frame to the next.

    Raises:
        OSError: it cannot be written.
        SourceError: an MP4 cannot hold it.
    """

    def __init__(self, path: Path, group: Sequence[Packet], sound: SoundParameters | None) -> None:
        first = next(packet for packet in group if not packet.sound)
        self.path, self.epoch, self.start_s = path, first.epoch or 0, first.time_s
        self.seconds = 0.0
        self._stamp_s = first.stamp_s
        self._shown = self._decoded = -1
        self._out = _Appender(path)
        try:
            self._file = av.open(self._out, "w", format="mp4", options=OPTIONS)
            self._stream = add_pictures(self._file, first)
        except (SourceError, ValueError):
            self._out.close()
            path.unlink(missing_ok=True)
            raise
        self._tick, self._sets = Fraction(1, TICKS), sets_of(first)
        self._sound = SoundTrack(self._file, sound) if sound else None

    def fits(self, group: Sequence[Packet]) -> bool:
        """True if a group needs no other parameter sets than those that the file has."""
        return not sets_in(group[0]).keys() - self._sets.keys()

    def add(self, group: Sequence[Packet]) -> None:
        """Append a group. It is in the file when the next one follows, or at the end.

        Raises:
            OSError: that failed.
            SourceError: it cannot be written.
        """
        pictures = [packet for packet in group if not packet.sound]
        times_s = self._times(pictures)
        if self._shown < 0:  # pictures before the first key frame refer to others before it
            kept = [(packet, time_s) for packet, time_s in zip(pictures, times_s, strict=True) if time_s >= times_s[0]]
            pictures, times_s = [packet for packet, _ in kept], [time_s for _, time_s in kept]
        shown, decoded = in_ticks(times_s)
        frame = frame_ticks(sorted(shown))
        try:
            for packet, pts, dts in zip(pictures, shown, decoded, strict=True):
                self._mux(packet, pts, dts, frame)
            for packet in group:
                if packet.sound and self._sound:
                    self._mux_sound(self._sound.add(packet, max(0.0, self._time_of(packet))))
        except av.FFmpegError as error:
            raise _error(self.path, error) from error
        self.seconds = (self._shown + frame) / TICKS

    def close(self) -> None:
        """Write the last fragment.

        Raises:
            OSError: that failed.
            SourceError: it cannot be written.
        """
        try:
            if self._sound:
                self._mux_sound(self._sound.end())
            self._file.close()
        except av.FFmpegError as error:
            raise _error(self.path, error) from error
        finally:
            self._out.close()

    def _mux(self, packet: Packet, pts: int, dts: int, frame: int) -> None:
        self._decoded = max(self._decoded + 1, dts) if self._shown >= 0 else dts
        coded = av.Packet(bytes(packet.data))
        coded.stream, coded.time_base = self._stream, self._tick
        coded.pts, coded.dts = max(pts, self._decoded), self._decoded
        coded.duration, coded.is_keyframe = frame, packet.key
        self._file.mux(coded)
        self._shown = max(self._shown, pts)

    def _mux_sound(self, packets: "Iterable[av.Packet[Any]]") -> None:
        """Append sound, but not what an encoder puts before its beginning: without an edit list, all pictures but the
        first would be shown later by as much.
        """
        for coded in packets:
            if (coded.pts or 0) >= 0:
                self._file.mux(coded)

    def _times(self, pictures: Sequence[Packet]) -> list[float]:
        """Times from the start of the segment on: by the stamps, if those of the group hold together and go on from
        those before it, else by the camera's clock.
        """
        times_s, stamped = timeline(pictures)
        if stamped and self._stamp_s is not None:
            since_s = [time_s - self._stamp_s for time_s in times_s]
            if abs(since_s[0] - (pictures[0].time_s - self.start_s)) <= OFF_S:
                return since_s
        return [packet.time_s - self.start_s for packet in pictures]

    def _time_of(self, packet: Packet) -> float:
        """Time of a packet of sound from the start of the segment on."""
        by_clock_s = packet.time_s - self.start_s
        if packet.stamp_s is None or self._stamp_s is None:
            return by_clock_s
        by_stamp_s = packet.stamp_s - self._stamp_s
        return by_stamp_s if abs(by_stamp_s - by_clock_s) <= OFF_S else by_clock_s


class _Appender:
    """The file as FFmpeg writes to it: at its end only."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes) -> int:
        """Append data."""
        left = memoryview(data)
        while left:
            left = left[os.write(self._fd, left) :]
        return len(data)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def whole(path: Path) -> float:
    """Cut off a fragment that was not written to its end; return the length of what there is, in seconds.

    Raises:
        OSError: the file cannot be read or written.
    """
    size, at, end, fragments = path.stat().st_size, 0, 0, 0
    with path.open("r+b") as file:
        while at + _HEAD.size <= size:
            file.seek(at)
            length, kind = _HEAD.unpack(file.read(_HEAD.size))
            at += max(length, _HEAD.size)
            if at > size:
                break
            if kind == b"mdat":
                fragments += 1
            if kind != b"moof":
                end = at
        file.truncate(end)
    return length_of(path) if fragments else 0.0


def length_of(path: Path) -> float:
    """Length of the video of a file in seconds; 0 if it cannot be read.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        with av.open(str(path)) as file:
            stream = file.streams.video[0]
            times = [(packet.pts or 0, packet.duration or 0) for packet in file.demux(stream) if packet.size]
            tick_s = float(stream.time_base or 0)
    except (av.FFmpegError, IndexError):
        return 0.0
    return (max(sum(one) for one in times) - min(at for at, _ in times)) * tick_s if times else 0.0


def _error(path: Path, error: av.FFmpegError) -> Exception:
    if isinstance(error, OSError):
        return OSError(error.errno, error.strerror, str(path))
    return SourceError(f"cannot write {path}: {error.strerror}")
