"""Compares detections with others of the same picture: those of another export of the model, or the truth."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_daemon.errors import PictureError

Detection = Mapping[str, Any]
ALIKE = 0.5
"""IoU from which two detections are of the same thing."""


@dataclass
class Figures:
    """Sums over all pictures: detections, those that have their like, and differences of the pairs."""

    found: int = 0
    expected: int = 0
    alike: int = 0
    iou: float = 0.0
    worst_iou: float = 1.0
    score: float = 0.0
    worst_score: float = 0.0
    scored: int = 0

    def add(self, found: Sequence[Detection], expected: Sequence[Detection]) -> None:
        """Take in one picture. Each expected detection is matched with at most one of its class."""
        self.found += len(found)
        self.expected += len(expected)
        left = list(found)
        for one in expected:
            overlaps = [
                (iou(one["xyxy"], other["xyxy"]), number) for number, other in enumerate(left) if same(one, other)
            ]
            best, number = max(overlaps, default=(0.0, -1))
            if best >= ALIKE:
                self._pair(left.pop(number), one, best)

    def _pair(self, found: Detection, expected: Detection, overlap: float) -> None:
        self.alike += 1
        self.iou += overlap
        self.worst_iou = min(self.worst_iou, overlap)
        if "confidence" in expected:
            apart = abs(found["confidence"] - expected["confidence"])
            self.scored += 1
            self.score += apart
            self.worst_score = max(self.worst_score, apart)

    def facts(self) -> dict[str, Any]:
        """Precision, recall, and mean and worst of IoU and difference of scores; None without any pair."""
        pairs = self.alike
        return {
            "found": self.found,
            "expected": self.expected,
            "precision": round(pairs / self.found, 4) if self.found else None,
            "recall": round(pairs / self.expected, 4) if self.expected else None,
            "mean_iou": round(self.iou / pairs, 4) if pairs else None,
            "worst_iou": round(self.worst_iou, 4) if pairs else None,
            "mean_score_difference": round(self.score / self.scored, 4) if self.scored else None,
            "worst_score_difference": round(self.worst_score, 4) if self.scored else None,
        }


def same(one: Detection, other: Detection) -> bool:
    """True if two detections have the same class: by name if both have one, else by number; any if one has neither."""
    for key in ("class_name", "class_id"):
        if key in one and key in other:
            return bool(one[key] == other[key])
    return True


def iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(width, 0.0) * max(height, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return both / (areas - both) if areas > both else 0.0


def truth_of(path: str, pictures: Sequence[str]) -> list[list[Detection]]:
    """The expected detections of each picture in a JSON file: `{"detections": [...]}` for one picture, or an object
    with these by name of the picture. A detection has `xyxy`, and may have `class_name` or `class_id`, and
    `confidence`.

    Raises:
        PictureError: the file cannot be read, or lacks a picture.
    """
    try:
        loaded = json.loads(Path(path).read_bytes())
        if "detections" in loaded:
            loaded = {Path(pictures[0]).name: loaded} if len(pictures) == 1 else {}
        return [_detections(loaded, picture) for picture in pictures]
    except OSError as error:
        raise PictureError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PictureError(f"{path} is not a JSON file of expected detections for these pictures ({error})") from error


def _detections(truth: Mapping[str, Any], picture: str) -> list[Detection]:
    name = Path(picture)
    entry = truth[name.name] if name.name in truth else truth[name.stem]
    listed = entry["detections"] if isinstance(entry, Mapping) else entry
    for one in listed:
        if len(one["xyxy"]) != 4:
            raise ValueError("`xyxy` needs four numbers")
    return list(listed)
