"""What a model is fed, and by which provider it runs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest

from edge_daemon.errors import ModelError
from edge_daemon.models.inputs import picture_input
from edge_daemon.models.providers import short, usable

KNOWN = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "OpenVINOExecutionProvider", "CPUExecutionProvider"]


class Input(NamedTuple):
    name: str
    type: str
    shape: Sequence[int | str | None]


FLOATS = "tensor(float)"


@pytest.mark.parametrize(
    ("shape", "metadata", "size"),
    [
        ([1, 3, 224, 384], {}, (224, 384)),
        (["batch", 3, None, "w"], {}, (640, 640)),
        ([None, 3, "h", "w"], {"imgsz": "[384, 640]"}, (384, 640)),
        ([1, 3, "h", 320], {"imgsz": "416"}, (416, 320)),
        ([1, 3, 192, 192], {"imgsz": "[640, 640]"}, (192, 192)),
    ],
)
def test_sizes(shape: list[int | str | None], metadata: dict[str, str], size: tuple[int, int]) -> None:
    assert picture_input([Input("images", FLOATS, shape)], metadata).size == size


def test_half_precision() -> None:
    assert picture_input([Input("x", "tensor(float16)", [1, 3, 8, 8])], {}).dtype == np.float16


@pytest.mark.parametrize(
    ("inputs", "metadata", "message"),
    [
        ([], {}, "it has 0 inputs"),
        (
            [Input("a", FLOATS, [1, 3, 8, 8]), Input("b", FLOATS, [1, 2])],
            {},
            "2 inputs (a 1x3x8x8 tensor(float), b 1x2",
        ),
        ([Input("a", FLOATS, [1, 8, 8, 3])], {}, "(a 1x8x8x3 tensor(float)) does not take 1x3xHxW floats"),
        ([Input("a", "tensor(uint8)", [1, 3, 8, 8])], {}, "does not take 1x3xHxW floats"),
        ([Input("a", FLOATS, [3, 8, 8])], {}, "does not take 1x3xHxW floats"),
        ([Input("a", FLOATS, [4, 3, 8, 8])], {}, "takes 4 pictures at a time: export it for one"),
        ([Input("a", FLOATS, [1, 3, "h", "w"])], {"imgsz": "big"}, "cannot read the `imgsz` in its metadata, 'big'"),
        ([Input("a", FLOATS, [1, 3, "h", "w"])], {"imgsz": "[0, 640]"}, "is no size, '[0, 640]'"),
    ],
)
def test_other_inputs_are_refused(inputs: list[Input], metadata: dict[str, str], message: str) -> None:
    with pytest.raises(ModelError) as caught:
        picture_input(inputs, metadata)
    assert message in str(caught.value)


def test_providers_in_order_of_preference() -> None:
    assert short("CUDAExecutionProvider") == "cuda"
    assert usable(["openvino", "cpu"], KNOWN, KNOWN[2:]) == KNOWN[2:]
    assert usable(["cuda", "cpu"], KNOWN, KNOWN[3:]) == KNOWN[3:]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["cdua", "cpu"], "`providers` names 'cdua', which ONNX Runtime does not know: did you mean cuda?"),
        (["xyz"], "does not know: there are cpu, cuda, openvino, tensorrt"),
        (["tensorrt", "cuda"], "has no provider tensorrt or cuda, only cpu: install one that has, or add cpu"),
    ],
)
def test_providers_that_cannot_be_used(wanted: list[str], message: str) -> None:
    with pytest.raises(ModelError) as caught:
        usable(wanted, KNOWN, KNOWN[3:])
    assert message in str(caught.value)
