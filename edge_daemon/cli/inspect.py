"""`edge-daemon inspect`: how a model is read and why, its time per frame, and its findings in pictures."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from edge_daemon.errors import EdgeError, ModelError, PictureError
from edge_daemon.log import printable
from edge_daemon.runtime.isolated import call
from edge_daemon.settings import ModelSettings

LIMIT_S = 180.0
"""A model that takes longer hangs, or is too slow for this machine."""
CLEAR = 0.3
"""Confidence of a keypoint that is drawn."""
WIDEST = 40
"""Longest value in the table of evidence, in characters."""
SERVER = "server"
"""Stands for the number of threads where a model runs on a server."""
SHOWN = 20
"""Most detections printed for a picture."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A model and pictures to inspect, and files for the annotated pictures (as many, or none).

    `path` is the model's path in a configuration, or the address of its server; the file in `settings` may be
    downloaded from there. The findings are compared with those of the model `against`, or with those in the file
    `expected`.
    """

    settings: ModelSettings
    path: str
    pictures: list[str] = []
    saved: list[str] = []
    against: ModelSettings | None = None
    expected: str | None = None


def request_for(model: str, options: Mapping[str, object], cache: Path | None) -> Request:
    """A model as a worker would load it, with `options` as in a configuration; downloaded if necessary.

    Raises:
        ConfigError: an option is wrong, or the catalogue has no such model.
        ModelError: the model cannot be downloaded.
    """
    from edge_daemon.config.load import adhoc
    from edge_daemon.supervisor.kinds.worker import model_settings
    from edge_daemon.supervisor.model_files import with_local_models

    config = adhoc(["scene:"], [model], options)
    (name, asked), *_ = config.models.items()
    return Request(
        settings=model_settings(with_local_models(config, cache), name), path=asked.path or " ".join(asked.url or ())
    )


def with_comparison(request: Request, against: str | None, expected: Path | None, cache: Path | None) -> Request:
    """The same request, whose findings are to be compared.

    Raises:
        ConfigError: as `request_for`.
        ModelError: as `request_for`.
    """
    other = None
    if against:
        # Confidence and names as for the first model: both have to find the same.
        settings = request_for(against, {}, cache).settings
        other = msgspec.structs.replace(
            settings, confidence=request.settings.confidence, labels=settings.labels or request.settings.labels
        )
    return msgspec.structs.replace(request, against=other, expected=str(expected) if expected else None)


def inspect(request: Request, pictures: Sequence[Path], *, as_json: bool) -> bool:
    """Print a description of a model and save annotated pictures in the current folder. True if the model can be used.

    Raises:
        ModelError: the model cannot be loaded, or crashed the process that loaded it.
        PictureError: a picture cannot be read or saved.
    """
    saved = [f"{picture.stem}-{request.settings.name}.png" for picture in pictures]
    facts = ask(msgspec.structs.replace(request, pictures=list(map(str, pictures)), saved=saved), LIMIT_S)
    if as_json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        print("\n".join(map(printable, lines_of(facts))))
    return bool(facts["understood"])


def ask(request: Request, limit_s: float) -> dict[str, Any]:
    """The facts, gathered by another process: a model is an untrusted file.

    Raises:
        ModelError: the model cannot be loaded, or the process died or took too long.
        PictureError: a picture cannot be read or saved.
    """
    try:
        return call("edge_daemon.cli.isolated.inspect", request, dict[str, Any], limit_s)
    except PictureError:
        raise
    except EdgeError as error:
        raise ModelError(f"model {request.path}: {error}") from error


def lines_of(facts: Mapping[str, Any]) -> Iterator[str]:
    """The facts as lines of text."""
    size = "on a server" if facts["bytes"] is None else f"{facts['bytes'] / 1e6:.1f} MB"
    yield f"{facts['path']}: {size}" + (f", by {facts['producer']}" if facts["producer"] else "")
    for kind in ("inputs", "outputs"):
        for one in facts[kind]:
            yield f"  {kind[:-1]:7} {one['name']}  {'x'.join(map(str, one['shape']))}  {_type(one['type'])}"
    for key, value in facts["metadata"].items():
        yield f"  {key}: {value[:60]}{'...' if len(value) > 60 else ''}"
    if not facts["understood"]:
        yield f"cannot be used: {facts['reason']}"
        return
    fed = facts["input"]
    yield f"decoder {facts['decoder']}: {facts['why']}"
    yield from _table(facts["evidence"])
    yield (
        f"input {fed['size']} {fed['color'].upper()}, {fed['resize']}; value = (pixel * {fed['scale']:.6g} - "
        f"{_numbers(fed['mean'])}) / {_numbers(fed['std'])}"
    )
    names = facts["labels"]
    yield (
        f"{len(names)} class{'es' * (len(names) != 1)}: {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}"
        if names
        else "no class names"
    )
    for threads, took in facts["timing_ms"].items():
        where = "the server" if threads == SERVER else f"{threads} thread{'s' * (threads != '1')}"
        yield (
            f"{where}: {took['infer']:.1f} ms a frame, "
            f"plus {took['preprocess']:.2f} before and {took['postprocess']:.2f} after"
        )
    if most := ", ".join(f"{one['operator']} {one['share']:.0%}" for one in facts["operators"]):
        yield f"most of the time in {most} ({', '.join(sorted({one['provider'] for one in facts['operators']}))})"
    for warning in facts["warnings"]:
        yield f"note: {warning}"
    for image in facts["images"]:
        yield from _image(image)
    yield from _tried(facts.get("preparations", ()))
    for what, figures in facts.get("comparisons", {}).items():
        yield f"compared with {what}: {_compared(figures)}"
    yield "to fix all of these settings, write:"
    yield from yaml.safe_dump(facts["config"], sort_keys=False, default_flow_style=None, width=110).splitlines()


def _table(evidence: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """The properties of the reading in columns: what, value, how sure, and because of what."""
    rows = [(one["what"], _short(one["value"]), one["sure"], one["because"]) for one in evidence]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for what, value, sure, because in rows:
        yield f"  {what:{widths[0]}}  {value:{widths[1]}}  {sure:{widths[2]}}  {because}"


def _tried(preparations: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The findings with each usual preparation: the right one is the one with the highest scores."""
    if preparations:
        yield "its input is only likely; with the usual preparations it finds in these pictures:"
    for one in preparations:
        what = one.get("reason") or f"{one['found']} found, highest score {one['best']:.2f}"
        yield f"  {one['preparation']:20}  {what}"


def _compared(figures: Mapping[str, Any]) -> str:
    """Figures of a comparison in words."""
    parts = [f"{figures['found']} found, {figures['expected']} expected"]
    for key in ("precision", "recall", "mean_iou", "worst_iou", "mean_score_difference", "worst_score_difference"):
        if figures[key] is not None:
            parts.append(f"{key.replace('_', ' ')} {figures[key]:.3f}")
    return ", ".join(parts)


def _short(value: str) -> str:
    return value if len(value) <= WIDEST else f"{value[: WIDEST - 3]}..."


def _image(image: Mapping[str, Any]) -> Iterator[str]:
    yield f"{image['path']} ({image['width']}x{image['height']})" + (
        f" -> {image['saved']}" if "saved" in image else ""
    )
    for name, extent in image["outputs"].items():
        span = f"{extent['min']:.4g} to {extent['max']:.4g}, mean {extent['mean']:.4g}" if "min" in extent else "empty"
        bad = f", {extent['bad']} not finite" if extent["bad"] else ""
        yield f"  {name} {'x'.join(map(str, extent['shape']))}: {span}{bad}"
    if "reason" in image:
        yield f"  {image['reason']}"
        return
    found = image["found"]
    for one in found.get("detections", [])[:SHOWN]:
        x1, y1, x2, y2 = one["xyxy"]
        yield f"  {one['confidence']:.2f} {one['class_name']}  {x1:.0f},{y1:.0f} to {x2:.0f},{y2:.0f}"
    for one in found.get("classes", []):
        yield f"  {one['confidence']:.2f} {one['class_name']}"
    for one in found.get("segments", []):
        yield f"  {one['area']:.0%} {one['class_name']}"
    if text := found.get("text"):
        yield f"  {text['confidence']:.2f} text {text['text']!r}"
    for one in found.get("values", []):
        yield f"  {one['name']} {one['value']:g}"
    if points := found.get("keypoints"):
        clear = sum(point[2] >= CLEAR for point in points)
        yield f"  {len(points)} keypoints ({found['skeleton']}), {clear} of them clear"
    if vector := found.get("embedding"):
        yield f"  a vector of {len(vector)} numbers: {', '.join(f'{number:.3f}' for number in vector[:6])}, ..."
    if set(found) <= {"detections"} and not found.get("detections"):
        yield "  nothing found"


def _type(declared: str) -> str:
    return re.sub(r"tensor\((.*)\)", r"\1", declared)


def _numbers(values: Sequence[float]) -> str:
    return f"{values[0]:g}" if len(set(values)) == 1 else "[" + ", ".join(f"{value:g}" for value in values) + "]"
