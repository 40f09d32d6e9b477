"""Output layouts: arrays in, boxes out, and which layout an array has."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models.decoders import choose
from edge_daemon.models.decoders.grid import grid_of, units
from tests.onnx_models import Box, yolov8_output, yolox_output

Array = NDArray[np.float32]
SIZE = (96, 160)
BOX: Box = (10, 20, 50, 90, 0.8, 1)


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
    output = LAYOUTS[layout](made)
    decoder = choose("auto", {"output": output}, SIZE, {}, 3)
    assert decoder.name == layout.split()[0]
    assert decoder.classes == 3
    found = decoder.decode(output, 0.4)
    order, expected = np.argsort(found.xyxy[:, 0] + found.xyxy[:, 2]), sorted(made, key=lambda b: b[0] + b[2])
    np.testing.assert_allclose(found.xyxy[order], np.reshape([b[:4] for b in expected], (-1, 4)), atol=1e-2)
    np.testing.assert_allclose(found.confidence[order], [b[4] for b in expected], rtol=1e-5)
    np.testing.assert_array_equal(found.class_id[order], [b[5] for b in expected])


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


def test_no_grid_has_so_many_cells() -> None:
    assert grid_of(300, (640, 640)) is None
    assert grid_of(25200, (640, 640)) is None
    assert grid_of(25200, (640, 640), boxes_a_cell=3) is not None


def test_one_class() -> None:
    one: Box = (10, 20, 50, 90, 0.8, 0)
    for output in (yolox_output([one], SIZE, 1), yolov8_output([one], SIZE, 1)):
        found = choose("auto", {"output": output}, SIZE, {}, None).decode(output, 0.4)
        np.testing.assert_allclose(found.xyxy, [one[:4]], atol=1e-3)


def test_eighty_unnamed_classes_are_told_apart() -> None:
    pixels = {"output": yolox_output([BOX], SIZE, 80, in_pixels=True)}
    assert choose("auto", pixels, SIZE, {}, None).name == "yolox"
    transposed = {"output": yolov8_output([BOX], SIZE, 80, transposed=True)}
    assert choose("auto", transposed, SIZE, {}, None).name == "yolov8"


def test_a_named_decoder_settles_what_could_be_either() -> None:
    outputs = {"output": yolov8_output([BOX], SIZE, 3, transposed=True)}
    assert choose("yolov8", outputs, SIZE, {}, None).classes == 3
    assert choose("yolox", outputs, SIZE, {}, None).classes == 2


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
    return output


def certain(output: Array) -> Array:
    output[0, :, 4] = 1
    return output


KNOWN = "decoders exist for YOLOX (1xNx(5+C)) and YOLOv8/11 detection (1x(4+C)xN)"
REFUSED: dict[str, tuple[dict[str, Array], dict[str, str], str]] = {
    "classification": ({"prob": zeros(1, 1000)}, {}, f"layout is not known (prob 1x1000): {KNOWN}"),
    "two outputs": ({"a": zeros(1, 315, 6), "b": zeros(1, 2)}, {}, "not known (a 1x315x6, b 1x2)"),
    "two pictures": ({"a": zeros(2, 315, 6)}, {}, "not known (a 2x315x6)"),
    "no grid": ({"a": zeros(1, 7, 9)}, {}, "not known (a 1x7x9, for an input of 96x160): decoders"),
    "yolov5": ({"a": zeros(1, 945, 85)}, {}, "looks like YOLOv5 or YOLOv7, with three boxes a cell"),
    "nms inside": ({"a": zeros(1, 300, 6)}, {}, "looks like an export with NMS inside"),
    "end to end": ({"a": zeros(1, 300, 6)}, {"end2end": "True"}, "exported end to end"),
    "pose": ({"a": yolov8_output([], SIZE)}, {"task": "pose"}, "made for the task 'pose', not to detect"),
    "pose untold": ({"a": with_value(yolov8_output([], SIZE, 52), 133)}, {}, "scores from 0.00"),
    "logits": ({"a": with_value(yolox_output([], SIZE), -5)}, {}, "it gives scores from -5 to 0.0"),
    "nan": ({"a": with_value(yolox_output([], SIZE), np.nan)}, {}, "infinite or not a number"),
    "normalised": ({"a": normalised(yolov8_output([], SIZE))}, {}, "not measured in pixels of the input"),
    "one scale": ({"a": unscored(yolov8_output([], SIZE))}, {}, "every score is 0: its output was quantised"),
    "yolov6": ({"a": certain(yolox_output([], SIZE, 80, in_pixels=True))}, {}, "objectness 1, as in YOLOv6"),
    "either": (
        {"a": yolov8_output([], SIZE, 3, transposed=True)},
        {},
        "could be YOLOX's or YOLOv8's transposed: name the 2 or 3 classes in `labels`, or set `decoder`",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_surely_fit_is_refused(case: str) -> None:
    outputs, metadata, message = REFUSED[case]
    with pytest.raises(ModelError) as caught:
        choose("auto", outputs, SIZE, metadata, None)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("yolo8", "there is no decoder 'yolo8': did you mean yolov8?"),
        ("ssd", "there is no decoder 'ssd': there are auto, yolox, yolov8"),
        ("yolox", "its output (a 1x7x315) is not what `decoder: yolox` reads; leave `decoder` at auto"),
    ],
)
def test_names_that_do_not_fit_are_refused(name: str, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        choose(name, {"a": yolov8_output([], SIZE, 3)}, SIZE, {}, None)
    assert message in str(caught.value)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_outputs_that_cannot_be_true_are_errors_at_run_time(layout: str) -> None:
    output = LAYOUTS[layout]([BOX])
    decoder = choose("auto", {"output": output}, SIZE, {}, 3)
    score = np.unravel_index(np.argmin(np.abs(output - 0.8)), output.shape)
    for value, message in ((np.nan, "infinite or not"), (np.inf, "infinite or not"), (7.0, "scores from .* to 7")):
        output[score] = value
        with pytest.raises(ModelError, match=message):
            decoder.decode(output, 0.4)


def test_sizes_beyond_all_numbers_are_errors() -> None:
    output = yolox_output([BOX], SIZE, 3)
    decoder = choose("auto", {"output": output}, SIZE, {}, 3)
    output[0, output[0, :, 4] == 1, 2] = 1000.0
    with pytest.raises(ModelError, match="infinite or not a number"):
        decoder.decode(output, 0.4)
