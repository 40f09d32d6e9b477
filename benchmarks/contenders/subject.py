"""The clip and the model that all contenders get, read and run in the same way."""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_daemon.models.model import Model
from edge_daemon.settings import ModelSettings


class Subject(NamedTuple):
    """Paths; the model's may be builtin:NAME."""

    clip: str
    model: str

    def frames(self, threads: int | None = None) -> Iterator[NDArray[np.uint8]]:
        """Every frame (BGR), decoded in so many threads; None leaves that to FFmpeg."""
        options = [] if threads is None else [cv2.CAP_PROP_N_THREADS, threads]
        capture = cv2.VideoCapture(self.clip, cv2.CAP_FFMPEG, options)
        while (read := capture.read())[0]:
            yield np.asarray(read[1], np.uint8)

    def detector(self, threads: int = 0) -> Model:
        """The model with what the daemon does before and after it; 0 leaves the number of threads to ONNX Runtime."""
        return Model(ModelSettings(name="m", path=self.model, threads=threads))
