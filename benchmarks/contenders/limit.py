"""The machine's own limit: what a frame costs one thread with nothing else at work, and all cores doing only that."""

import time
from itertools import islice
from typing import NamedTuple

import cv2

from benchmarks.contenders.subject import Subject
from edge_daemon.bench.survey import usable_cores
from edge_daemon.imaging.annotation import annotate
from edge_daemon.imaging.codecs import encode_rgb
from edge_daemon.imaging.colour import bgr_to_rgb
from edge_daemon.worker.report import report

MOST = 1500


class Costs(NamedTuple):
    """CPU milliseconds of a frame: decoding, the model with what is before and after it, drawing and encoding JPEG."""

    decode: float
    model: float
    draw: float
    encode: float

    @property
    def fps(self) -> float:
        """Frames a second of all cores, if nobody watches."""
        return 1e3 * usable_cores() / (self.decode + self.model)

    @property
    def watched_fps(self) -> float:
        """Frames a second of all cores, if each is drawn into and encoded too."""
        return 1e3 * usable_cores() / sum(self)


def measure(subject: Subject) -> Costs:
    """All of it in one thread, over the clip or the first minute of it."""
    cv2.setNumThreads(1)
    detector, frames = subject.detector(1), islice(subject.frames(1), MOST)
    spent, count = [0.0] * 4, 0
    while True:
        times = [time.process_time()]
        bgr = next(frames, None)
        if bgr is None:
            return Costs(*(1e3 * one / count for one in spent))
        times.append(time.process_time())
        findings, _ = detector.detect(bgr)
        times.append(time.process_time())
        rgb = bgr_to_rgb(bgr)
        annotate(rgb, report(findings, detector, bgr.shape[1], bgr.shape[0]))
        times.append(time.process_time())
        encode_rgb(rgb, "jpeg", 85)
        times.append(time.process_time())
        spent = [sum_ + after - before for sum_, before, after in zip(spent, times, times[1:], strict=False)]
        count += 1
