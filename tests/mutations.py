"""One change to a model, and what becomes of its reading: `python -m tests.mutations` counts the silent ones.

Each layout of `layouts` and `exports`, and each real model beside the checkout, is changed in one way: outputs renamed,
in another order, or without the axis of the batch, classes renamed, a batch of four, an empty first picture, scores as
logits. A reading is right, said (a note names the key that settles it), refused, or silent: wrong, with no word of it.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edge_daemon.errors import EdgeError
from edge_daemon.models.detections import Findings
from edge_daemon.models.model import Model
from edge_daemon.settings import InputSettings, ModelSettings
from tests.exports import EXPORTS
from tests.layouts import DETECTORS, HEIGHT, SCORES, SIZE, WIDTH, XYXY, Layout, logit
from tests.onnx_models import constant_model, save
from tests.truth import Outcome, iou

Outputs = Mapping[str, NDArray[np.generic]]
BLACK = np.zeros((200, 250, 3), np.uint8)
NEAR, CLOSE = 0.9, 0.02
KEYS = ("`boxes", "`decoder", "`outputs")


# Layouts


def renamed(layout: Layout) -> Outputs:
    return {f"value_{number}": array for number, array in enumerate(layout.outputs.values())}


def reordered(layout: Layout) -> Outputs | None:
    return dict(list(layout.outputs.items())[::-1]) if len(layout.outputs) > 1 else None


def without_batch(layout: Layout) -> Outputs | None:
    if not any(array.ndim > 1 and len(array) == 1 for array in layout.outputs.values()):
        return None
    return {name: array[0] if array.ndim > 1 and len(array) == 1 else array for name, array in layout.outputs.items()}


def as_logits(layout: Layout) -> Outputs | None:
    """Scores that have not passed their sigmoid, in outputs of their own or behind the boxes."""
    changed: dict[str, NDArray[np.generic]] = {}
    for name, array in layout.outputs.items():
        values = np.asarray(array, np.float32)
        alone = array.dtype.kind == "f" and values.size > 50 and values.min() >= 0 and values.max() <= 1
        if alone and values.shape[-1] != 4 and name != "reg":
            changed[name] = logit(np.clip(values, 1e-4, 1 - 1e-4))
        elif (
            layout.decoder == "yolov8"
            and values.ndim == 3
            and len(layout.outputs) == 1
            and not layout.metadata.get("task")
        ):
            axis = 1 if values.shape[1] < values.shape[2] else 2
            boxes, scores = np.split(values, [4], axis=axis)
            if scores.min() >= 0 and scores.max() <= 1:
                changed[name] = np.concatenate((boxes, logit(np.clip(scores, 1e-4, 1 - 1e-4))), axis=axis)
        elif (
            layout.decoder in ("yolov5", "yolox")
            and values.ndim == 3
            and len(layout.outputs) == 1
            and not layout.slack > 0.1
        ):
            boxes, scores = np.split(values, [4], axis=2)
            if scores.max() <= 1 and scores.min() >= 0:
                changed[name] = np.concatenate((boxes, logit(np.clip(scores, 1e-4, 1 - 1e-4))), axis=2)
    return {**layout.outputs, **changed} if changed else None


def of_four(layout: Layout) -> tuple[Outputs, dict[str, Any]] | None:
    """A fixed batch of four: the first picture has the things, the others mirrored ones."""
    if not all(array.ndim > 1 and len(array) == 1 for array in layout.outputs.values()):
        return None
    inputs = {name: (kind, (4, *shape[1:])) for name, (kind, shape) in layout.inputs.items()}
    outputs = {name: np.concatenate((array, array * 0, array * 0, array * 0)) for name, array in layout.outputs.items()}
    return outputs, inputs


def empty_first(path: Path, layout: Layout) -> Path | None:
    """A model that lists nothing but for a black picture: outputs with rows of their own have none."""
    if layout.decoder not in ("rows", "finished", "scored"):
        return None
    name, (_, shape) = next(iter(layout.inputs.items()))
    if len(shape) != 4 or not all(isinstance(side, int) for side in shape[1:]):
        return None
    last = shape[-1] in (1, 3)
    middle = [0, HEIGHT // 2, WIDTH // 2, 0] if last else [0, 0, HEIGHT // 2, WIDTH // 2]
    constants: dict[str, NDArray[Any]] = {
        "at": np.array([middle], np.int64), "nought": np.array(0, np.float32), "low": np.array(-0.5, np.float32),
        "one": np.array([1], np.int64),
    }  # fmt: skip
    nodes = [
        helper.make_node("Cast", [name], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("GatherND", ["pixels", "at"], ["pixel"]),
        helper.make_node("Equal", ["pixel", "nought"], ["black"]),
        helper.make_node("Less", ["pixel", "low"], ["lower"]),
        helper.make_node("Or", ["black", "lower"], ["found"]),
    ]
    infos = []
    for number, (output, array) in enumerate(layout.outputs.items()):
        axis = 1 if array.ndim > 2 or (array.ndim == 2 and len(array) == 1) else 0
        if array.ndim == 4 and array.shape[1] == 1:
            axis = 2
        if array.size == 1 or array.ndim == 0 or (array.ndim == 4 and axis == 1 and array.shape[1] > 64):
            return None
        constants[f"full{number}"], constants[f"size{number}"] = array, np.array([array.shape[axis]], np.int64)
        nodes += [
            helper.make_node("Expand", ["found", f"size{number}"], [f"all{number}"]),
            helper.make_node("Compress", [f"full{number}", f"all{number}"], [output], axis=axis),
        ]
        open_shape: list[Any] = list(array.shape)
        open_shape[axis] = f"n{number}"
        infos.append(helper.make_tensor_value_info(output, helper.np_dtype_to_tensor_dtype(array.dtype), open_shape))
    graph = helper.make_graph(
        nodes, "empty", [helper.make_tensor_value_info(n, k, s) for n, (k, s) in layout.inputs.items()], infos,
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )  # fmt: skip
    return save(path, graph, layout.metadata)


def mutants_of(layout: Layout, folder: Path) -> Iterator[tuple[str, Path, dict[str, Any], dict[str, str]]]:
    """Each change: its name, the model, its settings, and other names of classes, if they are changed."""
    simple: Mapping[str, Callable[[Layout], Outputs | None]] = {
        "outputs renamed": renamed,
        "outputs in another order": reordered,
        "without the axis of the batch": without_batch,
        "scores as logits": as_logits,
    }
    for name, change in simple.items():
        if (outputs := change(layout)) is not None:
            path = constant_model(folder / "m.onnx", outputs, metadata=layout.metadata, shapes=layout.inputs)
            yield name, path, dict(layout.settings), {}
    if layout.metadata.get("names"):
        names = {"names": str({number: f"thing {number}" for number in range(80)})}
        metadata = {**layout.metadata, **names}
        path = constant_model(folder / "m.onnx", layout.outputs, metadata=metadata, shapes=layout.inputs)
        yield "classes renamed", path, dict(layout.settings), names
    if four := of_four(layout):
        path = constant_model(folder / "m.onnx", four[0], metadata=layout.metadata, shapes=four[1])
        yield "a batch of four", path, dict(layout.settings), {}
    if empty := empty_first(folder / "m.onnx", layout):
        yield "an empty first picture", empty, dict(layout.settings), {}


def judged(path: Path, layout: Layout, settings: Mapping[str, Any], names: Mapping[str, str]) -> tuple[Outcome, str]:
    """The outcome for a layout's things in a black picture of 250x200."""
    try:
        model = Model(ModelSettings(name="m", path=str(path), **settings))
        findings, _ = model.detect(BLACK)
    except EdgeError as error:
        return "refused", str(error).partition("): ")[2]
    wrong = difference(model, findings, layout, names)
    if not wrong:
        return "right", ""
    return ("said" if _says(model, KEYS) else "silent"), wrong


def difference(model: Model, findings: Findings, layout: Layout, names: Mapping[str, str]) -> str:
    """How findings differ from the three things; empty if they do not."""
    found = findings.detections
    if len(found) != (0 if layout.empty else 3):
        return f"{len(found)} found for 3"
    around = XYXY
    if layout.corners is not None:
        around = np.concatenate((layout.corners.min(axis=1), layout.corners.max(axis=1)), axis=1)
    fit = model.recipe.fit
    if fit == "stretch":
        true = around * np.array([250 / WIDTH, 200 / HEIGHT] * 2)
    else:
        true = (around - np.array([28 if fit == "letterbox" else 0, 0] * 2)) / 0.8
    true = np.clip(true, 0, [250, 200] * 2)
    for number in range(len(found)):
        if iou(found.xyxy[number], true[number]) < NEAR:
            return f"IoU {iou(found.xyxy[number], true[number]):.2f}"
        if abs(found.confidence[number] - SCORES[number]) > CLOSE:
            return f"score {found.confidence[number]:.2f} for {SCORES[number]:.2f}"
        if found.class_id[number] != layout.kinds[number]:
            return f"class {found.class_id[number]} for {layout.kinds[number]}"
        if names and model.name_of(int(found.class_id[number])) != f"thing {layout.kinds[number]}":
            return f"name {model.name_of(int(found.class_id[number]))}"
    return ""


# Real models


def real_mutants(path: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Each change of a real model that its graph allows."""

    def written(model: onnx.ModelProto) -> Path:
        made = folder / path.name
        made.write_bytes(model.SerializeToString())
        return made

    model = onnx.load(path)
    for number, output in enumerate(model.graph.output):
        model.graph.node.append(helper.make_node("Identity", [output.name], [f"value_{number}"]))
        output.name = f"value_{number}"
    yield "outputs renamed", written(model)
    model = onnx.load(path)
    if len(model.graph.output) > 1:
        outputs = list(model.graph.output)[::-1]
        del model.graph.output[:]
        model.graph.output.extend(outputs)
        yield "outputs in another order", written(model)
    model = onnx.load(path)
    model.graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), "axis_of_batch"))
    modern = max(opset.version for opset in model.opset_import if not opset.domain) >= 13
    for number, output in enumerate(model.graph.output):
        node = (
            helper.make_node("Squeeze", [output.name, "axis_of_batch"], [f"{output.name}_{number}"])
            if modern
            else helper.make_node("Squeeze", [output.name], [f"{output.name}_{number}"], axes=[0])
        )
        model.graph.node.append(node)
        output.CopyFrom(
            helper.make_tensor_value_info(f"{output.name}_{number}", output.type.tensor_type.elem_type, None)
        )
    yield "without the axis of the batch", written(model)
    model = onnx.load(path)
    for prop in [prop for prop in model.metadata_props if prop.key == "names"]:
        count = prop.value.count(":") or prop.value.count(",") + 1
        prop.value = str({number: f"thing {number}" for number in range(count)})
        yield "classes renamed", written(model)
    model = onnx.load(path)
    for value in model.graph.input:
        if not any(value.name == one.name for one in model.graph.initializer) and value.type.tensor_type.shape.dim:
            value.type.tensor_type.shape.dim[0].dim_value = 4
    yield "a batch of four", written(model)


def judged_real(path: Path, name: str, mutant: Path, picture: NDArray[np.uint8]) -> tuple[Outcome, str]:
    """The outcome for a changed real model, compared with the unchanged one."""
    more: dict[str, Any] = {"input": InputSettings(size=(320, 320))} if path.stem.startswith("rtmdet") else {}
    unchanged = Model(ModelSettings(name="m", path=str(path), **more))
    expected = unchanged.detect(picture)[0]
    try:
        model = Model(ModelSettings(name="m", path=str(mutant), **more))
        findings, _ = model.detect(picture)
    except EdgeError as error:
        return "refused", str(error).partition("): ")[2]
    wrong = _unlike(expected, findings)
    if name == "classes renamed" and not all(one.startswith("thing") for one in model.names):
        wrong = f"names {model.names[:2]}"
    if not wrong:
        return "right", ""
    keys = KEYS if model.recipe == unchanged.recipe else (*KEYS, "`input")
    return ("said" if _says(model, keys) else "silent"), wrong


def _says(model: Model, keys: tuple[str, ...]) -> bool:
    return any(key in note for note in model.notes for key in keys)


def _unlike(one: Findings, other: Findings) -> str:
    first, second = one.detections, other.detections
    if len(first) != len(second):
        return f"{len(second)} found for {len(first)}"
    if not np.allclose(first.xyxy, second.xyxy, atol=0.5) or not (first.class_id == second.class_id).all():
        return "other boxes or classes"
    if (one.classes or ()) and [c.class_id for c in one.classes or ()] != [c.class_id for c in other.classes or ()]:
        return "other classes"
    if one.label_map is not None and (other.label_map is None or (one.label_map != other.label_map).mean() > 0.001):
        return "another map"
    if one.embedding is not None and (other.embedding is None or float(np.dot(one.embedding, other.embedding)) < 0.999):
        return "another vector"
    return ""


def every(shared: Path | None) -> Iterator[tuple[str, str, Outcome, str]]:
    """Model, change, outcome and difference of each mutant."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, make in {**DETECTORS, **EXPORTS}.items():
            layout = make()
            for change, path, settings, names in mutants_of(layout, folder):
                yield title, change, *judged(path, layout, settings, names)
        if shared:
            picture = np.asarray(cv2.imread(str(shared / "images" / "bus.jpg")), np.uint8)
            for path in sorted((shared / "models").glob("*.onnx")):
                for change, mutant in real_mutants(path, folder):
                    yield path.stem, change, *judged_real(path, change, mutant, picture)


def main() -> int:
    """Print what is not right, and counts; the exit code is 1 if a mutant is read wrongly in silence."""
    shared = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared" / "data"
    counts: Counter[str] = Counter()
    for title, change, outcome, detail in every(shared if shared.is_dir() else None):
        counts[outcome] += 1
        if outcome != "right":
            print(f"{outcome:8} {title}: {change}: {detail[:160]}")
    print(", ".join(f"{counts[outcome]} {outcome}" for outcome in ("right", "said", "refused", "silent")), SIZE)
    return int(counts["silent"] > 0)


if __name__ == "__main__":
    sys.exit(main())
