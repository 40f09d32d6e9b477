"""Video files as tests need them, made by FFmpeg's encoders: B-frames, open GOPs, parameters that change."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

B_FRAMES = {"x264-params": "bframes=3:b-adapt=0:keyint=25:min-keyint=25:scenecut=0:threads=1:sliced-threads=0"}
OPEN_GOP = {"x264-params": B_FRAMES["x264-params"] + ":open-gop=1"}
HEVC = {"x265-params": "bframes=3:keyint=25:min-keyint=25:scenecut=0:open-gop=1:log-level=none:pools=1"}
LEVELS = 100
SOUND_HZ = 48_000


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
    sound: str | None = None,
) -> Path:
    """Frames of rising grey, and a tone in the codec `sound`; the container follows from the name."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=fps, options=options or {})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if rotation:
            stream.set_display_rotation(rotation)
        heard = file.add_stream(sound, rate=SOUND_HZ) if sound else None
        for index in range(frames):
            frame = picture(index, size)
            frame.pts = index
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if heard is not None:
            assert isinstance(heard, av.AudioStream)
            for part in tone(frames / fps):
                file.mux(heard.encode(part))
            file.mux(heard.encode(None))
    return path


def tone(seconds: float) -> Iterator[av.AudioFrame]:
    """A tone that becomes louder, so that no two parts of it are alike."""
    for first in range(0, round(seconds * SOUND_HZ), 1024):
        at = np.arange(first, first + 1024) / SOUND_HZ
        samples = (np.sin(2 * np.pi * 440 * at) * at / (2 * seconds)).astype(np.float32)
        part = av.AudioFrame.from_ndarray(samples[None], "fltp", "mono")
        part.sample_rate, part.pts, part.time_base = SOUND_HZ, first, Fraction(1, SOUND_HZ)
        yield part


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
