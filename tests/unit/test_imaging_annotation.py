"""Every kind of finding is drawn, of the whole picture or in a detection of another model."""

from typing import Any

import numpy as np
import pytest

from edge_daemon.imaging import rle
from edge_daemon.imaging.annotation import annotate
from edge_daemon.imaging.colour import Pixels
from edge_daemon.messages.findings import Detection, Found, PictureClass, Rle, Segment, Text, Value

POINTS = [(60.0, 40.0, 0.9), (100.0, 90.0, 0.8)]
FINDINGS: dict[str, dict[str, Any]] = {
    "classes": {"classes": [PictureClass(class_id=1, class_name="red", confidence=0.9)]},
    "keypoints": {"keypoints": POINTS, "skeleton": "points2"},
    "text": {"text": Text(text="AB123", confidence=0.9)},
    "values": {"values": [Value(name="age", value=34.0)]},
}
PARENT: dict[str, Any] = {
    "xyxy": (20.0, 30.0, 140.0, 110.0),
    "confidence": 0.9,
    "class_id": 0,
    "class_name": "",
    "parent": 0,
}


def drawn(found: Found) -> Pixels:
    rgb = np.zeros((160, 240, 3), np.uint8)
    annotate(rgb, found)
    return rgb


@pytest.mark.parametrize("kind", FINDINGS)
def test_findings_of_the_whole_picture(kind: str) -> None:
    assert drawn(Found(**FINDINGS[kind])).any()


@pytest.mark.parametrize("kind", FINDINGS)
def test_findings_in_a_detection(kind: str) -> None:
    bare = drawn(Found(detections=[Detection(**PARENT, detections=[Detection(**PARENT)])]))
    assert (drawn(Found(detections=[Detection(**PARENT, **FINDINGS[kind])])) != bare).any()


def test_an_age_is_drawn_beside_the_class() -> None:
    both = drawn(Found(detections=[Detection(**PARENT, **FINDINGS["classes"], **FINDINGS["values"])]))
    for kind in ("classes", "values"):
        assert (drawn(Found(detections=[Detection(**PARENT, **FINDINGS[kind])])) != both).any()


def test_classes_of_pixels_are_drawn_where_they_are() -> None:
    upper = np.zeros((160, 240), np.uint8)
    upper[:80] = 1
    mask = Rle(size=(160, 240), counts=rle.encode(upper, 0, 0, 240, 160))
    rgb = drawn(Found(segments=[Segment(class_id=3, class_name="road", area=0.5, mask=mask)]))
    assert rgb[:80].any(axis=2).all()
    assert not rgb[80:].any()
