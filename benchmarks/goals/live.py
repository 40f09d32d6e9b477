"""Cameras in real time: files that are played at their own speed."""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.contenders.subject import Subject

WARM_S = 4.0
"""Processes start, and workers load their model."""


def played(subject: Subject, path: Path, fps: float, seconds: float) -> Subject:
    """The clip again and again, for so long, as a file of its own (MPEG-4)."""
    frames: Iterator[NDArray[np.uint8]] = chain.from_iterable(one.frames() for one in repeat(subject))
    first = next(frames)
    size = first.shape[1], first.shape[0]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
    for _ in range(round(fps * (seconds + 2 * WARM_S))):
        writer.write(next(frames))
    writer.release()
    return Subject(str(path), subject.model)


def config(subject: Subject, cameras: int, workers: int, web: str | None = None) -> dict[str, Any]:
    """So many live cameras, and the page at the address `web`, if any."""
    return {
        "cameras": {f"c{n}": {"source": subject.clip, "delivery": "live"} for n in range(cameras)},
        "models": {"m": {"path": subject.model, "workers": workers}},
        "web": {"listen": web} if web else {"enabled": False},
    }


def age_ms(result: dict[str, Any]) -> float:
    """How old a frame was when its result was heard."""
    return 1e3 * (result["heard"] - datetime.fromisoformat(result["captured_at"]).timestamp())
