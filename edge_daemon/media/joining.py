"""One MP4 of several: their packets, one file after the other, as they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from av.container import InputContainer, OutputContainer
from av.stream import Stream

from edge_daemon.errors import SourceError

NEAR_S = 0.05
"""Shorter gaps are none."""
INDEXED = {"movflags": "faststart"}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
"""How a file is written that can be sought in, and one that is never gone back in."""


class Piece(NamedTuple):
    """A file, and when its first and last pictures were taken, in seconds since the Unix epoch."""

    path: Path
    start_s: float
    end_s: float


class Part(NamedTuple):
    """What a joined file has of a piece: from and to when, and where it begins in the file, in seconds."""

    source: str
    start_s: float
    end_s: float
    at_s: float


@dataclass(frozen=True)
class Joined:
    """A file that was written, and what is in it."""

    path: Path
    parts: list[Part]


def length_of(path: Path) -> float:
    """How long a file is, in seconds.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        with av.open(str(path)) as file:
            return (file.duration or 0) / 1e6
    except (OSError, av.FFmpegError) as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error


def join(pieces: Sequence[Piece], since_s: float, until_s: float, output: Path) -> list[Joined]:
    """Write what pieces have of a range of time, each moment once; beginning with the key frame before. Where a piece
    has other parameters than the one before, another file begins: `NAME-2.mp4`.

    Raises:
        SourceError: a file cannot be read or written.
    """
    made: list[Joined] = []
    writer: _Writer | None = None
    reached_s = since_s
    try:
        for piece in _within(pieces, since_s, until_s):
            if piece.end_s - reached_s < NEAR_S:
                continue
            with av.open(str(piece.path)) as source:
                if writer is None or not writer.takes(source):
                    if writer:
                        writer.close()
                    number = f"-{len(made) + 1}" if made else ""
                    path = output.with_name(f"{output.stem}{number}{output.suffix}")
                    writer = _Writer(str(path), source)
                    made.append(Joined(path, writer.parts))
                reached_s = max(reached_s, writer.add(piece, source, reached_s, until_s))
    except (OSError, av.FFmpegError) as error:
        raise SourceError(f"cannot write {output}: {error.strerror}") from error
    finally:
        if writer:
            writer.close()
    for one in made:
        if not one.parts:
            one.path.unlink(missing_ok=True)
    return [one for one in made if one.parts]


def stream(pieces: Sequence[Piece], since_s: float, until_s: float) -> Iterator[bytes]:
    """The bytes of one MP4 of what pieces have of a range of time, as `join` makes it; it ends where a piece has other
    parameters than the one before. Pieces that are gone by then are left out.

    Raises:
        SourceError: a file cannot be read.
    """
    writer: _Writer | None = None
    written, reached_s = _Written(), since_s
    for piece in _within(pieces, since_s, until_s):
        if piece.end_s - reached_s < NEAR_S:
            continue
        try:
            with av.open(str(piece.path)) as source:
                writer = writer or _Writer(written, source, FRAGMENTED)
                if not writer.takes(source):
                    break
                reached_s = max(reached_s, writer.add(piece, source, reached_s, until_s))
        except FileNotFoundError:
            continue
        except (OSError, av.FFmpegError) as error:
            raise SourceError(f"cannot read {piece.path}: {error.strerror}") from error
        yield written.take()
    if writer:
        writer.close()
        yield written.take()


def gaps(parts: Sequence[Part], since_s: float, until_s: float) -> list[tuple[float, float]]:
    """The time of a range that no part has."""
    found, reached_s = [], since_s
    for part in sorted(parts, key=lambda one: one.start_s):
        if part.start_s > reached_s + NEAR_S:
            found.append((reached_s, part.start_s))
        reached_s = max(reached_s, part.end_s)
    return [*found, (reached_s, until_s)] if until_s > reached_s + NEAR_S else found


def _within(pieces: Sequence[Piece], since_s: float, until_s: float) -> list[Piece]:
    return sorted((one for one in pieces if one.end_s > since_s and one.start_s < until_s), key=lambda one: one.start_s)


class _Written:
    """What FFmpeg has written, until it is taken."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        """Take in data."""
        self._data += data
        return len(data)

    def take(self) -> bytes:
        """What there is by now."""
        data, self._data = bytes(self._data), bytearray()
        return data


class _Writer:
    """A file that is written: its path, or something to write to."""

    def __init__(self, file: str | _Written, source: InputContainer, options: dict[str, str] = INDEXED) -> None:
        self.parts = list[Part]()
        self._file: OutputContainer = av.open(file, "w", format="mp4", options=options)
        self._like = [_parameters(stream) for stream in _streams(source)]
        self._streams = [self._file.add_stream_from_template(stream) for stream in _streams(source)]
        self._end_s = 0.0
        self._last = [-1] * len(self._streams)

    def takes(self, source: InputContainer) -> bool:
        """True if another file has the same streams."""
        return [_parameters(stream) for stream in _streams(source)] == self._like

    def add(self, piece: Piece, source: InputContainer, since_s: float, until_s: float) -> float:
        """Append the packets from the key frame before a time on, as far as another; return when they end."""
        first_s = _first(source)
        skip_s = _key_before(source, since_s - piece.start_s, first_s)
        streams = _streams(source)
        end_s = skip_s
        for packet in source.demux(streams):
            number = streams.index(packet.stream)
            if packet.pts is None or packet.dts is None or packet.time_base is None:
                continue
            shown_s, decoded_s = (float(at * packet.time_base) - first_s for at in (packet.pts, packet.dts))
            if shown_s < skip_s - 1e-6 or piece.start_s + decoded_s >= until_s:
                continue
            shift = round(Fraction(self._end_s - skip_s - first_s) / packet.time_base)
            packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
            if packet.dts <= self._last[number]:
                packet.dts = self._last[number] + 1
            self._last[number] = packet.dts
            packet.pts = max(packet.pts, packet.dts)
            if packet.stream.type == "video":
                end_s = max(end_s, shown_s + float((packet.duration or 0) * packet.time_base))
            packet.stream = self._streams[number]
            self._file.mux(packet)
        if end_s > skip_s:
            start_s = piece.start_s + skip_s
            self.parts.append(Part(piece.path.name, start_s, piece.start_s + end_s, self._end_s))
            self._end_s += end_s - skip_s
        return piece.start_s + end_s

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def _streams(source: InputContainer) -> list[Stream]:
    return [*source.streams.video[:1], *source.streams.audio[:1]]


def _parameters(stream: Stream) -> tuple[object, ...]:
    context = stream.codec_context
    size = (context.width, context.height) if isinstance(context, av.VideoCodecContext) else ()
    return stream.type, context.name, context.extradata, size, stream.time_base


def _first(source: InputContainer) -> float:
    """Time of the first picture as the file has it, which is not 0 where encoded sound begins before it."""
    stream = source.streams.video[0]
    return float((stream.start_time or 0) * (stream.time_base or 0))


def _key_before(source: InputContainer, at_s: float, first_s: float) -> float:
    """Time from the first picture to the last key frame that is not after a time; the first one's if there is none."""
    if at_s <= 0:
        return 0.0
    keys = [key - first_s for key in _keys(source)]
    source.seek(0)
    return max((key for key in keys if key <= at_s), default=keys[0] if keys else 0.0)


def _keys(source: InputContainer) -> Iterator[float]:
    for packet in source.demux(source.streams.video[0]):
        if packet.is_keyframe and packet.pts is not None and packet.time_base is not None:
            yield float(packet.pts * packet.time_base)
