"""A model's findings as a message: rounded, with names, and with masks as run lengths."""

import math
import re
from collections.abc import Sequence
from itertools import compress
from typing import Any

import msgspec
import numpy as np

from edge_daemon.imaging import rle
from edge_daemon.imaging.skeletons import skeleton_of
from edge_daemon.messages.findings import Detection, Found, PictureClass, Rle, Segment, Text, Value
from edge_daemon.messages.frames import Crop, ResultFilter
from edge_daemon.models import selection
from edge_daemon.models.detections import NO_CLASS, Class, Findings
from edge_daemon.models.model import Model

_NUMBERED = re.compile(r"class \d+")
"""A class without a name, as the model calls it."""


def report(findings: Findings, model: Model, width: int, height: int) -> Found:
    """Convert the `findings` in a picture of `width` x `height` to a message."""
    listed, sure = _detections(findings, model, width, height), model.sure(findings.detections)
    return Found(
        detections=list(compress(listed, sure)),
        unsure=list(compress(listed, ~sure)),
        classes=_classes(findings.classes, model),
        segments=_segments(findings, model, width, height),
        surest=_surest(findings, model),
        **_whole(findings, model),
    )


def unknown_class(by: ResultFilter, model: Model) -> str:
    """Sentence on a class that a client asks for and the model does not have; empty if there is none."""
    unknown = [name for name in by.classes or () if name not in model.names and not _NUMBERED.fullmatch(name)]
    return selection.unknown_class(unknown[0], "classes", model.names) if unknown else ""


def filtered(found: Found, by: ResultFilter | None) -> Found:
    """The part of `found` that a client asks for."""
    if by is None:
        return found

    def suits(one: Detection | PictureClass) -> bool:
        return one.confidence >= (by.confidence or 0.0) and (by.classes is None or one.class_name in by.classes)

    detections = sorted(filter(suits, found.detections), key=lambda one: -one.confidence)[: by.max_detections]
    classes = None if found.classes is None else list(filter(suits, found.classes))[: by.max_detections]
    known = [*found.detections, *found.unsure]
    surest = found.surest or (max(known, key=lambda one: one.confidence) if known else None)
    if detections or not surest or not (by.classes is None or surest.class_name in by.classes):
        surest = None
    segments = found.segments
    if segments is not None and by.classes is not None:
        segments = [one for one in segments if one.class_name in by.classes]
    return msgspec.structs.replace(
        found, detections=detections, unsure=[], classes=classes, segments=segments, surest=surest and _as_class(surest)
    )


def report_crops(crops: Sequence[Crop], each: Sequence[Findings], model: Model, width: int, height: int) -> Found:
    """Convert the findings in each of `crops` to a message: in pixels of the whole picture, with the crop's box."""
    joined = []
    for crop, findings in zip(crops, each, strict=True):
        whole = _whole(findings, model)
        has_boxes = findings.classes is None and not whole
        joined.append(
            Detection(
                xyxy=crop.xyxy,
                confidence=crop.confidence,
                class_id=crop.class_id,
                class_name=crop.class_name,
                parent=crop.index,
                classes=_classes(findings.classes, model),
                detections=_detections(findings, model, width, height) if has_boxes else None,
                **whole,
            )
        )
    return Found(detections=joined)


def crops_of(found: Found) -> list[Crop]:
    """Crops for the models that come after this one, each with its number in the result."""
    listed = [inner for one in found.detections for inner in (one.detections if one.detections is not None else [one])]
    return [
        Crop(
            index=index,
            xyxy=one.xyxy,
            confidence=one.confidence,
            class_id=one.class_id,
            class_name=one.class_name,
        )
        for index, one in enumerate(listed)
    ]


def _whole(findings: Findings, model: Model) -> dict[str, Any]:
    """The findings of the whole picture besides classes and segments, by field."""
    found: dict[str, Any] = {}
    if findings.embedding is not None:
        found["embedding"] = _numbers(findings.embedding, 6)
    if findings.keypoints is not None:
        found["keypoints"] = _numbers(findings.keypoints, 2)
        found["skeleton"] = model.decoder.skeleton or skeleton_of(len(findings.keypoints))
    if findings.values is not None:
        found["values"] = [Value(name=name, value=round(value, 4)) for name, value in findings.values]
    if findings.text is not None:
        text, confidence = findings.text
        found["text"] = Text(text=text, confidence=round(confidence, 4))
    return found


def _detections(findings: Findings, model: Model, width: int, height: int) -> list[Detection]:
    found = findings.detections
    boxes, confidences = _numbers(found.xyxy, 2), _numbers(found.confidence, 4)
    listed = []
    for row, class_id in enumerate(found.class_id.tolist()):
        more: dict[str, Any] = {}
        if found.keypoints is not None:
            more["keypoints"] = _numbers(found.keypoints[row], 2)
            more["skeleton"] = model.decoder.skeleton or skeleton_of(found.keypoints.shape[1])
        if found.corners is not None:
            (x1, y1), (x2, y2) = found.corners[row, :2].tolist()
            more["corners"] = _numbers(found.corners[row], 2)
            more["angle"] = round(math.atan2(y2 - y1, x2 - x1), 4)
        if found.masks is not None:
            mask = found.masks[row]
            counts = rle.encode(mask.shape, mask.left, mask.top, width, height)
            more["mask"] = Rle(size=(height, width), counts=counts)
        listed.append(
            Detection(
                xyxy=tuple(boxes[row]),
                confidence=confidences[row],
                class_id=class_id,
                class_name=model.name_of(class_id),
                **more,
            )
        )
    return listed


def _surest(findings: Findings, model: Model) -> PictureClass | None:
    return None if findings.surest is None else (_classes([findings.surest], model) or [])[0]


def _as_class(one: Detection | PictureClass) -> PictureClass:
    return PictureClass(class_id=one.class_id, class_name=one.class_name, confidence=one.confidence)


def _classes(classes: Sequence[Class] | None, model: Model) -> list[PictureClass] | None:
    if classes is None:
        return None
    return [
        PictureClass(
            class_id=one.class_id,
            class_name=model.name_of(one.class_id),
            confidence=round(one.confidence, 4),
        )
        for one in classes
    ]


def _segments(findings: Findings, model: Model, width: int, height: int) -> list[Segment] | None:
    """The part of the picture that each class covers, in order of class number."""
    label_map = findings.label_map
    if label_map is None:
        return None
    counts = np.bincount(label_map.ravel(), minlength=1)
    return [
        Segment(
            class_id=class_id,
            class_name=model.name_of(class_id),
            area=round(int(counts[class_id]) / label_map.size, 6),
            mask=Rle(size=(height, width), counts=rle.encode(label_map == class_id, 0, 0, width, height)),
        )
        for class_id in np.flatnonzero(counts).tolist()
        if class_id != NO_CLASS
    ]


def _numbers(values: Any, digits: int) -> Any:
    """Convert an array of any shape to nested lists, rounded as decimals: 0.91, where float32 has 0.91000003."""
    return np.round(np.asarray(values, np.float64), digits).tolist()
