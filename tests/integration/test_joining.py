"""Joined videos: each moment once, in order, and what is missing."""

from pathlib import Path

import av
import numpy as np
import pytest

from edge_daemon.errors import SourceError
from edge_daemon.media.joining import Piece, gaps, join, length_of, stream

FPS, KEYS = 10, 10


def clip(path: Path, start: int, frames: int, width: int = 64) -> Piece:
    """A clip with B-frames and a key frame each second, whose frames are as bright as they are late."""
    options = {"x264-params": f"bframes=2:keyint={KEYS}:scenecut=0"}
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=FPS, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, 64, "yuv420p"
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((64, width, 3), 2 * (start + index), np.uint8), "rgb24")
            frame.pts = index
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return Piece(path, 1000 + start / FPS, 1000 + (start + frames) / FPS)


def levels(path: Path) -> list[int]:
    """The brightness of each frame, as its number."""
    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
    assert [float(one.time or 0) for one in frames] == pytest.approx([n / FPS for n in range(len(frames))], abs=0.01)
    return [round(float(one.to_ndarray(format="rgb24").mean()) / 2) for one in frames]


def near(found: list[int], expected: list[int]) -> bool:
    return len(found) == len(expected) and all(abs(a - b) <= 1 for a, b in zip(found, expected, strict=True))


def test_pieces_that_overlap_and_leave_gaps_are_one_video(tmp_path: Path) -> None:
    pieces = [clip(tmp_path / f"{start}.mp4", start, frames) for start, frames in ((60, 30), (0, 30), (20, 20))]
    (made,) = join(pieces, 1000.0, 1010.0, tmp_path / "yard.mp4")
    # The second begins at its own key frame at 2.0 s; what the first has already is there from 3.0 s on.
    assert near(levels(made.path), [*range(40), *range(60, 90)])
    assert [(round(one.start_s - 1000, 1), round(one.end_s - 1000, 1), round(one.at_s, 1)) for one in made.parts] == [
        (0.0, 3.0, 0.0),
        (3.0, 4.0, 3.0),
        (6.0, 9.0, 4.0),
    ]
    missing = [(round(start - 1000, 1), round(end - 1000, 1)) for start, end in gaps(made.parts, 1000.0, 1010.0)]
    assert missing == [(4.0, 6.0), (9.0, 10.0)]


def test_a_range_begins_with_the_key_frame_before_it(tmp_path: Path) -> None:
    (made,) = join([clip(tmp_path / "a.mp4", 0, 50)], 1001.5, 1003.0, tmp_path / "yard.mp4")
    found = levels(made.path)
    assert near(found[:1], [10])
    assert 28 <= found[-1] <= 33, "as far as frames are decoded out of order"


def test_other_parameters_begin_another_file(tmp_path: Path) -> None:
    pieces = [clip(tmp_path / "a.mp4", 0, 20), clip(tmp_path / "b.mp4", 20, 20, width=96)]
    made = join(pieces, 1000.0, 1010.0, tmp_path / "yard.mp4")
    assert [one.path.name for one in made] == ["yard.mp4", "yard-2.mp4"]
    assert near(levels(made[1].path), list(range(20, 40)))


def test_nothing_and_rubbish(tmp_path: Path) -> None:
    assert join([], 0.0, 1.0, tmp_path / "yard.mp4") == []
    assert gaps([], 0.0, 1.0) == [(0.0, 1.0)]
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    with pytest.raises(SourceError):
        length_of(tmp_path / "bad.mp4")
    with pytest.raises(SourceError):
        join([Piece(tmp_path / "bad.mp4", 0.0, 1.0)], 0.0, 1.0, tmp_path / "yard.mp4")


def test_a_range_is_streamed_as_one_file_until_the_parameters_change(tmp_path: Path) -> None:
    pieces = [clip(tmp_path / "a.mp4", 0, 40), clip(tmp_path / "b.mp4", 30, 30), clip(tmp_path / "c.mp4", 60, 20, 128)]
    gone = Piece(tmp_path / "gone.mp4", 1001, 1002)
    (tmp_path / "all.mp4").write_bytes(b"".join(stream([*pieces, gone], 1001.0, 1010.0)))
    found = levels(tmp_path / "all.mp4")
    assert near(found, list(range(10, 60)))
