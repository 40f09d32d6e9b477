"""The sound of a camera: its parameters, and how it comes into an MP4: AAC as it is, everything else encoded as AAC."""

import io
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av import AudioFrame, AudioStream
from av import Packet as AvPacket
from av.audio.codeccontext import AudioCodecContext
from av.audio.resampler import AudioResampler
from av.container import OutputContainer

from edge_daemon.errors import SourceError
from edge_daemon.media.packets import Packet

AAC = "aac"
_USUAL = {1: "mono", 2: "stereo"}
"""Layouts by the number of channels: some streams and files say only that."""
APART_S = 0.1
"""Sound that begins this much later than the sound before it ends has a gap there, which is silent."""
LONGEST_S = 1.0
"""Silence is made in pieces of this length."""


class SoundParameters:
    """The parameters of a stream of sound that FFmpeg reads, independent of it."""

    def __init__(self, stream: AudioStream) -> None:
        self.codec = stream.codec.canonical_name
        self.extradata = stream.codec_context.extradata or b""
        layout = stream.codec_context.layout
        self.rate, self.layout = stream.codec_context.sample_rate, _USUAL.get(layout.nb_channels, layout.name)
        self._template: AudioStream | None = None
        with suppress(ValueError):
            holder = av.open(io.BytesIO(), "w", format="nut")  # nothing is ever written into it
            self._template = holder.add_stream_from_template(stream, opaque=True)

    def same_as(self, other: object) -> bool:
        """True if packets with the others can follow in the same file."""
        mine = self.codec, self.extradata, self.rate, self.layout
        return isinstance(other, SoundParameters) and mine == (other.codec, other.extradata, other.rate, other.layout)

    def add_to(self, file: OutputContainer) -> AudioStream:
        """Add a stream with these parameters to a file that is being written.

        Raises:
            SourceError: no file can hold it.
        """
        if self._template is None:
            raise SourceError(f"no file can hold {self.codec} sound")
        return file.add_stream_from_template(self._template, opaque=True)

    def decoder(self) -> AudioCodecContext:
        """A decoder for such packets."""
        decoder = av.CodecContext.create(self.codec, "r")
        assert isinstance(decoder, AudioCodecContext)
        decoder.sample_rate, decoder.layout = self.rate, self.layout
        decoder.extradata = self.extradata or None
        return decoder

    def pack(self, data: bytes) -> bytes:
        """These parameters for another process, with a packet; empty if that cannot be."""
        if self._template is None:
            return b""
        packed = io.BytesIO()
        with av.open(packed, "w", format="nut") as file:
            packet = AvPacket(data)
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = self.add_to(file), 0, 0, True
            file.mux(packet)
        return packed.getvalue()


def unpack_sound(packed: bytes) -> SoundParameters:
    """Parameters that another process has packed.

    Raises:
        SourceError: they cannot be read.
    """
    try:
        with av.open(io.BytesIO(packed)) as file:
            return SoundParameters(file.streams.audio[0])
    except (av.FFmpegError, IndexError) as error:
        raise SourceError(f"parameters of sound that cannot be read: {error}") from error


class SoundTrack:
    """The sound of an MP4 that is being written: AAC as it came, other sound encoded as AAC.

    Raises (all methods):
        av.FFmpegError: the sound cannot be decoded or encoded.
    """

    def __init__(self, file: OutputContainer, parameters: SoundParameters) -> None:
        self._parameters = parameters
        self._tick = Fraction(1, parameters.rate)
        self._at = 0
        """Samples so far."""
        self._decoder: AudioCodecContext | None = None
        if parameters.codec == AAC:
            self._stream = parameters.add_to(file)
            return
        made = file.add_stream(AAC, rate=parameters.rate, layout=parameters.layout)
        assert isinstance(made, AudioStream)
        self._stream, self._decoder = made, parameters.decoder()
        self._resampler = AudioResampler("fltp", parameters.layout, parameters.rate)

    def add(self, packet: Packet, time_s: float) -> "Iterator[AvPacket[Any]]":
        """Packets to be muxed for one that is heard `time_s` after the start."""
        if self._decoder is None:
            yield self._copied(packet, time_s)
            return
        frames = self._decoder.decode(AvPacket(bytes(packet.data)))
        missing = round(time_s * self._parameters.rate) - self._at
        if missing > APART_S * self._parameters.rate:
            for frame in frames[:1]:
                yield from self._silent(frame, missing)
        for frame in frames:
            yield from self._encoded(frame)

    def end(self) -> "Iterator[AvPacket[Any]]":
        """The last packets to be muxed."""
        if self._decoder is not None and self._at:
            yield from self._stream.encode(None)

    def _copied(self, packet: Packet, time_s: float) -> "AvPacket[Any]":
        coded = AvPacket(bytes(packet.data))
        coded.stream, coded.time_base = self._stream, self._tick
        coded.pts = coded.dts = max(self._at, round(time_s * self._parameters.rate))
        coded.is_keyframe = True
        self._at = coded.pts + 1
        return coded

    def _encoded(self, frame: AudioFrame) -> "Iterator[AvPacket[Any]]":
        frame.pts = None
        for part in self._resampler.resample(frame):
            part.pts, part.time_base = self._at, self._tick
            self._at += part.samples
            yield from self._stream.encode(part)

    def _silent(self, like: AudioFrame, samples: int) -> "Iterator[AvPacket[Any]]":
        """Silence where nothing came, in pieces, before a frame of the same kind."""
        channels, longest = like.layout.nb_channels, round(LONGEST_S * self._parameters.rate)
        for begin in range(0, samples, longest):
            length = min(longest, samples - begin)
            shape = (channels, length) if like.format.is_planar else (1, channels * length)
            silence = np.zeros(shape, like.to_ndarray().dtype)
            piece = AudioFrame.from_ndarray(silence, like.format.name, like.layout.name)
            piece.sample_rate = like.sample_rate
            yield from self._encoded(piece)
