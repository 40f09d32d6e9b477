"""What one writes first: a loop that reads and detects, and a loop whose reading has a thread of its own."""

import queue
import threading
import time
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.contenders.subject import Subject

Item = tuple[float, NDArray[np.uint8]] | None


def one_thread(subject: Subject) -> Iterator[float]:
    """Read and detect in one thread, and no library has another."""
    cv2.setNumThreads(1)
    yield from _loop(subject, 1, 1)


def default_threads(subject: Subject) -> Iterator[float]:
    """Read and detect in a loop, and let FFmpeg, OpenCV and ONNX Runtime have threads as they like."""
    yield from _loop(subject, None, 0)


def _loop(subject: Subject, decoder_threads: int | None, model_threads: int) -> Iterator[float]:
    detector = subject.detector(model_threads)
    for bgr in subject.frames(decoder_threads):
        began = time.perf_counter()
        detector.detect(bgr)
        yield 1e3 * (time.perf_counter() - began)


def two_threads(subject: Subject) -> Iterator[float]:
    """One thread reads, another detects, and a short queue lies between."""
    detector, frames = subject.detector(), queue.Queue[Item](2)

    def read() -> None:
        for bgr in subject.frames():
            frames.put((time.perf_counter(), bgr))
        frames.put(None)

    threading.Thread(target=read, daemon=True).start()
    while item := frames.get():
        began, bgr = item
        detector.detect(bgr)
        yield 1e3 * (time.perf_counter() - began)
