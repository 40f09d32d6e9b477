"""ONNX files as models, through ONNX Runtime: built ones, and real ones where they are at hand."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edge_daemon.errors import ExitCode, ModelError
from edge_daemon.models.detections import Findings
from edge_daemon.models.model import Model
from edge_daemon.settings import InputSettings, ModelSettings, ProviderSettings
from tests import onnx_models
from tests.onnx_models import Box

PICTURE = np.zeros((90, 160, 3), np.uint8)
WHITE = np.full((64, 64, 3), 255, np.uint8)
BOXES: list[Box] = [(4, 8, 20, 30, 0.8, 0), (60, 10, 90, 60, 0.6, 1)]
WIDE = (64, 96)


def load(path: Path | str, **settings: Any) -> Model:
    return Model(ModelSettings(name="person", path=str(path), **settings))


def refusal(path: Path | str, **settings: Any) -> str:
    with pytest.raises(ModelError) as caught:
        load(path, **settings)
    assert caught.value.exit_code == ExitCode.START
    message = str(caught.value)
    assert message.startswith(f"model person ({path}): ")
    assert "\n" not in message
    return message.removeprefix(f"model person ({path}): ")


def test_yolox_boxes_are_in_pixels_of_the_picture(tmp_path: Path) -> None:
    model = load(onnx_models.yolox_model(tmp_path / "m.onnx", BOXES, WIDE, 2))
    findings, timing = model.detect(PICTURE)
    found = findings.detections
    # 160x90 becomes 96x54 at the top left.
    np.testing.assert_allclose(found.xyxy, [[4 / 0.6, 8 / 0.6, 20 / 0.6, 50], [100, 10 / 0.6, 150, 90]], atol=1e-3)
    np.testing.assert_allclose(found.confidence, [0.8, 0.6], rtol=1e-5)
    assert found.class_id.tolist() == [0, 1]
    assert model.names == ("class 0", "class 1")
    assert min(timing.preprocess, timing.infer, timing.postprocess) > 0


def test_yolov8_boxes_are_in_pixels_of_the_picture(tmp_path: Path) -> None:
    model = load(onnx_models.yolov8_model(tmp_path / "m.onnx", BOXES, WIDE, 2))
    found = model.detect(PICTURE)[0].detections
    # 160x90 becomes 96x54 with 5 rows of grey above and below.
    np.testing.assert_allclose(found.xyxy, [[4 / 0.6, 5, 20 / 0.6, 25 / 0.6], [100, 5 / 0.6, 150, 90]], atol=1e-3)


def test_pictures_of_changing_sizes(tmp_path: Path) -> None:
    model = load(onnx_models.colour_model(tmp_path / "m.onnx"))
    assert model.names == ("person",)
    for height, width in ((90, 160), (1, 1), (1, 5000), (2000, 3), (64, 64)):
        found = model.detect(np.zeros((height, width, 3), np.uint8))[0].detections
        np.testing.assert_allclose(found.xyxy, [[0, 0, width, height]], rtol=1e-5)


def test_confidence_and_classes_filter(tmp_path: Path) -> None:
    path = onnx_models.yolox_model(tmp_path / "m.onnx", BOXES, WIDE, 2)
    assert load(path, confidence=0.7).detect(PICTURE)[0].detections.class_id.tolist() == [0]
    assert load(path, labels=["cat", "dog"], classes=["dog"]).detect(PICTURE)[0].detections.class_id.tolist() == [1]
    assert len(load(path, confidence=0.9).detect(PICTURE)[0].detections) == 0


def test_boxes_in_the_grey_are_left_out(tmp_path: Path) -> None:
    path = onnx_models.yolov8_model(tmp_path / "m.onnx", [(10, 0, 30, 4, 0.9, 0), *BOXES], WIDE, 2)
    assert len(load(path).detect(PICTURE)[0].detections) == 2


def test_what_is_left_open_is_filled_in(tmp_path: Path) -> None:
    output = {"output": onnx_models.yolox_output(BOXES, WIDE, 2)}
    path = onnx_models.constant_model(
        tmp_path / "m.onnx", output, ("height", "width"), batch="batch", metadata={"imgsz": "[64, 96]"}
    )
    model = load(path)
    assert model.size == WIDE
    assert len(model.detect(PICTURE)[0].detections) == 2


def test_half_precision(tmp_path: Path) -> None:
    output = {"output": onnx_models.yolox_output(BOXES, WIDE, 2).astype(np.float16)}
    path = onnx_models.constant_model(tmp_path / "m.onnx", output, WIDE, dtype=TensorProto.FLOAT16)
    found = load(path).detect(PICTURE)[0].detections
    assert found.xyxy.dtype == np.float32
    np.testing.assert_allclose(found.xyxy[1], [100, 10 / 0.6, 150, 90], atol=0.5)


def test_a_line_for_the_log(tmp_path: Path) -> None:
    path = onnx_models.colour_model(tmp_path / "m.onnx")
    assert load(path, threads=2).describe() == (
        f"{path}: input 64x64 BGR, corner, decoder yolox (1x84x6, cells of 8, 16, 32 pixels, boxes relative to their "
        "cell), provider cpu, 2 threads, 1 class (person)"
    )


def test_a_provider_that_is_missing_gives_way_to_the_next(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = onnx_models.colour_model(tmp_path / "m.onnx")
    with caplog.at_level(logging.WARNING):
        model = load(path, providers=[ProviderSettings(name="rknpu"), ProviderSettings(name="cpu")])
    assert "provider cpu" in model.describe()
    assert caplog.messages == ["the provider rknpu is not available: using cpu"]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (onnx_models.failing_model, "ONNX Runtime failed to run it: .*out of data bounds"),
        (onnx_models.nan_model, "its outputs contain values that are infinite or not a number"),
    ],
    ids=["error", "nan"],
)
def test_a_failure_is_an_error_and_the_next_picture_is_served(tmp_path: Path, build: Any, message: str) -> None:
    model = load(build(tmp_path / "m.onnx"))
    with pytest.raises(ModelError, match=f"model person .*: {message}"):
        model.detect(WHITE)
    assert len(model.detect(PICTURE)[0].detections) == 1


def test_a_slow_model_takes_its_time(tmp_path: Path) -> None:
    model = load(onnx_models.slow_model(tmp_path / "m.onnx", 20))
    _, timing = model.detect(PICTURE)
    assert timing.infer > 8
    assert timing.preprocess < timing.infer


BYTES = {
    "empty": (b"", "the file is empty: download or export it again"),
    "lfs": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3660092\n",
        "the file is a Git LFS pointer, not the model: run `git lfs pull` in its repository",
    ),
    "page": (b"<!DOCTYPE html><html></html>", "the file is a web page: download the model again"),
    "encrypted": (
        bytes(range(7, 250)),
        "the file is not a complete ONNX model (cut off, damaged or encrypted): download or export it again",
    ),
    "TensorFlow Lite": (b"\x1c\0\0\0TFL3" + bytes(60), "the file is a TensorFlow Lite model: convert it to ONNX"),
    "checkpoint": (
        b"PK\x03\x04" + bytes(60),
        "the file is an archive, such as a PyTorch checkpoint: export it to ONNX",
    ),
}


@pytest.mark.parametrize("case", BYTES)
def test_files_that_are_no_model(tmp_path: Path, case: str) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(BYTES[case][0])
    assert refusal(path) == BYTES[case][1]


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_model(tmp_path: Path, keep: float) -> None:
    path = onnx_models.colour_model(tmp_path / "m.onnx")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    message = refusal(path)
    assert "download or export it again" in message or "cannot load it" in message


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.onnx") == "cannot read the file: No such file or directory"
    assert refusal(tmp_path) == "cannot read the file: Is a directory"
    assert refusal("builtin:nobody").startswith("no model builtin:nobody ships with edge-daemon")


def test_models_that_onnx_runtime_cannot_load(tmp_path: Path) -> None:
    output = {"output": onnx_models.yolox_output([])}
    path = onnx_models.constant_model(tmp_path / "m.onnx", output, opset=99)
    message = refusal(path)
    assert "Opset 99 is under development" in message
    assert message.endswith("export it with standard operators, for an older opset (such as 17)")
    model = onnx.load(onnx_models.constant_model(path, output))
    model.graph.node.append(helper.make_node("Frobnicate", ["images"], ["y"]))
    path.write_bytes(model.SerializeToString())
    message = refusal(path)
    assert "No Op registered for Frobnicate" in message
    assert message.endswith("export it with standard operators, for an older opset (such as 17)")


def test_weights_that_are_not_beside_the_model(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    model = onnx.load(onnx_models.constant_model(path, {"output": onnx_models.yolox_output([])}))
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0, convert_attribute=True)
    weights = tmp_path / "weights.bin"
    assert Model(ModelSettings(name="m", path=str(path))).decoder.name == "yolox"
    weights.write_bytes(weights.read_bytes()[:50])
    assert refusal(path).endswith("download the file with its weights too, and put it beside the model")
    weights.unlink()
    assert refusal(path).endswith("download the file with its weights too, and put it beside the model")


def test_inputs_and_outputs_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    output = {"output": onnx_models.yolox_output([])}
    four = onnx_models.constant_model(path, output, channels=4)
    assert "has neither 3 channels (colour) nor 1 (grey)" in refusal(four)
    assert "include no single one for pictures" in refusal(onnx_models.constant_model(path, output, inputs=2))
    assert "`input.color` is rgb, but its input has 1 channels" in refusal(
        onnx_models.constant_model(path, output, channels=1), input=InputSettings(color="rgb")
    )
    truth = {"truth": np.array([True])}
    assert "are no tensors of numbers: truth tensor(bool)" in refusal(onnx_models.constant_model(path, truth))
    odd = {"odd": np.zeros((1, 7, 9), np.float32)}
    message = refusal(onnx_models.constant_model(path, odd))
    assert "its output layout is not known (odd 1x7x9, for an input of 64x64): docs/models.md" in message


def test_outputs_that_are_no_numbers_are_passed_over(tmp_path: Path) -> None:
    text = np.array(["made by hand"], object)
    outputs = {"output": onnx_models.yolox_output(BOXES, WIDE, 2), "truth": np.array([True]), "text": text}
    model = load(onnx_models.constant_model(tmp_path / "m.onnx", outputs, WIDE))
    assert len(model.detect(PICTURE)[0].detections) == 2
    assert [note for note in model.notes if "passed over" in note] == [
        "its output truth (tensor(bool)) is no tensor of numbers and is passed over",
        "its output text (tensor(string)) is no tensor of numbers and is passed over",
    ]


def test_a_size_in_the_metadata_is_needed_only_if_the_file_leaves_it_open(tmp_path: Path) -> None:
    output, wrong = {"output": onnx_models.yolox_output(BOXES, WIDE, 2)}, {"imgsz": "64x96"}
    model = load(onnx_models.constant_model(tmp_path / "m.onnx", output, WIDE, metadata=wrong))
    assert len(model.detect(PICTURE)[0].detections) == 2
    assert any("`imgsz` in its metadata cannot be read ('64x96')" in note for note in model.notes)
    opened = onnx_models.constant_model(tmp_path / "m.onnx", output, ("height", "width"), metadata=wrong)
    assert refusal(opened) == "cannot read the `imgsz` in its metadata, '64x96': set `input.size`"
    assert load(opened, input=InputSettings(size=(96, 64))).size == WIDE


def test_pictures_as_whole_numbers_with_a_sign(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx_models.constant_model(path, {"output": onnx_models.yolox_output(BOXES, WIDE, 2)}, WIDE, dtype=TensorProto.INT8)
    model = load(path)
    (values,) = (fact for fact in model.facts if fact.what == "values")
    assert (values.value, values.sure) == ("-128 to 127", "likely")
    for grey, value in ((255, 127), (128, 0), (0, -128)):
        model.detect(np.full((*WIDE, 3), grey, np.uint8))
        assert (model.session.tensor == value).all()


def test_settings_that_do_not_fit(tmp_path: Path) -> None:
    path = onnx_models.yolox_model(tmp_path / "m.onnx", [], classes=2, metadata={"names": "['cat', 'dog']"})
    assert refusal(path, classes=["dogs"]) == "`classes` names 'dogs', which the model does not have: did you mean dog?"
    assert refusal(path, classes=["zebra"]).endswith("which the model does not have: it has cat, dog")
    assert refusal(path, labels=["cat"]).startswith("it has 2 classes, but 1 names are given (cat)")
    assert "there is no decoder 'yolo8': did you mean yolov8?" in refusal(path, decoder="yolo8")
    assert "`decoder: yolov8` cannot read its outputs" in refusal(path, decoder="yolov8")
    assert "did you mean cuda?" in refusal(path, providers=[ProviderSettings(name="cudda")])
    assert "has no provider rknpu, only" in refusal(path, providers=[ProviderSettings(name="rknpu")])


# Real models and what an independent decoder found: at these thresholds, and where it is not 0.45, this IoU.
CONFIDENCE = {
    "FastestDet": 0.55,
    "deimv2_hgnetv2_atto_coco": 0.4,
    "light_person_detector": 0.4,
    "nanodet_m_320": 0.4,
    "retinaface_mobilenet0.25": 0.6,
    "rtmdet_nano_end2end": 0.4,
    "ultraface_RFB-320": 0.7,
    "yolo11n-pose_int8_headfixed": 0.4,
    "yolo11n_int8_a": 0.4,
    "yolov10n_int8": 0.4,
    "yolov5n_fp16": 0.4,
    "yolov8n-seg_int8": 0.4,
    "yolov8n_320_deq": 0.4,
    "yolox_nano": 0.3,
    "yunet_n_320_320": 0.6,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "rtmdet_nano_end2end": {"input": InputSettings(size=(320, 320))},
    "ultraface_RFB-320": {"iou": 0.3},
}
NEAR = 0.03


def overlaps(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """IoU of one box with each of the others."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.prod(np.maximum(sides, 0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
    result: NDArray[np.float32] = shared / (np.prod(box[2:] - box[:2]) + areas - shared)
    return result


@pytest.mark.long
@pytest.mark.parametrize("name", CONFIDENCE)
def test_real_models_find_what_an_independent_decoder_found(shared_data: Path, name: str) -> None:
    threshold = CONFIDENCE[name]
    model = load(
        shared_data / "models" / f"{name}.onnx", **{"confidence": threshold, "iou": 0.45, **SETTINGS.get(name, {})}
    )
    assert not any("could also" in note for note in model.notes)
    matched = 0
    for file in sorted((shared_data / "expected" / name).glob("*.json")):
        expected = json.loads(file.read_text())
        picture = cv2.imread(str(shared_data / "images" / expected["picture"]))
        assert picture is not None
        found = model.detect(picture.astype(np.uint8, copy=False))[0].detections
        unmatched = set(range(len(found)))
        for box in expected["detections"]:
            edges = np.array(box["xyxy"], np.float32)
            if model.decoder.clips_boxes:
                edges = np.clip(edges, 0, [expected["width"], expected["height"]] * 2).astype(np.float32)
            iou = np.where(found.class_id == box["class_id"], overlaps(edges, found.xyxy), 0)
            best = max(unmatched, key=lambda i: iou[i], default=None)
            if best is None or iou[best] <= 0.9:
                assert box["confidence"] <= threshold + NEAR, f"{file.name}: missed {box}"
                continue
            unmatched.remove(best)
            matched += 1
            assert found.confidence[best] == pytest.approx(box["confidence"], abs=0.02)
            near_points(found.keypoints, best, box)
        extra = [i for i in unmatched if found.confidence[i] > threshold + NEAR]
        assert not extra, f"{file.name}: {found.xyxy[extra]} are not expected"
    assert matched > 10


def near_points(keypoints: NDArray[np.float32] | None, number: int, box: Mapping[str, Any]) -> None:
    """Keypoints that are seen lie within a fiftieth of the box of where they are expected."""
    if keypoints is None or "keypoints" not in box:
        return
    expected = np.array(box["keypoints"])
    seen = expected[:, 2] > 0.5 if expected.shape[1] > 2 else np.ones(len(expected), bool)
    left, top, right, bottom = box["xyxy"]
    apart = np.linalg.norm(keypoints[number, :, :2] - expected[:, :2], axis=1)
    assert (apart[seen] < 0.02 * np.hypot(right - left, bottom - top)).all()


@pytest.mark.long
def test_real_models_that_tell_of_the_whole_picture(shared_data: Path) -> None:
    def findings(name: str, picture: str) -> Findings:
        bgr = cv2.imread(str(shared_data / "images" / picture))
        assert bgr is not None
        return load(shared_data / "models" / f"{name}.onnx").detect(bgr.astype(np.uint8, copy=False))[0]

    classes = findings("shufflenet-v2-12-int8", "dog.jpg").classes
    assert classes is not None
    assert {one.class_id for one in classes[:3]} == {248, 249, 250}  # husky, malamute, Siberian husky
    label_map = findings("deeplab_v3_voc", "dog.jpg").label_map
    assert label_map is not None
    assert {2, 12} <= set(np.unique(label_map).tolist())  # bicycle, dog
    one, other = (findings("osnet_x0_25_msmt17", picture).embedding for picture in ("zidane.jpg", "dog.jpg"))
    assert one is not None
    assert other is not None
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-5)
    assert float(one @ other) < 0.9
