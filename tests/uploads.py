"""Bodies of requests with pictures, as clients of the web send them, and what is decoded from them."""

import io
from typing import Any

import numpy as np
from PIL import Image

from edge_daemon.web.tasks import Decoded, Task

MAX_PIXELS, MAX_BYTES = 64_000_000, 32 << 20
NOISE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
"""A picture: RGB, uint8, 48 x 64 x 3."""
Result = tuple[Decoded, memoryview]


def task(kind: Any = "file", **more: Any) -> Task:
    return Task(kind=kind, **{"max_pixels": MAX_PIXELS, **more})


def file(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    """The bytes of a picture file."""
    buffer = io.BytesIO()
    (image or Image.fromarray(NOISE)).save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(result: Result) -> np.ndarray[Any, Any]:
    """The decoded pixels (BGR, uint8, height x width x 3)."""
    described, data = result
    width, height = described.scaled or (described.width, described.height)
    return np.frombuffer(data, np.uint8).reshape(height, width, 3)
