"""What a model is fed, and by which provider it runs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest

from edge_daemon.errors import ModelError
from edge_daemon.models.inputs import understand
from edge_daemon.models.providers import short, usable
from edge_daemon.settings import InputSettings

KNOWN = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "OpenVINOExecutionProvider", "CPUExecutionProvider"]


class Input(NamedTuple):
    name: str
    type: str
    shape: Sequence[int | str | None]


FLOATS = "tensor(float)"


ASKED = InputSettings()
Shape = list[int | str | None]


@pytest.mark.parametrize(
    ("shape", "metadata", "size", "assumed"),
    [
        ([1, 3, 224, 384], {}, (224, 384), False),
        (["batch", 3, None, "w"], {}, (640, 640), True),
        ([None, 3, "h", "w"], {"imgsz": "[384, 640]"}, (384, 640), False),
        ([1, 3, "h", 320], {"imgsz": "416"}, (416, 320), False),
        ([1, 3, 192, 192], {"imgsz": "[640, 640]"}, (192, 192), False),
        ([1, 3, -1, 0], {}, (640, 640), True),
    ],
)
def test_sizes(shape: Shape, metadata: dict[str, str], size: tuple[int, int], assumed: bool) -> None:
    inputs = understand([Input("images", FLOATS, shape)], metadata, ASKED)
    assert (inputs.size, inputs.assumed) == (size, assumed)


@pytest.mark.parametrize(
    ("shape", "channels", "last"),
    [
        ([1, 3, 8, 9], 3, False),
        ([1, 8, 9, 3], 3, True),
        ([1, 1, 8, 9], 1, False),
        ([1, 8, 9, 1], 1, True),
        ([1, 3, 9, 3], 3, False),
        ([None, None, None, 3], 3, True),
        ([None, 3, None, None], 3, False),
    ],
)
def test_channels(shape: Shape, channels: int, last: bool) -> None:
    inputs = understand([Input("x", FLOATS, shape)], {}, ASKED)
    assert (inputs.channels, inputs.channels_last) == (channels, last)
    assert len(inputs.shape(2)) == 4
    assert inputs.shape(2)[3 if last else 1] == channels


def test_a_person_may_say_what_the_file_leaves_open() -> None:
    asked = InputSettings(size=(320, 240), layout="nhwc", color="gray")
    inputs = understand([Input("x", FLOATS, [None, None, None, None])], {}, asked)
    assert inputs.shape(1) == (1, 240, 320, 1)
    assert not inputs.assumed


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("tensor(float)", "float32"),
        ("tensor(float16)", "float16"),
        ("tensor(uint8)", "uint8"),
        ("tensor(double)", "f8"),
    ],
)
def test_kinds_of_numbers(kind: str, dtype: str) -> None:
    assert understand([Input("x", kind, [1, 3, 8, 8])], {}, ASKED).dtype == np.dtype(dtype)


def test_batches() -> None:
    assert understand([Input("x", FLOATS, [4, 3, 8, 8])], {}, ASKED).batch == 4
    assert understand([Input("x", FLOATS, ["n", 3, 8, 8])], {}, ASKED).batch is None


@pytest.mark.parametrize(
    ("helper", "values"),
    [
        (Input("orig_target_sizes", "tensor(int64)", ["N", 2]), [320, 240]),
        (Input("im_shape", FLOATS, [None, 2]), [240, 320]),
        (Input("scale_factor", FLOATS, [1, 2]), [1, 1]),
    ],
)
def test_inputs_beside_the_picture(helper: Input, values: list[int]) -> None:
    inputs = understand([helper, Input("image", FLOATS, [1, 3, 240, 320])], {}, ASKED)
    assert inputs.name == "image"
    np.testing.assert_array_equal(inputs.helpers[helper.name], [values])


@pytest.mark.parametrize(
    ("inputs", "metadata", "message"),
    [
        ([], {}, "its inputs (none) include no single one for pictures"),
        (
            [Input("a", FLOATS, [1, 3, 8, 8]), Input("b", FLOATS, [1, 2])],
            {},
            "the purpose of its input b is not known (a 1x3x8x8 tensor(float), b 1x2 tensor(float)): export it without",
        ),
        (
            [Input("a", FLOATS, [1, 3, 8, 8]), Input("b", FLOATS, [1, 3, 8, 8])],
            {},
            "include no single one for pictures",
        ),
        ([Input("a", FLOATS, [1, 4, 8, 8])], {}, "(a 1x4x8x8 tensor(float)) has neither 3 channels (colour) nor 1"),
        ([Input("a", FLOATS, [1, None, 8, None])], {}, "is open: add `input: {layout"),
        ([Input("a", "tensor(int16)", [1, 3, 8, 8])], {}, "include no single one for pictures"),
        ([Input("a", FLOATS, [8, 8])], {}, "include no single one for pictures"),
        ([Input("a", FLOATS, [1, 3, 1 << 20, 1 << 20])], {}, "is too large for pictures"),
        ([Input("a", FLOATS, [1, 3, "h", "w"])], {"imgsz": "big"}, "cannot read the `imgsz` in its metadata, 'big'"),
        ([Input("a", FLOATS, [1, 3, "h", "w"])], {"imgsz": "[0, 640]"}, "is not a size, '[0, 640]'"),
    ],
)
def test_other_inputs_are_refused(inputs: list[Input], metadata: dict[str, str], message: str) -> None:
    with pytest.raises(ModelError) as caught:
        understand(inputs, metadata, ASKED)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (InputSettings(size=(640, 480)), "`input.size` is 640x480, but the file fixes its input at 320x240"),
        (InputSettings(layout="nhwc"), "`input.layout` is nhwc, but its input (a 1x3x240x320 tensor(float)) has no"),
    ],
)
def test_what_a_person_says_must_fit(asked: InputSettings, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        understand([Input("a", FLOATS, [1, 3, 240, 320])], {}, asked)
    assert message in str(caught.value)


def test_providers_in_order_of_preference() -> None:
    assert short("CUDAExecutionProvider") == "cuda"
    assert usable(["openvino", "cpu"], KNOWN, KNOWN[2:]) == KNOWN[2:]
    assert usable(["cuda", "cpu"], KNOWN, KNOWN[3:]) == KNOWN[3:]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["cdua", "cpu"], "`providers` names 'cdua', which ONNX Runtime does not know: did you mean cuda?"),
        (["xyz"], "does not know: known are cpu, cuda, openvino, tensorrt"),
        (["tensorrt", "cuda"], "has no provider tensorrt or cuda, only cpu: install one that has it, or add cpu"),
    ],
)
def test_providers_that_cannot_be_used(wanted: list[str], message: str) -> None:
    with pytest.raises(ModelError) as caught:
        usable(wanted, KNOWN, KNOWN[3:])
    assert message in str(caught.value)
