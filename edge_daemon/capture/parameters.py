"""Parameters by which packets are decoded, kept for a file that may be written of them."""

import io
from contextlib import suppress

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from edge_daemon.errors import SourceError

TAGS = {"hevc": "hvc1"}
"""Names of codecs inside an MP4, where FFmpeg's own choice plays in fewer players."""


class StreamParameters:
    """The parameters of a stream that FFmpeg reads, independent of it: packets outlive the connection they came by."""

    def __init__(self, stream: VideoStream) -> None:
        self.codec = stream.codec.canonical_name
        self.extradata = stream.codec_context.extradata or b""
        self._template: VideoStream | None = None
        with suppress(ValueError):  # an MP4 cannot hold it
            holder = av.open(io.BytesIO(), "w", format="mp4")  # nothing is ever written into it
            self._template = holder.add_stream_from_template(stream, opaque=True)

    def add_to(self, file: OutputContainer) -> VideoStream:
        """Add a stream with these parameters to an MP4 that is being written.

        Raises:
            SourceError: an MP4 cannot hold this codec.
        """
        if self._template is None:
            raise SourceError(f"an MP4 cannot hold {self.codec} video, and a clip is not encoded again")
        stream = file.add_stream_from_template(self._template, opaque=True)
        if self.codec in TAGS:
            stream.codec_context.codec_tag = TAGS[self.codec]
        return stream


class JpegParameters:
    """Pictures of a camera that sends each as a JPEG."""

    codec = "mjpeg"
    extradata = b""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size

    def add_to(self, file: OutputContainer) -> VideoStream:
        """Add a stream of such pictures to an MP4 that is being written."""
        width, height = self.size
        stream = file.add_mux_stream(self.codec, width=width, height=height)
        assert isinstance(stream, VideoStream)
        return stream
