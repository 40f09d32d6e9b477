"""Milliseconds of every drawing and of the encoding of masks, on a frame of 1280 x 720: the median of many.

python benchmarks/drawing.py
"""

import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np

from edge_daemon.imaging.drawing import draw_boxes, draw_classes, draw_polygons
from edge_daemon.imaging.keypoints import draw_keypoints
from edge_daemon.imaging.masks import draw_label_map, draw_masks
from edge_daemon.imaging.rle import area, decode, encode

WIDTH, HEIGHT = 1280, 720
ROUNDS = 60


def median_ms(work: Callable[[], object]) -> float:
    work()
    spent = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return 1000 * statistics.median(spent)


def main() -> None:
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    blob = np.hypot(*np.mgrid[-1:1:300j, -1:1:200j]) < 0.95
    corners = rng.uniform(0, 1, (10, 2)) * (WIDTH - 200, HEIGHT - 300)
    masks = [(int(x), int(y), blob) for x, y in corners]
    boxes = np.hstack([corners, corners + np.array([200, 300])])
    tilted = corners[:, None] + np.array([[100, 0], [200, 100], [100, 300], [0, 200]])
    people = rng.uniform(0, 1, (10, 17, 2)) * (200, 300) + corners[:, None]
    keypoints = np.concatenate([people, np.ones((10, 17, 1))], axis=2)
    classes, captions = list(range(10)), [f"person 0.{number}" for number in range(10, 20)]
    label_map = np.kron(rng.integers(0, 20, (9, 16), np.uint8), np.ones((80, 80), np.uint8))
    counts = encode(blob, 500, 200, WIDTH, HEIGHT)
    for name, work in {
        "draw_boxes, 10": lambda: draw_boxes(rgb, boxes, classes, captions),
        "draw_polygons, 10": lambda: draw_polygons(rgb, tilted, classes, captions),
        "draw_masks, 10 of 200x300": lambda: draw_masks(rgb, masks, classes),
        "draw_keypoints, 10 bodies": lambda: draw_keypoints(rgb, keypoints, "coco17"),
        "draw_classes, 5": lambda: draw_classes(rgb, captions[:5], classes[:5]),
        "draw_label_map": lambda: draw_label_map(rgb, label_map),
        "draw_label_map, no background": lambda: draw_label_map(rgb, label_map, None),
        "rle.encode, 200x300": lambda: encode(blob, 500, 200, WIDTH, HEIGHT),
        "rle.encode, 1280x720": lambda: encode(label_map, 0, 0, WIDTH, HEIGHT),
        "rle.decode, 200x300 in 1280x720": lambda: decode(counts, WIDTH, HEIGHT),
        "rle.area, 200x300": lambda: area(counts),
    }.items():
        print(f"{median_ms(work):8.3f} ms  {name}")


if __name__ == "__main__":
    main()
