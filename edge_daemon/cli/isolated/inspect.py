"""Inspects a model for `edge-daemon inspect`: inputs and outputs, interpretation, findings and time per frame."""

import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_daemon.cli.inspect import SERVER, Request
from edge_daemon.cli.isolated.comparison import Figures, truth_of
from edge_daemon.cli.isolated.preparations import is_open, tried
from edge_daemon.errors import EdgeError, PictureError
from edge_daemon.imaging.annotation import annotate
from edge_daemon.imaging.codecs import encode_rgb
from edge_daemon.imaging.colour import bgr_to_rgb
from edge_daemon.imaging.pictures import read_bgr
from edge_daemon.models import coco
from edge_daemon.models.description import reading
from edge_daemon.models.engine import OnnxEngine
from edge_daemon.models.inputs import Declared
from edge_daemon.models.loading import declared
from edge_daemon.models.memory import limit_memory
from edge_daemon.models.model import Model, file_of
from edge_daemon.models.probe import texture
from edge_daemon.settings import ModelSettings
from edge_daemon.worker.report import report

ROUNDS = 20
ROUNDS_S = 3.0
DYNAMIC = {"ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"}
"""Operators of dynamically quantised models."""
MOST = 4
"""Number of operators in the report, the slowest first."""


def run(request: Request) -> dict[str, Any]:
    """All facts about a model.

    Raises:
        ModelError: ONNX Runtime cannot load it.
        PictureError: a picture cannot be read or saved.
    """
    cv2.setNumThreads(1)
    settings = request.settings
    if settings.remote:
        return on_server(request)
    limit_memory(provider.name for provider in settings.providers)
    file = file_of(settings.path)
    about = declared(file, settings)
    facts: dict[str, Any] = {
        "path": settings.path,
        "bytes": file.stat().st_size,
        "producer": about.producer,
        "inputs": [{"name": name, "type": kind, "shape": shape} for name, kind, shape in about.inputs],
        "outputs": [{"name": name, "type": kind, "shape": shape} for name, kind, shape in about.outputs],
        "metadata": about.metadata,
        "understood": False,
    }
    pictures = {path: opened(path) for path in request.pictures}
    try:
        model = Model(settings)
    except EdgeError as error:
        return facts | {"reason": str(error)}
    facts |= {"understood": True, **understanding(model, request), "labels": list(model.names)}
    facts["images"] = [
        look(model, path, bgr, saved) for (path, bgr), saved in zip_longest(pictures.items(), request.saved)
    ]
    seen = next(iter(pictures.values()), texture(*model.size))
    facts["timing_ms"] = {
        str(threads): timing(Model(msgspec.structs.replace(settings, threads=threads)), seen) for threads in (1, 2)
    }
    operators = profile(settings, seen)
    facts["operators"] = shares(operators)
    ran = [bgr for bgr, image in zip(pictures.values(), facts["images"], strict=True) if image["outputs"]]
    if pictures and is_open(model):
        facts["preparations"] = list(tried(settings, pictures))
    facts["comparisons"] = compared(request, facts["images"], pictures)
    facts["warnings"] = [*warnings(model, settings, operators), *constants(model, ran)]
    return facts


def on_server(request: Request) -> dict[str, Any]:
    """All facts about a model on a server.

    Raises:
        ModelError: the server does not answer.
        PictureError: a picture cannot be read or saved.
    """
    from edge_daemon.models.remote.reading import look as look_at
    from edge_daemon.server_address import Address

    assert request.settings.remote
    pictures = {path: opened(path) for path in request.pictures}
    address = Address.parse(request.settings.remote.urls[0])
    looked = look_at(address, request.settings)
    model, about = looked.model, looked.identity.about
    assert model  # nothing was known before
    with closing(looked.connection):
        images = [look(model, path, bgr, saved) for (path, bgr), saved in zip_longest(pictures.items(), request.saved)]
        seen = next(iter(pictures.values()), texture(*model.size))
        return {
            "path": str(address),
            "bytes": None,
            "producer": "",
            "inputs": [_declared(one) for one in about.inputs],
            "outputs": [_declared(one) for one in about.outputs],
            "metadata": about.properties,
            "understood": True,
            **understanding(model, request),
            "labels": list(model.names),
            "images": images,
            "timing_ms": {SERVER: timing(model, seen)},
            "operators": [],
            "comparisons": compared(request, images, pictures),
            "warnings": [*model.notes, *constants(model, list(pictures.values()))],
        }


def _declared(one: Declared) -> dict[str, Any]:
    return {"name": one.name, "type": one.type, "shape": one.shape}


def compared(
    request: Request, images: list[dict[str, Any]], pictures: Mapping[str, NDArray[np.uint8]]
) -> dict[str, Any]:
    """Figures of the detections in `images` of these pictures (BGR, uint8, height x width x 3) against those of another
    model, or those that are expected.

    Raises:
        ModelError: the other model cannot be loaded.
        PictureError: the file of expected detections cannot be read.
    """
    found = [image.get("found", {}).get("detections", []) for image in images]
    made: dict[str, Any] = {}
    if request.against:
        other = Model(request.against)
        expected: list[list[Any]] = []
        for bgr in pictures.values():
            height, width = bgr.shape[:2]
            expected.append(msgspec.to_builtins(report(other.detect(bgr)[0], other, width, height).detections))
        made[request.against.path] = _figures(found, expected)
    if request.expected:
        made[request.expected] = _figures(found, truth_of(request.expected, list(pictures)))
    return made


def _figures(found: list[list[Any]], expected: list[list[Any]]) -> dict[str, Any]:
    figures = Figures()
    for mine, theirs in zip(found, expected, strict=True):
        figures.add(mine, theirs)
    return figures.facts()


def understanding(model: Model, request: Request) -> dict[str, Any]:
    """The interpretation of a model, with reasons, and the configuration that fixes it."""
    read = reading(model)
    where = "url" if request.settings.remote else "path"
    entry = {where: request.path, **pinned(model, request.settings, read["input"])}
    return {**read, "config": {"models": {request.settings.name: entry}}}


def pinned(model: Model, settings: ModelSettings, fed: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a model's configuration that leave nothing to be detected."""
    inputs = dict(fed)
    if inputs["resize"] not in ("letterbox", "corner"):
        del inputs["pad"]
    entry: dict[str, Any] = {"decoder": model.decoder.name, "input": inputs}
    if boxes := {key: value for key, value in model.decoder.pinned.items() if value is not None}:
        entry["boxes"] = boxes
    if settings.outputs:
        entry["outputs"] = settings.outputs
    known = {names: key for key, names in coco.SETS.items()}
    if settings.labels is not None:
        entry["labels"] = settings.labels
    elif tuple(model.names) in known and not model.session.metadata.get("names"):
        entry["labels"] = known[tuple(model.names)]
    return entry


def look(model: Model, path: str, bgr: NDArray[np.uint8], saved: str | None) -> dict[str, Any]:
    """The findings in a BGR picture (uint8, height x width x 3), and the ranges of the outputs."""
    height, width = bgr.shape[:2]
    facts: dict[str, Any] = {"path": path, "width": width, "height": height, "outputs": {}}
    try:
        facts["outputs"] = {name: extent(array) for name, array in model.outputs(bgr).items()}
        findings, _ = model.detect(bgr)
    except EdgeError as error:
        return facts | {"reason": str(error)}
    found = report(findings, model, width, height)
    if saved:
        rgb = bgr_to_rgb(bgr)
        annotate(rgb, found)
        try:
            Path(saved).write_bytes(encode_rgb(rgb, "png", 90))
        except OSError as error:
            raise PictureError(f"cannot write {saved}: {error.strerror}") from error
    return facts | {"saved": saved, "found": msgspec.to_builtins(found)}


def opened(path: str) -> NDArray[np.uint8]:
    """A picture file as a BGR array (uint8, height x width x 3).

    Raises:
        PictureError: it cannot be read.
    """
    try:
        return read_bgr(Path(path).read_bytes())
    except OSError as error:
        raise PictureError(f"cannot read {path}: {error.strerror}") from error
    except PictureError as error:
        raise PictureError(f"{path}: {error}") from error


def extent(array: NDArray[np.generic]) -> dict[str, Any]:
    """Type, shape and range of an output (any shape, any dtype)."""
    values = np.asarray(array, np.float64)
    good = values[np.isfinite(values)]
    facts: dict[str, Any] = {"type": str(array.dtype), "shape": list(array.shape), "bad": int(values.size - good.size)}
    if good.size:
        facts |= {"min": float(good.min()), "max": float(good.max()), "mean": float(good.mean())}
    return facts


def timing(model: Model, bgr: NDArray[np.uint8]) -> dict[str, float]:
    """Median milliseconds of each stage for a BGR picture (uint8, height x width x 3)."""
    stages: dict[str, list[float]] = defaultdict(list)
    until = time.monotonic() + ROUNDS_S
    while len(stages["infer"]) < ROUNDS and (time.monotonic() < until or not stages["infer"]):
        _, took = model.detect(bgr)
        for stage in ("preprocess", "infer", "postprocess"):
            stages[stage].append(getattr(took, stage))
    return {stage: round(float(np.median(times)), 3) for stage, times in stages.items()}


def profile(settings: ModelSettings, bgr: NDArray[np.uint8]) -> dict[tuple[str, str], float]:
    """Milliseconds by operator and provider, over a few runs on a BGR picture (uint8, height x width x 3)."""
    with tempfile.TemporaryDirectory(prefix="edge-daemon-") as folder:
        engine = OnnxEngine(file_of(settings.path), settings, Path(folder))
        model = Model(settings, engine=engine, file=file_of(settings.path))
        for _ in range(3):
            model.outputs(bgr)
        return engine.operators()


def shares(operators: Mapping[tuple[str, str], float]) -> list[dict[str, Any]]:
    """The slowest operators, with their share of the time."""
    total = sum(operators.values()) or 1.0
    longest = sorted(operators.items(), key=lambda item: -item[1])[:MOST]
    return [
        {"operator": name, "provider": provider, "share": round(took / total, 3)} for (name, provider), took in longest
    ]


def warnings(model: Model, settings: ModelSettings, operators: Mapping[tuple[str, str], float]) -> list[str]:
    """Warnings for users of a model."""
    found = list(model.notes)
    names = {name for name, _ in operators}
    if dynamic := sorted(names & DYNAMIC):
        found.append(
            f"it was quantised dynamically ({', '.join(dynamic)}), which is usually slower than floating point here: "
            "export it in floating point, or quantise it statically (QDQ)"
        )
    wanted = settings.providers[0].name
    others = sorted(name for name, provider in operators if provider != wanted)
    if others and wanted != "cpu":
        found.append(f"{', '.join(others)} did not run on {wanted}")
    if model.session.inputs.batch is None and not model.session.takes(2):
        found.append("it declares a batch of any size, but fails with two: leave `batch` at 1")
    return found


def constants(model: Model, pictures: list[NDArray[np.uint8]]) -> list[str]:
    """Outputs that do not depend on the picture (BGR, uint8, height x width x 3)."""
    shown = [*pictures, texture(*model.size), np.full((*model.size, 3), 90, np.uint8)]
    first, *rest = [model.outputs(bgr) for bgr in shown]
    return [
        f"its output {name} is the same for {len(shown)} different pictures"
        for name, array in first.items()
        if array.size and all(other[name].shape == array.shape and (other[name] == array).all() for other in rest)
    ]
