"""A video of the generated street, for measurements without a video of one's own."""

from pathlib import Path

import cv2

from edge_daemon.demo.scene.scene import Scene
from edge_daemon.errors import StartError

WIDTH, HEIGHT, FPS = 1280, 720, 25.0
FRAMES = 500


def write_clip(path: Path, frames: int = FRAMES) -> Path:
    """Write the video to `path` (MP4, MPEG-4, which every build of OpenCV can write; decoding H.264 costs about twice
    as much).

    Raises:
        StartError: the file cannot be written.
    """
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), FPS, (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise StartError(f"cannot write a video to {path}: name a video with --source")
    scene = Scene(seed=1, width=WIDTH, height=HEIGHT, people=6)
    for index in range(frames):
        writer.write(scene.frame(index, FPS)[0])
    writer.release()
    return path
