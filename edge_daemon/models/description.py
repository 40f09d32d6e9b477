"""A model in words and numbers: how it is read, and what that rests on."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_daemon.models.model import Model
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
    path = settings.path
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
        **reading(model),
    }
