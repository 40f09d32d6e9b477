"""The findings of several models are drawn on one picture."""

import numpy as np

from edge_daemon.imaging import rle
from edge_daemon.imaging.codecs import decode_bgr
from edge_daemon.messages.findings import Found, Rle, Segment
from edge_daemon.messages.frames import Frame
from edge_daemon.messages.outcomes import Outcome
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
    bare = decode_bgr(Annotator(85).jpeg(arrival(32, Found()), []), "jpeg", 32, 32)
    assert np.array_equal(decode_bgr(annotator.jpeg(arrival(32, Found()), ["n"]), "jpeg", 32, 32), bare)
    assert decode_bgr(annotator.jpeg(arrival(64, Found()), ["n"]), "jpeg", 64, 64).max() > 0
