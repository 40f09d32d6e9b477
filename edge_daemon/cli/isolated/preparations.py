"""The usual ways to prepare a picture for a model, tried one after the other: the right one finds the most."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import EdgeError
from edge_daemon.models.detections import Findings
from edge_daemon.models.model import Model
from edge_daemon.settings import InputSettings, ModelSettings

USUAL: Mapping[str, InputSettings] = {
    "RGB, 0 to 1": InputSettings(color="rgb", scale=1 / 255, mean=[0.0], std=[1.0]),
    "BGR, 0 to 255": InputSettings(color="bgr", scale=1.0, mean=[0.0], std=[1.0]),
    "RGB, ImageNet's mean": InputSettings(
        color="rgb", scale=1 / 255, mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]
    ),
    "RGB, -1 to 1": InputSettings(color="rgb", scale=1 / 127.5, mean=[1.0], std=[1.0]),
}
LOW = 0.05
"""Confidence from which findings are counted: a wrong preparation lowers all scores."""


def is_open(model: Model) -> bool:
    """True if colour or values of the model's input are only likely."""
    return any(fact.what in ("colour", "values") and fact.sure == "likely" for fact in model.facts)


def tried(settings: ModelSettings, pictures: Mapping[str, NDArray[np.uint8]]) -> Iterator[dict[str, Any]]:
    """The findings with the assumed and each usual preparation in all pictures (BGR, uint8, height x width x 3): how
    many detections, and the highest score.
    """
    for name, usual in {"as it is assumed": InputSettings(), **USUAL}.items():
        stated = {key: getattr(usual, key) for key in ("color", "scale", "mean", "std")}
        changed = {key: value for key, value in stated.items() if value is not None}
        fed = msgspec.structs.replace(settings.input, **changed)
        try:
            model = Model(msgspec.structs.replace(settings, input=fed, confidence=LOW))
            scores = [score for bgr in pictures.values() for score in _scores(model.detect(bgr)[0])]
        except EdgeError as error:
            yield {"preparation": name, "input": changed, "reason": str(error).partition("): ")[2] or str(error)}
            continue
        best = max(scores, default=0.0)
        sure = sum(score >= settings.confidence for score in scores)
        yield {"preparation": name, "input": changed, "best": round(best, 4), "found": sure}


def _scores(findings: Findings) -> list[float]:
    scores: list[float] = findings.detections.confidence.tolist()
    if findings.classes:
        scores.append(findings.classes[0].confidence)
    if findings.keypoints is not None:
        scores.append(float(findings.keypoints[:, 2].mean()))
    if findings.text is not None:
        scores.append(findings.text[1])
    return scores
