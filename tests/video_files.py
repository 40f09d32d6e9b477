"""Video files as tests need them, made by FFmpeg's encoders: B-frames, open GOPs, parameters that change."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

B_FRAMES = {"x264-params": "bframes=3:b-adapt=0:keyint=25:min-keyint=25:scenecut=0:threads=1:sliced-threads=0"}
OPEN_GOP = {"x264-params": B_FRAMES["x264-params"] + ":open-gop=1"}
HEVC = {"x265-params": "bframes=3:keyint=25:min-keyint=25:scenecut=0:open-gop=1:log-level=none:pools=1"}
LEVELS = 100


def level_of(index: int) -> int:
    """Grey level of a frame, by which it is known again."""
    return 20 + 2 * (index % LEVELS)


def picture(index: int, size: tuple[int, int]) -> av.VideoFrame:
    """One grey, with a little of an edge."""
    grey = np.full((size[1], size[0], 3), level_of(index), np.uint8)
    grey[:4, :4] = 255
    return av.VideoFrame.from_ndarray(grey, "rgb24")


def write_video(
    path: Path,
    frames: int = 100,
    *,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    fps: int = 25,
    size: tuple[int, int] = (128, 96),
    rotation: float = 0.0,
) -> Path:
    """Frames of rising grey; the container follows from the name."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=fps, options=options or {})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if rotation:
            stream.set_display_rotation(rotation)
        for index in range(frames):
            frame = picture(index, size)
            frame.pts = index
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def write_changing(path: Path, sizes: list[tuple[int, int]], frames: int = 50) -> Path:
    """A transport stream in which the size of the video changes, as when somebody changes a camera's settings."""
    with av.open(str(path), "w") as file:
        file_stream = None
        for part, size in enumerate(sizes):
            encoder = av.CodecContext.create("libx264", "w")
            assert isinstance(encoder, av.video.codeccontext.VideoCodecContext)
            encoder.width, encoder.height, encoder.pix_fmt = *size, "yuv420p"
            encoder.framerate, encoder.options = (
                Fraction(25),
                {"preset": "ultrafast", "x264-params": "keyint=25:threads=1"},
            )
            if file_stream is None:
                file_stream = file.add_mux_stream("h264", rate=25, width=size[0], height=size[1])
            for index in [*range(frames), None]:
                frame = None if index is None else picture(index, size)
                if frame is not None and index is not None:
                    frame.pts = part * frames + index
                for packet in encoder.encode(frame):
                    packet.stream = file_stream
                    file.mux(packet)
    return path
