"""Draws a whole result into its picture."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_daemon.imaging import rle
from edge_daemon.imaging.colour import Pixels
from edge_daemon.imaging.drawing import draw_boxes, draw_classes, draw_polygons
from edge_daemon.imaging.keypoints import draw_keypoints
from edge_daemon.imaging.masks import draw_label_map, draw_masks
from edge_daemon.messages.findings import Detection, Found, Rle


def annotate(rgb: Pixels, found: Found, *, model: str | None = None, age_s: float | None = None) -> None:
    """Draw findings into a writable RGB picture (uint8, height x width x 3): maps first, captions last. Captions begin
    with the name of the `model`, if given. Findings in an earlier picture, `age_s` older, are drawn as dashed boxes
    alone.
    """
    if age_s is not None:
        _annotate_old(rgb, found, model or "", age_s)
        return
    listed = [shown for one in found.detections for shown in _shown(one)]
    if found.segments:
        label_map = np.zeros(rgb.shape[:2], np.uint8)
        for segment in found.segments:
            label_map[_pixels(segment.mask) > 0] = segment.class_id
        draw_label_map(rgb, label_map)
    _draw_masks(rgb, [one for one in listed if one.mask])
    upright = [one for one in listed if one.corners is None]
    draw_boxes(rgb, np.array([one.xyxy for one in upright], np.float32), _ids(upright), _captions(upright, model))
    turned = [one for one in listed if one.corners is not None]
    draw_polygons(rgb, np.array([one.corners for one in turned], np.float32), _ids(turned), _captions(turned, model))
    for one in listed:
        if one.keypoints:
            draw_keypoints(rgb, np.array([one.keypoints], np.float32), one.skeleton or "")
    if found.keypoints:
        draw_keypoints(rgb, np.array([found.keypoints], np.float32), found.skeleton or "")
    lines = [(f"{one.class_name} {one.confidence:.2f}", one.class_id) for one in found.classes or ()]
    lines += [(line, 0) for line in _words(found)]
    if lines:
        draw_classes(rgb, [_prefix(model) + caption for caption, _ in lines], [number for _, number in lines])


def _words(found: Found | Detection) -> list[str]:
    """Text and numbers of a result as captions."""
    read = [found.text.text] if found.text and found.text.text else []
    return [*read, *(f"{one.name} {one.value:g}" for one in found.values or ())]


def _annotate_old(rgb: Pixels, found: Found, model: str, age_s: float) -> None:
    listed = [shown for one in found.detections for shown in _shown(one)]
    captions = [f"{_prefix(model)}{one.class_name}, {age_s:.1f} s ago" for one in listed]
    draw_boxes(rgb, np.array([one.xyxy for one in listed], np.float32), _ids(listed), captions, dashed=True)


def _shown(one: Detection) -> list[Detection]:
    """The detections to draw for one: itself, or those of the models that ran after it."""
    if one.parent is None or one.keypoints:
        return [one]
    best = one.classes[0] if one.classes else None
    if words := _words(one):
        names = [best.class_name, *words] if best else words
        confidence = one.text.confidence if one.text else best.confidence if best else one.confidence
        return [msgspec.structs.replace(one, class_name=", ".join(names), confidence=confidence)]
    if best:
        named = {"class_id": best.class_id, "class_name": best.class_name, "confidence": best.confidence}
        return [msgspec.structs.replace(one, **named)]
    return one.detections or []


def _draw_masks(rgb: Pixels, masked: Sequence[Detection]) -> None:
    crops = []
    for one in masked:
        if one.mask:
            left, top = (max(0, int(edge)) for edge in one.xyxy[:2])
            right, bottom = (int(edge) + 1 for edge in one.xyxy[2:])
            crops.append((left, top, _pixels(one.mask)[top:bottom, left:right]))
    draw_masks(rgb, crops, _ids(masked))


def _pixels(mask: Rle) -> NDArray[np.uint8]:
    height, width = mask.size
    return rle.decode(mask.counts, width, height)


def _ids(detections: Sequence[Detection]) -> list[int]:
    return [one.class_id for one in detections]


def _captions(detections: Sequence[Detection], model: str | None) -> list[str]:
    return [f"{_prefix(model)}{one.class_name}{_number(one)} {one.confidence:.2f}" for one in detections]


def _number(one: Detection) -> str:
    return f" #{one.tracker_id}" if one.tracker_id else ""


def _prefix(model: str | None) -> str:
    return f"{model}: " if model else ""
