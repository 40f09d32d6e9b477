"""Files that exporters write beside a model: names of classes, and how its input is prepared.

A file that carries the model's own name is the model's. One with a usual name, such as `labels.txt`, is the model's if
no other model lies in the folder; among several models it is only likely to be, and must fit.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_daemon.errors import ModelError
from edge_daemon.models.evidence import Sure
from edge_daemon.models.name_lists import names_in, numbered
from edge_daemon.models.neighbours import files_beside
from edge_daemon.models.preparation import BYTES, Stated, Values
from edge_daemon.models.preprocess import Fit

LARGEST = 1 << 20
"""Largest file that is read, in bytes."""


@dataclass(frozen=True)
class Beside:
    """Statements of one file: names in order of their numbers, and the preparation of the input.

    `size` is the input's height and width that the file is for; None if it states none.
    """

    file: str
    sure: Sure
    names: tuple[str, ...] | None = None
    input: Stated | None = None
    size: tuple[int, int] | None = None
    metadata: Mapping[str, str] | None = None


def read_beside(model: Path) -> list[Beside]:
    """The statements of the files beside a model, those of its own name first, without unreadable files."""
    others = sum(1 for _ in model.parent.glob("*.onnx")) > 1
    found = []
    for path in files_beside(model):
        try:
            if not path.is_file() or path.stat().st_size > LARGEST:
                continue
            content = path.read_text(encoding="utf-8-sig")
            own = path.stem.removesuffix("_labels") == model.stem
            sure: Sure = "likely" if others and not own else "known"
            if (read := _read(path, model, content, sure)) and (read.names or read.input or read.metadata):
                found.append(read)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, StopIteration, RecursionError, ModelError):
            continue
    return found


def _read(path: Path, model: Path, content: str, sure: Sure) -> Beside | None:
    readers: Mapping[str, Callable[[str, str, Sure], Beside | None]] = {
        "infer_cfg.yml": _paddle,
        "inference.yml": _paddle,
        "pipeline.json": _mmdeploy,
        "config.json": _hugging_face,
        "preprocessor_config.json": _hugging_face_input,
        "metadata.yaml": _ultralytics,
    }
    if reader := readers.get(path.name):
        return reader(path.name, content, sure)
    if path.name.startswith("config_infer"):
        return _deepstream(path, model, content, sure)
    if path.suffix in (".yaml", ".yml"):
        return _any_yaml(path.name, content, sure)
    return Beside(path.name, sure, names_in(content, path.name))


# Exporters


def _ultralytics(file: str, content: str, sure: Sure) -> Beside:
    """`metadata.yaml` of Ultralytics' exports to OpenVINO, TensorFlow and others."""
    loaded = _yaml(content)
    known = {key: str(value) for key, value in loaded.items() if key in ("task", "stride", "imgsz", "kpt_shape")}
    names = numbered(loaded["names"]) if "names" in loaded else None
    return Beside(file, sure, names, metadata=known)


def _any_yaml(file: str, content: str, sure: Sure) -> Beside | None:
    """A YAML file of the model's own name: `names`, `labels` or `classes`, as in Ultralytics' data sets."""
    loaded = _yaml(content)
    for key in ("names", "labels", "classes", "class_names"):
        if isinstance(loaded, dict) and key in loaded:
            return Beside(file, sure, numbered(loaded[key]))
    return None


def _paddle(file: str, content: str, sure: Sure) -> Beside:
    """`infer_cfg.yml` of PaddleDetection, `inference.yml` of PaddleX: NormalizeImage, Resize and `label_list`."""
    loaded = _yaml(content)
    steps = loaded.get("Preprocess") or []
    names = numbered(loaded["label_list"]) if loaded.get("label_list") else None
    values: Values = BYTES
    fit: Fit = "stretch"
    size = None
    for step in steps:
        if step.get("type") == "NormalizeImage":
            scale = 1 / 255 if step.get("is_scale", True) else 1.0
            if step.get("norm_type", "mean_std") == "none":
                values = (scale, (0.0,), (1.0,))
            else:
                values = (scale, _numbers(step["mean"]), _numbers(step["std"]))
        elif step.get("type") == "Resize":
            fit = "corner" if step.get("keep_ratio") else "stretch"
            height, width = step["target_size"]
            size = (int(height), int(width))
    return Beside(file, sure, names, Stated(f"{file} beside it", sure, "rgb", values, fit), size)


def _mmdeploy(file: str, content: str, sure: Sure) -> Beside | None:
    """`pipeline.json` of MMDeploy: the steps of its pre-processing."""
    tasks = _json(content)["pipeline"]["tasks"]
    steps = next(task["transforms"] for task in tasks if task.get("module") == "Transform")
    by_type = {step["type"]: step for step in steps}
    if "Normalize" not in by_type:
        return None
    step = by_type["Normalize"]
    values: Values = (1.0, _numbers(step["mean"]), _numbers(step["std"]))
    fit: Fit = "corner" if by_type.get("Resize", {}).get("keep_ratio") else "stretch"
    if "CenterCrop" in by_type:
        fit = "crop"
    color = "rgb" if step.get("to_rgb") else "bgr"
    return Beside(file, sure, None, Stated(f"{file} beside it", sure, color, values, fit, _pad(by_type)))  # type: ignore[arg-type]


def _pad(steps: Mapping[str, Any]) -> int | None:
    value = steps.get("Pad", {}).get("pad_val")
    if isinstance(value, Mapping):
        value = value.get("img")
    if isinstance(value, Sequence):
        value = value[0]
    return int(value) if isinstance(value, int | float) else None


def _hugging_face(file: str, content: str, sure: Sure) -> Beside | None:
    """`config.json` of transformers: `id2label`."""
    names = _json(content).get("id2label")
    return Beside(file, sure, numbered(names)) if names else None


def _hugging_face_input(file: str, content: str, sure: Sure) -> Beside:
    """`preprocessor_config.json` of transformers."""
    loaded = _json(content)
    scale = float(loaded.get("rescale_factor", 1 / 255)) if loaded.get("do_rescale", True) else 1.0
    values: Values = (scale, (0.0,), (1.0,))
    if loaded.get("do_normalize"):
        values = (scale, _numbers(loaded["image_mean"]), _numbers(loaded["image_std"]))
    size = loaded.get("size")
    fit: Fit = "stretch"
    if loaded.get("do_center_crop"):
        fit = "crop"
    elif loaded.get("do_pad") or (isinstance(size, Mapping) and {"shortest_edge", "longest_edge"} & set(size)):
        fit = "corner"
    color = "bgr" if loaded.get("do_flip_channel_order") else "rgb"
    sides = (int(size["height"]), int(size["width"])) if isinstance(size, Mapping) and "height" in size else None
    return Beside(file, sure, None, Stated(f"{file} beside it", sure, color, values, fit), sides)  # type: ignore[arg-type]


def _deepstream(path: Path, model: Path, content: str, sure: Sure) -> Beside | None:
    """`config_infer_*.txt` of DeepStream, unless it is for another model."""
    keys = dict(_pairs(content))
    if file := keys.get("onnx-file"):
        if Path(file).name != model.name:
            return None
        sure = "known"
    named = Path(keys.get("labelfile-path", ""))
    labels = named if named.is_absolute() else path.parent / named
    names = names_in(labels.read_text("utf-8-sig"), labels.name) if named.name and labels.is_file() else None
    scale = float(keys.get("net-scale-factor", 1))
    offsets = _numbers(keys["offsets"].strip(";").split(";")) if "offsets" in keys else (0.0,)
    values: Values = (scale, tuple(scale * offset for offset in offsets), (1.0,))
    color = {"0": "rgb", "1": "bgr", "2": "gray"}.get(keys.get("model-color-format", "0"), "rgb")
    fit: Fit = "stretch"
    if keys.get("maintain-aspect-ratio") == "1":
        fit = "letterbox" if keys.get("symmetric-padding") == "1" else "corner"
    return Beside(path.name, sure, names, Stated(f"{path.name} beside it", sure, color, values, fit, 0))  # type: ignore[arg-type]


def _pairs(content: str) -> Iterator[tuple[str, str]]:
    for line in content.splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.lstrip().startswith("#"):
            yield key.strip(), value.strip()


def _json(content: str) -> Any:
    import json

    return json.loads(content)


def _yaml(content: str) -> Any:
    import yaml  # most models have no such file, and workers need the library for nothing else

    try:
        return yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _numbers(values: Any) -> tuple[float, ...]:
    listed = values if isinstance(values, Sequence) and not isinstance(values, str) else [values]
    return tuple(float(value) for value in listed)
