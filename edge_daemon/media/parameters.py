"""Parameters by which packets are decoded, kept for a file that may be written of them."""

import io
from collections.abc import Callable
from contextlib import suppress

import av
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from edge_daemon.errors import SourceError

TAGS = {"hevc": "hvc1"}
"""Names of codecs inside an MP4, where FFmpeg's own choice plays in fewer players."""


class StreamParameters:
    """The parameters of a stream that FFmpeg reads, independent of it: packets outlive the connection they came by."""

    def __init__(self, stream: VideoStream) -> None:
        self.codec = stream.codec.canonical_name
        self.extradata = stream.codec_context.extradata or b""
        self.size = stream.codec_context.width, stream.codec_context.height
        self._template: VideoStream | None = None
        self._fits = False
        for container in ("nut", "mp4"):  # a NUT holds everything
            with suppress(ValueError):
                holder = av.open(io.BytesIO(), "w", format=container)  # nothing is ever written into it
                self._template = holder.add_stream_from_template(stream, opaque=True)
                self._fits = container == "mp4"

    def same_as(self, other: object) -> bool:
        """True if packets with the others can follow in the same file."""
        mine = self.codec, self.extradata, self.size
        return isinstance(other, StreamParameters) and mine == (other.codec, other.extradata, other.size)

    def add_to(self, file: OutputContainer) -> VideoStream:
        """Add a stream with these parameters to an MP4 that is being written.

        Raises:
            SourceError: an MP4 cannot hold this codec.
        """
        if self._template is None or not self._fits:
            raise SourceError(f"an MP4 cannot hold {self.codec} video, and a clip is not encoded again")
        stream = file.add_stream_from_template(self._template, opaque=True)
        if self.codec in TAGS:
            stream.codec_context.codec_tag = TAGS[self.codec]
        return stream

    def decoder(self) -> VideoCodecContext:
        """A decoder for such packets."""
        decoder = av.CodecContext.create(self.codec, "r")
        assert isinstance(decoder, VideoCodecContext)
        decoder.extradata = self.extradata or None
        return decoder

    def pack(self, key: bytes) -> bytes:
        """These parameters for another process, with a key frame, without which they cannot be read."""
        template = self._template
        if template is None:
            return b""
        return _packed(lambda file: file.add_stream_from_template(template, opaque=True), key)


class JpegParameters:
    """Pictures of a camera that sends each as a JPEG."""

    codec = "mjpeg"
    extradata = b""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size

    def same_as(self, other: object) -> bool:
        """True if pictures with the others can follow in the same file."""
        return isinstance(other, JpegParameters) and self.size == other.size

    def add_to(self, file: OutputContainer) -> VideoStream:
        """Add a stream of such pictures to an MP4 that is being written."""
        width, height = self.size
        stream = file.add_mux_stream(self.codec, width=width, height=height)
        assert isinstance(stream, VideoStream)
        return stream

    def pack(self, key: bytes) -> bytes:
        """These parameters for another process, with a picture."""
        return _packed(self.add_to, key)


def unpack(packed: bytes) -> StreamParameters:
    """Parameters that another process has packed.

    Raises:
        SourceError: they cannot be read.
    """
    try:
        with av.open(io.BytesIO(packed)) as file:
            return StreamParameters(file.streams.video[0])
    except (av.FFmpegError, IndexError) as error:
        raise SourceError(f"parameters of video that cannot be read: {error}") from error


def _packed(add: Callable[[OutputContainer], VideoStream], key: bytes) -> bytes:
    """A stream with one packet in a container that keeps parameters as they are (NUT)."""
    data = io.BytesIO()
    with av.open(data, "w", format="nut") as file:
        stream, packet = add(file), av.Packet(key)
        packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, 0, 0, True
        file.mux(packet)
    return data.getvalue()
