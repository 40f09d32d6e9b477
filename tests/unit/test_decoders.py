"""Output layouts: arrays in, boxes out, and which layout an array has."""

import ast
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models.decoders import BY_NAME, candidates
from edge_daemon.models.decoders.decoder import Decoder, Outputs, Seen, found
from edge_daemon.models.decoders.grid import centred, cornered, grid_of, units
from edge_daemon.models.decoders.yolov8 import rotated
from edge_daemon.models.detections import Findings
from edge_daemon.models.preprocess import place
from edge_daemon.models.probe import check_few, check_plausible, texture
from edge_daemon.models.reading import arranged
from tests import layouts
from tests.onnx_models import Box, yolov8_output, yolox_output

Array = NDArray[np.float32]
SIZE = (96, 160)
BOX: Box = (10, 20, 50, 90, 0.8, 1)


def numbered(count: int | None) -> tuple[str, ...] | None:
    return None if count is None else tuple(f"kind {number}" for number in range(count))


def read(
    outputs: Outputs, named: int | None = None, asked: str = "auto", size: tuple[int, int] = SIZE, **metadata: str
) -> Decoder:
    """The only way to read outputs."""
    (decoder,) = candidates(Seen(outputs=outputs, size=size, metadata=metadata, names=numbered(named), asked=asked))
    return decoder


@st.composite
def boxes(draw: st.DrawFn) -> list[Box]:
    """Up to five boxes of three classes, each with a centre in a cell of its own."""
    count = draw(st.integers(0, 5))
    columns = draw(st.permutations(range(SIZE[1] // 32)))[:count]
    made: list[Box] = []
    for column in columns:
        x, y = 32 * column + draw(st.floats(1, 31)), draw(st.floats(1, SIZE[0] - 1))
        half_width, half_height = draw(st.floats(1, 80)), draw(st.floats(1, 60))
        score, class_id = draw(st.floats(0.41, 1)), draw(st.integers(0, 2))
        made.append((x - half_width, y - half_height, x + half_width, y + half_height, score, class_id))
    return made


LAYOUTS = {
    "yolox": lambda made: yolox_output(made, SIZE, 3),
    "yolox in pixels": lambda made: yolox_output(made, SIZE, 3, in_pixels=True),
    "yolov8": lambda made: yolov8_output(made, SIZE, 3),
    "yolov8 transposed": lambda made: yolov8_output(made, SIZE, 3, transposed=True),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@given(made=boxes())
def test_boxes_come_out_as_they_went_in(layout: str, made: list[Box]) -> None:
    outputs = {"output": LAYOUTS[layout](made)}
    decoder = read(outputs, 3)
    assert decoder.name == layout.split()[0]
    assert decoder.classes == 3
    seen = decoder.decode(outputs, 0.4).detections
    order, expected = np.argsort(seen.xyxy[:, 0] + seen.xyxy[:, 2]), sorted(made, key=lambda b: b[0] + b[2])
    np.testing.assert_allclose(seen.xyxy[order], np.reshape([b[:4] for b in expected], (-1, 4)), atol=1e-2)
    np.testing.assert_allclose(seen.confidence[order], [b[4] for b in expected], rtol=1e-5)
    np.testing.assert_array_equal(seen.class_id[order], [b[5] for b in expected])


@pytest.mark.parametrize(
    ("cells", "size", "strides"),
    [
        (3549, (416, 416), (8, 16, 32)),
        (1764, (224, 384), (8, 16, 32)),
        (756, (192, 192), (8, 16, 32)),
        (8500, (640, 640), (8, 16, 32, 64)),
        (34000, (640, 640), (4, 8, 16, 32)),
    ],
)
def test_grids(cells: int, size: tuple[int, int], strides: tuple[int, ...]) -> None:
    grid = grid_of(cells, size)
    assert grid is not None
    assert grid.strides == strides
    assert len(grid) == cells
    np.testing.assert_array_equal(grid.centre[0], [strides[0] / 2] * 2)
    np.testing.assert_array_equal(grid.centre[1], [strides[0] * 1.5, strides[0] / 2])
    np.testing.assert_array_equal(grid.centre[-1], [size[1] - strides[-1] / 2, size[0] - strides[-1] / 2])
    assert units(grid.centre, grid) == "pixels"
    assert units(grid.centre / np.float32(640), grid) is None
    assert units(np.zeros_like(grid.centre), grid) == "offsets"
    extent = np.tile(grid.stride[:, None], 2)
    around = np.hstack((grid.centre - extent, grid.centre + extent))
    assert centred(np.hstack((grid.centre, extent)), grid)
    assert not centred(around, grid)
    assert cornered(around, grid)
    assert not cornered(np.hstack((grid.centre, extent)), grid)


def test_no_grid_has_so_many_cells() -> None:
    assert grid_of(300, (640, 640)) is None
    assert grid_of(25200, (640, 640)) is None
    assert grid_of(25200, (640, 640), boxes_a_cell=3) is not None


def test_one_class() -> None:
    one: Box = (10, 20, 50, 90, 0.8, 0)
    for output in (yolox_output([one], SIZE, 1), yolov8_output([one], SIZE, 1)):
        outputs = {"output": output}
        np.testing.assert_allclose(read(outputs).decode(outputs, 0.4).detections.xyxy, [one[:4]], atol=1e-3)


def test_eighty_unnamed_classes_are_told_apart() -> None:
    assert read({"output": yolox_output([BOX], SIZE, 80, in_pixels=True)}).name == "yolox"
    assert read({"output": yolov8_output([BOX], SIZE, 80, transposed=True)}).name == "yolov8"


def test_a_named_decoder_settles_what_could_be_either() -> None:
    outputs = {"output": yolov8_output([BOX], SIZE, 3, transposed=True)}
    assert read(outputs, asked="yolov8").classes == 3
    assert read(outputs, asked="yolox").classes == 2


@pytest.mark.parametrize("name", layouts.DETECTORS)
def test_each_layout_is_one_decoders_only(name: str) -> None:
    layout = layouts.DETECTORS[name]()
    named = len(ast.literal_eval(layout.metadata["names"])) if "names" in layout.metadata else None
    outputs = {output: whole(array) for output, array in layout.outputs.items()}
    assert read(outputs, named, size=layouts.SIZE, **layout.metadata).name == layout.decoder


def whole(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """As a session gives it: halves and doubles as float32."""
    return array.astype(np.float32) if np.issubdtype(array.dtype, np.floating) else array


def zeros(*shape: int) -> Array:
    return np.zeros(shape, np.float32)


def with_value(output: Array, value: float) -> Array:
    output[0, -1, -1] = value
    return output


def normalised(output: Array) -> Array:
    output[0, :4] /= 160
    return output


def unscored(output: Array) -> Array:
    output[0, 4:] = 0
    return np.round(output).astype(np.uint8).astype(np.float32)


REFUSED: dict[str, tuple[dict[str, Array], dict[str, str], str]] = {
    "no outputs": ({}, {}, "it has no outputs"),
    "two pictures": ({"a": zeros(2, 315, 6)}, {}, "output layout is not known (a 2x315x6, for an input of 160x96)"),
    "no grid": (
        {"a": zeros(1, 7, 9)},
        {},
        "output layout is not known (a 1x7x9, for an input of 160x96): docs",
    ),
    "pose untold": ({"a": with_value(yolov8_output([], SIZE, 52), 133)}, {}, "scores range from 0.00"),
    "logits": ({"a": with_value(yolox_output([], SIZE), -5)}, {}, "its scores range from -5 to 0.0"),
    "nan": ({"a": with_value(yolox_output([], SIZE), np.nan)}, {}, "infinite or not a number"),
    "normalised": ({"a": normalised(yolov8_output([], SIZE))}, {}, "output layout is not known"),
    "one scale": ({"a": unscored(yolov8_output([], SIZE))}, {}, "every score is 0: its output was quantised"),
    "either": ({"a": yolov8_output([], SIZE, 3, transposed=True)}, {}, "or its classes in `labels`"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_surely_fit_is_refused(case: str) -> None:
    outputs, metadata, message = REFUSED[case]
    with pytest.raises(ModelError) as caught:
        candidates(Seen(outputs=outputs, size=SIZE, metadata=metadata))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("yolo8", "there is no decoder 'yolo8': did you mean yolov8?"),
        ("mine", "there is no decoder 'mine': known are auto, blazeface, centernet"),
        ("yolox", "`decoder: yolox` cannot read its outputs (a 1x7x315, for an input of 160x96)"),
    ],
)
def test_names_that_do_not_fit_are_refused(name: str, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        candidates(Seen(outputs={"a": yolov8_output([], SIZE, 3)}, size=SIZE, metadata={}, asked=name))
    assert message in str(caught.value)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_outputs_that_cannot_be_true_are_errors_at_run_time(layout: str) -> None:
    output = LAYOUTS[layout]([BOX])
    decoder = read({"output": output}, 3)
    score = np.unravel_index(np.argmin(np.abs(output - 0.8)), output.shape)
    for value, message in (
        (np.nan, "infinite or not"),
        (np.inf, "infinite or not"),
        (7.0, "scores range from .* to 7"),
    ):
        output[score] = value
        with pytest.raises(ModelError, match=message):
            decoder.decode({"output": output}, 0.4)


def test_sizes_beyond_all_numbers_are_errors() -> None:
    output = yolox_output([BOX], SIZE, 3)
    decoder = read({"output": output}, 3)
    output[0, output[0, :, 4] == 1, 2] = 1000.0
    with pytest.raises(ModelError, match="infinite or not a number"):
        decoder.decode({"output": output}, 0.4)


@given(st.data(), st.sampled_from(sorted(layouts.DETECTORS)))
def test_decoders_raise_nothing_but_model_errors(data: st.DataObject, name: str) -> None:
    """And what they give in spite of anything is what findings may be."""
    layout = layouts.DETECTORS[name]()
    named = len(ast.literal_eval(layout.metadata["names"])) if "names" in layout.metadata else None
    good = {output: whole(array) for output, array in layout.outputs.items()}
    decoder = read(good, named, size=layouts.SIZE, **layout.metadata)
    bad = {output: spoiled(data, array) for output, array in good.items()}
    with np.errstate(over="ignore", invalid="ignore"):  # what is beyond all numbers shows as infinite
        try:
            findings = decoder.decode(bad, 0.4)
            check_plausible(findings, layouts.SIZE)
            findings = decoder.finish(findings, bad, place((90, 120), layouts.SIZE, "letterbox"))
        except ModelError:
            return
    sound(findings)


CHANGES: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "nothing": lambda array: array,
    "axes reversed": lambda array: array.T,
    "last axes swapped": lambda array: array.swapaxes(-1, -2) if array.ndim > 1 else array,
    "an axis more": lambda array: array[None],
    "no batch": lambda array: array[0] if array.ndim > 1 and len(array) else array,
    "two pictures": lambda array: np.concatenate((array, array)),
    "a column less": lambda array: array[..., :-1],
    "a column more": lambda array: np.concatenate((array, array[..., :1]), axis=-1),
    "no rows": lambda array: array[:, :0] if array.ndim > 1 else array,
    "no columns": lambda array: array[..., :0],
    "one row": lambda array: array[:, :1] if array.ndim > 1 else array,
    "flat": lambda array: array.ravel(),
    "whole": lambda array: array.astype(np.int64),
    "bytes": lambda array: array.astype(np.uint8),
    "zero": lambda array: array * 0,
    "NaN": lambda array: array * np.nan,
    "infinite": lambda array: array + np.inf,
    "negative": lambda array: array * -1.0,
    "large": lambda array: array * 1e30,
}
TASKS = st.sampled_from(["", "", "detect", "segment", "pose", "obb", "classify", "semantic", "other"])


@given(st.data(), st.sampled_from(sorted(layouts.DETECTORS)), TASKS, st.sampled_from([None, 1, 80]))
def test_recognising_raises_nothing_but_model_errors(
    data: st.DataObject, name: str, task: str, named: int | None
) -> None:
    """And what is recognised can be decoded."""
    outputs: dict[str, NDArray[np.generic]] = {}
    with np.errstate(over="ignore", invalid="ignore"):
        for output, array in layouts.DETECTORS[name]().outputs.items():
            change = data.draw(st.sampled_from(["nothing"] * len(CHANGES) + sorted(CHANGES)))
            changed = CHANGES[change](whole(array) if array.ndim else array[None])
            outputs[output] = whole(changed)
        asked = data.draw(st.sampled_from(["auto"] * len(BY_NAME) + sorted(BY_NAME)))
        try:
            seen = Seen(outputs=outputs, size=layouts.SIZE, metadata={"task": task}, names=numbered(named), asked=asked)
            for decoder in candidates(seen):
                given_to_it = arranged(outputs, decoder)
                findings = decoder.decode(given_to_it, 0.4)
                check_plausible(findings, layouts.SIZE)
                sound(decoder.finish(findings, given_to_it, place((90, 120), layouts.SIZE, "letterbox")))
        except ModelError:
            return


def spoiled(data: st.DataObject, array: NDArray[np.generic]) -> NDArray[np.generic]:
    """Of the same shape, with some other values in some or all places."""
    if not np.issubdtype(array.dtype, np.floating) or not array.size:
        return array
    values = data.draw(arrays.arrays(np.float32, 8, elements=st.floats(width=32)))
    share = data.draw(st.sampled_from([0.0, 1e-4, 0.01, 1.0]))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    return np.where(random.random(array.shape) < share, random.choice(values, array.shape), array).astype(np.float32)


def sound(findings: Findings) -> None:
    seen = findings.detections
    assert seen.xyxy.shape == (len(seen), 4)
    assert np.isfinite(seen.xyxy).all()
    assert ((seen.confidence >= 0) & (seen.confidence <= 1)).all()
    assert (seen.class_id >= 0).all()
    for column in (seen.keypoints, seen.corners):
        assert column is None or np.isfinite(column).all()


ANGLES = st.floats(-4, 4, width=32)
LENGTHS = st.floats(1, 500, width=32)


@given(ANGLES, LENGTHS, LENGTHS, st.floats(-500, 500, width=32), st.floats(-500, 500, width=32))
def test_turned_boxes(angle: float, width: float, height: float, x: float, y: float) -> None:
    centre, extent = np.array([[x, y]], np.float32), np.array([[width, height]], np.float32)
    (corners,) = rotated(centre, extent, np.array([angle], np.float32))
    np.testing.assert_allclose(corners.mean(axis=0), centre[0], atol=1e-2)
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    np.testing.assert_allclose(sides, [width, height, width, height], rtol=1e-3, atol=1e-2)
    # From the top left to the top right, along the angle; clockwise, so that the area is positive as y points down.
    along = corners[1] - corners[0]
    np.testing.assert_allclose(along, width * np.array([np.cos(angle), np.sin(angle)]), rtol=1e-3, atol=0.05)
    (x0, y0), (x1, y1) = along, corners[3] - corners[0]
    assert x0 * y1 - y0 * x1 == pytest.approx(width * height, rel=0.01)


def findings_of(xyxy: list[tuple[float, float, float, float]], kind: float = 0) -> Findings:
    return found(np.array(xyxy, np.float32), np.full(len(xyxy), 0.9, np.float32), np.full(len(xyxy), kind))


@pytest.mark.parametrize(
    ("findings", "message"),
    [
        (findings_of([(5, 5, 5, 9), (9, 9, 8, 12), (1, 1, 9, 9)]), "2 of its 3 boxes have no area"),
        (findings_of([(900, 5, 950, 9)]), "1 of its 1 boxes lie outside the picture"),
        (findings_of([(-9000, 5, 9000, 9)]), "1 of its 1 boxes are far larger than the picture"),
    ],
)
def test_what_cannot_be_true(findings: Findings, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        check_plausible(findings, SIZE)


@pytest.mark.parametrize("kind", [20_000, 1e30, -1])
def test_classes_that_no_model_has(kind: float) -> None:
    with pytest.raises(ModelError, match=r"it returns class (20000|1e\+30|-1), which is out of range"):
        findings_of([(5, 5, 9, 9)], kind)


def test_what_can_be_true() -> None:
    check_plausible(findings_of([]), SIZE)
    check_plausible(findings_of([(-20, -20, 30, 30), (0, 0, 160, 96)]), SIZE)
    check_few(findings_of([(0, 0, 9, 9)] * 500))
    with pytest.raises(ModelError, match="it finds 501 objects in a test picture without any"):
        check_few(findings_of([(0, 0, 9, 9)] * 501))


def test_the_texture_is_the_same_each_time() -> None:
    picture = texture(*SIZE)
    assert picture.shape == (*SIZE, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, texture(*SIZE))
    assert picture.std() > 20
