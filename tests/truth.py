"""Compares how a model is read with what is true of it.

A truth is a JSON object: `kind` is `boxes`, `segments`, `classes`, `embedding`, `refuse` (there is no finding for such
a model) or `not_face` (nothing may be called a face); boxes are pixels of the model's input, and `input` is how its
trainers feed it. A reading is `right`, `said` (wrong, or perhaps wrong, with a note that names the key that settles
it), `refused`, or `silent`: wrong, and no note says that it may be.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import EdgeError
from edge_daemon.models.detections import Findings
from edge_daemon.models.model import Model
from edge_daemon.models.preprocess import Recipe, place
from edge_daemon.settings import InputSettings, ModelSettings

Truth = Mapping[str, Any]
Outcome = Literal["right", "said", "refused", "silent"]
NEAR, CLOSE = 0.9, 0.03
"""Smallest IoU and largest difference of scores of a detection that is right."""


@dataclass(frozen=True)
class Verdict:
    """The outcome, and how the reading differs from the truth."""

    outcome: Outcome
    detail: str = ""


def picture() -> NDArray[np.uint8]:
    """The picture that crafted models recognise: BGR, 480x640x3, the left half white, the right half black."""
    bgr = np.zeros((480, 640, 3), np.uint8)
    bgr[:, :320] = 255
    return bgr


def load(path: Path, truth: Truth, **more: Any) -> Model:
    """The model with the settings that its truth asks for."""
    asked = truth.get("settings") or {}
    fed = InputSettings(size=tuple(asked["size"]) if "size" in asked else None, layout=asked.get("layout"))
    settings = ModelSettings(
        name="m", path=str(path), input=fed, labels=truth.get("labels"), batch=truth.get("batch", 1), **more
    )
    return Model(settings)


def judged(path: Path, truth: Truth, **more: Any) -> Verdict:
    """Load and run a model, and compare its findings and its input with the truth."""
    try:
        model = load(path, truth, **more)
        findings, _ = model.detect(picture())
    except EdgeError as error:
        return Verdict("refused", str(error).partition("): ")[2])
    wrong = list(_CHECKS[truth["kind"]](model, findings, truth))
    notes = " ".join(model.notes)
    fed = fed_wrongly(model, truth)
    detail = "; ".join([*wrong, *fed])
    layout, names = ("`boxes", "`decoder"), ("`boxes", "`labels")
    if any(not _says(notes, names if one.startswith(("name", "class")) else layout) for one in wrong):
        return Verdict("silent", detail)
    if fed and not _says(notes, ("`input",)):
        return Verdict("silent", detail)
    return Verdict("said" if wrong or fed else "right", detail)


def _says(notes: str, keys: tuple[str, ...]) -> bool:
    return any(key in notes for key in keys)


def fed_wrongly(model: Model, truth: Truth) -> list[str]:
    """Differences between the values that the model gets for white and black, and those of its trainers."""
    true = truth.get("input")
    if not true:
        return []
    wrong = []
    for what, read in (("fit", model.recipe.fit), ("color", model.recipe.color)):
        if true.get(what, "any") not in ("any", read):
            wrong.append(f"{what} {read} for {true[what]}")
    if "scale" in true:
        theirs = Recipe(
            fit="stretch", color=model.recipe.color, scale=true["scale"],
            mean=_channels(true["mean"], model.recipe.color), std=_channels(true["std"], model.recipe.color),
        )  # fmt: skip
        for pixel in (255, 0):
            mine, right = (pixel * a + b for a, b in (model.recipe.factors(), theirs.factors()))
            if not np.allclose(mine, right, atol=max(0.02, 0.01 * float(abs(right).max()))):
                wrong.append(f"{pixel} is {mine.round(2).tolist()} for {right.round(2).tolist()}")
    return wrong


def _channels(values: list[float], color: str) -> tuple[float, ...]:
    return (sum(values) / len(values),) if color == "gray" else tuple(values)


def _boxes(model: Model, findings: Findings, truth: Truth) -> list[str]:
    found = findings.detections
    if len(found) != len(truth["boxes"]):
        return [f"{len(found)} found for {len(truth['boxes'])}"]
    # A wrong fit is reported for itself.
    placement = place((480, 640), model.size, model.recipe.fit)
    true = placement.to_source(np.asarray(truth["boxes"], np.float32).reshape(-1, 4))
    wrong = []
    for number, (box, kind, score) in enumerate(zip(true, truth["classes"], truth["scores"], strict=True)):
        ious = [iou(box, other) for other in found.xyxy]
        best = int(np.argmax(ious))
        if ious[best] < NEAR:
            wrong.append(f"thing {number}: best IoU {ious[best]:.2f}")
            continue
        if abs(found.confidence[best] - score) > CLOSE:
            wrong.append(f"score {found.confidence[best]:.2f} for {score}")
        mine = int(found.class_id[best])
        if truth.get("name_free"):
            if mine != kind:
                wrong.append(f"class {mine} for {kind}")
        elif model.name_of(mine) != truth["names"][number]:
            wrong.append(f"name {model.name_of(mine)!r} for {truth['names'][number]!r}")
    return wrong


def iou(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Intersection over union of two boxes (left, top, right, bottom)."""
    both = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None).prod()
    areas = (one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod()
    return float(both / max(areas - both, 1e-9))


def _segments(model: Model, findings: Findings, truth: Truth) -> list[str]:
    if findings.label_map is None:
        return [f"read as {model.decoder.name}"]
    upper, lower = findings.label_map[60, 320], findings.label_map[420, 320]
    if (upper, lower) != (truth["upper"], truth["lower"]):
        return [f"upper/lower {upper}/{lower} for {truth['upper']}/{truth['lower']}"]
    return []


def _classes(model: Model, findings: Findings, truth: Truth) -> list[str]:
    if not findings.classes:
        return [f"read as {model.decoder.name}"]
    top = findings.classes[0]
    if top.class_id != truth["top"] or abs(top.confidence - truth["share"]) > CLOSE:
        return [f"top {top.class_id} {top.confidence:.2f} for {truth['top']} {truth['share']}"]
    return []


def _embedding(model: Model, findings: Findings, truth: Truth) -> list[str]:
    if findings.embedding is None:
        return [f"read as {model.decoder.name}"]
    cosine = float(np.dot(findings.embedding, np.asarray(truth["vector"], np.float32)))
    return [] if math.isclose(cosine, 1, abs_tol=1e-3) else [f"cosine {cosine:.3f}"]


_OFFERED = {"keypoints by heat maps": "heatmaps", "text": "places"}
"""Findings that were not offered when the truths were written, with their decoder."""


def _refuse(model: Model, findings: Findings, truth: Truth) -> list[str]:
    if _OFFERED.get(truth["what"]) == model.decoder.name:
        return []
    return [f"{truth['what']} read as {model.decoder.name}"]


def _not_face(model: Model, findings: Findings, truth: Truth) -> list[str]:
    called = [model.name_of(int(number)) for number in findings.detections.class_id]
    return [f"{called.count('face')} things that are called face"] if "face" in called else []


_CHECKS: dict[str, Callable[[Model, Findings, Truth], list[str]]] = {
    "boxes": _boxes,
    "segments": _segments,
    "classes": _classes,
    "embedding": _embedding,
    "refuse": _refuse,
    "not_face": _not_face,
}
