"""Non-maximum suppression against its definition."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_daemon.models.detections import Detections
from edge_daemon.models.nms import nms

# Whole numbers, so that an IoU is never a rounding error away from the threshold below.
EDGES = st.integers(-50, 50)
SIDES = st.integers(1, 60)
BOXES = st.lists(st.tuples(EDGES, EDGES, SIDES, SIDES, st.integers(0, 2)), max_size=30)
IOU = 0.4503


def found_from(rows: list[tuple[int, int, int, int, int]], seed: int) -> Detections:
    xyxy = np.array([(x, y, x + w, y + h) for x, y, w, h, _ in rows], np.float32).reshape(-1, 4)
    confidence = np.random.default_rng(seed).permutation(np.linspace(0.4, 0.9, len(rows))).astype(np.float32)
    return Detections(xyxy, confidence, np.array([row[4] for row in rows], np.int32))


def iou(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(float(width), 0) * max(float(height), 0)
    areas = float((a[2] - a[0]) * (a[3] - a[1])), float((b[2] - b[0]) * (b[3] - b[1]))
    return shared / (sum(areas) - shared)


@given(BOXES, st.integers(0, 2**16))
def test_it_is_greedy_by_class(rows: list[tuple[int, int, int, int, int]], seed: int) -> None:
    found = found_from(rows, seed)
    expected: list[int] = []
    for i in np.argsort(-found.confidence):
        rivals = (k for k in expected if found.class_id[k] == found.class_id[i])
        if all(iou(found.xyxy[i], found.xyxy[k]) <= IOU for k in rivals):
            expected.append(int(i))
    kept = nms(found, IOU)
    np.testing.assert_array_equal(kept.xyxy, found.xyxy[expected].reshape(-1, 4))
    np.testing.assert_array_equal(kept.confidence, found.confidence[expected])
    np.testing.assert_array_equal(kept.class_id, found.class_id[expected])


def test_classes_stay_apart_where_coordinates_are_negative() -> None:
    # Moved apart by the largest coordinate alone, the second would come to lie on the first.
    found = Detections(
        np.array([[0, 0, 100, 100], [-101, -101, -1, -1]], np.float32),
        np.array([0.9, 0.8], np.float32),
        np.array([0, 1], np.int32),
    )
    assert len(nms(found, 0.45)) == 2


def test_nothing_stays_nothing() -> None:
    assert len(nms(Detections.none(), 0.45)) == 0


def test_columns_keep_their_types() -> None:
    kept = nms(found_from([(0, 0, 10, 10, 0), (1, 0, 10, 10, 0), (30, 30, 9, 9, 0)], 0), 0.45)
    assert len(kept) == 2
    columns = (kept.xyxy, kept.confidence, kept.class_id)
    assert [column.dtype.name for column in columns] == ["float32", "float32", "int32"]
