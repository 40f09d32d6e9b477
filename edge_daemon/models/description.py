"""A model in words and numbers: how it is read, and what that rests on."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_daemon.models.inputs import Declared
from edge_daemon.models.model import Model
from edge_daemon.models.preparation import STATED_INPUT
from edge_daemon.models.tensors import protocol_type
from edge_daemon.settings import ModelSettings
from edge_daemon.zoo.paths import BUILTIN


def reading(model: Model) -> dict[str, Any]:
    """The interpretation of a model, with reasons."""
    recipe, (height, width) = model.recipe, model.size
    return {
        "decoder": model.decoder.name,
        "why": model.decoder.why,
        "input": {
            "size": f"{width}x{height}",
            "color": recipe.color,
            "layout": "nhwc" if model.session.inputs.channels_last else "nchw",
            "scale": recipe.scale,
            "mean": list(recipe.mean),
            "std": list(recipe.std),
            "resize": recipe.fit,
            "pad": recipe.pad,
        },
        "batch": model.batch,
        "notes": list(model.notes),
        "evidence": [asdict(one) for one in model.facts],
    }


def description(model: Model, settings: ModelSettings) -> dict[str, Any]:
    """A model as a worker has loaded it: its file's name, its thresholds and class names, and how it is read."""
    path, engine = settings.path, model.session.engine
    return {
        "name": settings.name,
        "file": path if path.startswith(BUILTIN) or "://" in path else Path(path).name,
        "after": settings.after,
        "classes": list(model.names),
        "kept_classes": settings.classes,
        "confidence": settings.confidence,
        "class_confidence": settings.class_confidence,
        "iou": settings.iou,
        "max_detections": settings.max_detections,
        "provider": model.session.provider,
        "threads": settings.threads,
        "tensors": {"inputs": _declared(engine.inputs), "outputs": _declared(engine.outputs)},
        "properties": _properties(model),
        **reading(model),
    }


def _properties(model: Model) -> dict[str, str]:
    """What the protocol does not describe, for another edge-daemon that asks this one: names, and the input."""
    recipe, names = model.recipe, dict(enumerate(model.names))
    stated: dict[str, Any] = {"color": recipe.color, "scale": recipe.scale, "mean": recipe.mean, "std": recipe.std}
    stated |= {"fit": recipe.fit, "pad": recipe.pad}
    named = {} if all(name.startswith("class ") for name in model.names) else {"names": str(names)}
    return {**named, **model.session.metadata, STATED_INPUT: json.dumps(stated)}


def _declared(tensors: Sequence[Declared]) -> list[dict[str, Any]]:
    """Inputs or outputs as the Open Inference Protocol describes them."""
    return [
        {
            "name": one.name,
            "datatype": protocol_type(one.type),
            "shape": [axis if isinstance(axis, int) else -1 for axis in one.shape],
        }
        for one in tensors
        if protocol_type(one.type)
    ]
