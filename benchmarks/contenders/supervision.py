"""Roboflow's supervision: its generator of frames, and detections as it keeps them."""

import time
from collections.abc import Iterator

import supervision as sv

from benchmarks.contenders.subject import Subject


def results(subject: Subject) -> Iterator[float]:
    """A loop as its examples have it."""
    detector = subject.detector()
    for bgr in sv.get_video_frames_generator(subject.clip):
        began = time.perf_counter()
        found = detector.detect(bgr)[0].detections
        sv.Detections(xyxy=found.xyxy, confidence=found.confidence, class_id=found.class_id)
        yield 1e3 * (time.perf_counter() - began)
