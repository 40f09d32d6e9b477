"""A video that every player plays: H.264, made of one that only some do."""

from fractions import Fraction
from pathlib import Path

import av
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from edge_daemon.errors import SourceError

ENCODER = "libx264"
OPTIONS = {"preset": "veryfast", "crf": "20"}


def transcode(path: Path) -> bool:
    """Encode the pictures of an MP4 again, unless they are H.264; its sound stays. True if that was needed.

    Raises:
        SourceError: it cannot be read or written, or there is no encoder.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        with av.open(str(path)) as source:
            pictures, sound = source.streams.video[0], source.streams.audio[:1]
            if pictures.codec_context.name == "h264":
                return False
            with av.open(str(new), "w", format="mp4", options={"movflags": "faststart"}) as output:
                made = output.add_stream(ENCODER, rate=pictures.average_rate or 25, options=OPTIONS)
                assert isinstance(made, VideoStream)
                made.width, made.height = pictures.width & ~1, pictures.height & ~1
                made.pix_fmt, made.codec_context.time_base = "yuv420p", pictures.time_base or Fraction(1, 90_000)
                heard = [output.add_stream_from_template(one) for one in sound]
                for packet in source.demux(pictures, *sound):
                    if isinstance(packet.stream, VideoStream):
                        for frame in packet.decode():
                            assert isinstance(frame, av.VideoFrame)
                            output.mux(made.encode(_limited(frame, made)))
                    elif packet.dts is not None:
                        packet.stream = heard[0]
                        output.mux(packet)
                output.mux(made.encode(None))
        new.replace(path)
    except (OSError, ValueError, av.FFmpegError) as error:
        raise SourceError(f"cannot encode {path.name}: {getattr(error, 'strerror', None) or error}") from error
    finally:
        new.unlink(missing_ok=True)
    return True


def _limited(frame: av.VideoFrame, made: VideoStream) -> av.VideoFrame:
    """A frame as it is encoded: JPEGs have the full range of levels, which not all players expect of a video."""
    levels = {"src_color_range": frame.color_range, "dst_color_range": ColorRange.MPEG}
    frame = frame.reformat(made.width, made.height, "yuv420p", **levels)
    frame.pict_type = 0  # the encoder chooses
    return frame
