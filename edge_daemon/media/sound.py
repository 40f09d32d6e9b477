"""The sound of a camera: its parameters, and how it comes into an MP4: AAC as it is, everything else encoded as AAC."""

import io
from collections.abc import Iterator, Sequence
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
APART_S = 0.1
"""Sound that begins this much later than the sound before it ends has a gap there, which is silent."""
LONGEST_S = 1.0
"""Silence is made in pieces of this length."""
Timed = Sequence[tuple[Packet, float]]
"""Packets with their times in seconds from the start of the clip on."""


class SoundParameters:
    """The parameters of a stream of sound that FFmpeg reads, independent of it."""

    def __init__(self, stream: AudioStream) -> None:
        self.codec = stream.codec.canonical_name
        self.extradata = stream.codec_context.extradata or b""
        self.rate, self.layout = stream.codec_context.sample_rate, stream.codec_context.layout.name
        self._template: AudioStream | None = None
        with suppress(ValueError):
            holder = av.open(io.BytesIO(), "w", format="nut")  # nothing is ever written into it
            self._template = holder.add_stream_from_template(stream, opaque=True)

    def same_as(self, other: "SoundParameters") -> bool:
        """True if packets with the others can follow in the same file."""
        mine, others = ((one.codec, one.extradata, one.rate, one.layout) for one in (self, other))
        return mine == others

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


def add_sound(file: OutputContainer, timed: Timed) -> Iterator["AvPacket[Any]"]:
    """Add the sound to an MP4 that is being written; the packets are to be muxed after that.

    Raises (when they are taken):
        av.FFmpegError: it cannot be decoded or encoded.
    """
    parameters = timed[0][0].parameters
    assert isinstance(parameters, SoundParameters)
    if parameters.codec == AAC:
        stream = parameters.add_to(file)
        return _copied(stream, parameters.rate, timed)
    made = file.add_stream(AAC, rate=parameters.rate, layout=parameters.layout)
    assert isinstance(made, AudioStream)
    return _encoded(made, parameters, timed)


def _copied(stream: AudioStream, rate: int, timed: Timed) -> Iterator["AvPacket[Any]"]:
    newest = -1
    for packet, time_s in timed:
        newest = max(newest + 1, round(time_s * rate))
        coded = AvPacket(bytes(packet.data))
        coded.stream, coded.time_base = stream, Fraction(1, rate)
        coded.pts = coded.dts = newest
        coded.is_keyframe = True
        yield coded


def _encoded(stream: AudioStream, parameters: SoundParameters, timed: Timed) -> Iterator["AvPacket[Any]"]:
    at = 0
    resampler = AudioResampler("fltp", parameters.layout, parameters.rate)
    for frame in _frames(parameters, timed):
        for part in resampler.resample(frame):
            part.pts, part.time_base = at, Fraction(1, parameters.rate)
            at += part.samples
            yield from stream.encode(part)
    yield from stream.encode(None)


def _frames(parameters: SoundParameters, timed: Timed) -> Iterator[AudioFrame]:
    """What is heard, without a gap: silence where nothing came."""
    decoder, rate, heard = parameters.decoder(), parameters.rate, 0
    for packet, time_s in timed:
        missing = round(time_s * rate) - heard
        frames = decoder.decode(AvPacket(bytes(packet.data)))
        while missing > APART_S * rate and frames:
            piece = min(missing, round(LONGEST_S * rate))
            yield _silence(frames[0], piece)
            heard, missing = heard + piece, missing - piece
        for frame in frames:
            heard += frame.samples
            frame.pts = None
            yield frame


def _silence(like: AudioFrame, samples: int) -> AudioFrame:
    channels = like.layout.nb_channels
    shape = (channels, samples) if like.format.is_planar else (1, channels * samples)
    made = AudioFrame.from_ndarray(np.zeros(shape, like.to_ndarray().dtype), like.format.name, like.layout.name)
    made.sample_rate = like.sample_rate
    return made
