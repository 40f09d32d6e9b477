"""The findings of several models are drawn on one picture."""

from typing import Any

import numpy as np
import pytest

from edge_daemon.imaging import rle
from edge_daemon.imaging.codecs import decode_bgr
from edge_daemon.messages.findings import Detection, Found, Rle, Segment
from edge_daemon.messages.frames import Frame
from edge_daemon.messages.outcomes import Outcome
from edge_daemon.messages.published import Drawn
from edge_daemon.sink.annotator import Annotator
from edge_daemon.sink.reorder_buffer import Arrival


def test_findings_of_another_model_in_a_picture_of_another_size_are_not_drawn() -> None:
    def arrival(side: int, found: Found) -> Arrival:
        frame = Frame(camera="c", epoch=1, seq=0, captured_ns=0, captured_at="", width=side, height=side, codec="raw")
        outcome = Outcome(frame=frame, model="n", worker="n-0", found=found)
        return Arrival(outcome, bytes(3 * side * side), 0)

    mask = Rle(size=(64, 64), counts=rle.encode(np.ones((64, 64), np.uint8), 0, 0, 64, 64))
    annotator = Annotator(85)
    annotator.note(arrival(64, Found(segments=[Segment(class_id=1, class_name="road", area=1.0, mask=mask)])))
    bare = decode_bgr(Annotator(85).jpeg(arrival(32, Found()), [])[0], "jpeg", 32, 32)
    assert np.array_equal(decode_bgr(annotator.jpeg(arrival(32, Found()), ["n"])[0], "jpeg", 32, 32), bare)
    assert decode_bgr(annotator.jpeg(arrival(64, Found()), ["n"])[0], "jpeg", 64, 64).max() > 0


BOX = Detection(xyxy=(20, 20, 180, 180), confidence=0.9, class_id=0, class_name="person")
SIDE = 200


def look(seq: int, time_s: float, *detections: Detection, epoch: int = 1) -> Arrival:
    frame = Frame(
        camera="c",
        epoch=epoch,
        seq=seq,
        captured_ns=0,
        captured_at="",
        time_s=time_s,
        width=SIDE,
        height=SIDE,
        codec="raw",
    )
    outcome = Outcome(frame=frame, model="n", worker="n-0", found=Found(detections=list(detections)))
    return Arrival(outcome, bytes(3 * SIDE * SIDE), 0)


def left_edge(jpeg: bytes) -> Any:
    """Brightness along the left side of the box, between its corners."""
    return np.amax(decode_bgr(jpeg, "jpeg", SIDE, SIDE)[60:170, 20], axis=-1)


def test_findings_in_the_same_picture_are_drawn_as_they_are_and_listed() -> None:
    annotator = Annotator(95)
    for seq in (3, 4, 5):  # a faster model has looked at later pictures already
        annotator.note(look(seq, seq / 10, BOX))
    jpeg, drawn = annotator.jpeg(look(4, 0.4), ["n"])
    assert drawn == [Drawn(model="n", seq=4, detections=[BOX])]
    assert left_edge(jpeg).min() > 100


def test_older_findings_are_dashed_and_say_how_old_they_are() -> None:
    annotator = Annotator(95)
    annotator.note(look(3, 0.3, BOX))
    jpeg, drawn = annotator.jpeg(look(8, 0.8), ["n"])
    assert drawn == [Drawn(model="n", seq=3, age_ms=500.0, detections=[BOX])]
    edge = left_edge(jpeg)
    assert edge.min() < 60, "there are gaps"
    assert edge.max() > 100


@pytest.mark.parametrize("frame", [look(30, 3.0), look(8, 0.8, epoch=2), look(2, 0.2)])
def test_findings_that_are_too_old_newer_or_of_another_epoch_are_not_drawn(frame: Arrival) -> None:
    annotator = Annotator(95)
    annotator.note(look(3, 0.3, BOX))
    jpeg, drawn = annotator.jpeg(frame, ["n"])
    assert drawn == []
    assert left_edge(jpeg).max() < 30
