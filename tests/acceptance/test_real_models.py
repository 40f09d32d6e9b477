"""Real models of every family, where they are at hand, run over pictures by the daemon.

What it says is what the model's decoder says when it is called directly, and what an independent decoder found.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
import yaml
from pycocotools.coco import COCO  # type: ignore[import-untyped]
from pycocotools.cocoeval import COCOeval  # type: ignore[import-untyped]

from edge_daemon.config.load import loads
from edge_daemon.messages.findings import Found
from edge_daemon.models.model import Model
from edge_daemon.supervisor.kinds.worker import model_settings
from edge_daemon.worker.report import report
from tests.acceptance.harness import running

pytestmark = pytest.mark.long
Detection = dict[str, Any]
MARGIN = 0.03
"""What scores within it of the threshold may be found or not."""
DIRECTLY = 6
"""One picture of six is also given to the decoder directly."""


@dataclass(frozen=True)
class Case:
    """The threshold that expected detections were made with, and what a model's YAML needs besides its path."""

    confidence: float = 0.4
    more: dict[str, Any] = field(default_factory=dict)


DETECTORS = {
    "FastestDet": Case(0.55),
    "deimv2_hgnetv2_atto_coco": Case(),
    "light_person_detector": Case(),
    "nanodet_m_320": Case(),
    "retinaface_mobilenet0.25": Case(0.6),
    "rtmdet_nano_end2end": Case(more={"input": {"size": 320}}),
    "ultraface_RFB-320": Case(0.7, {"iou": 0.3}),
    "yolo11n-pose_int8_headfixed": Case(),
    "yolo11n_int8_a": Case(),
    "yolov10n_int8": Case(),
    "yolov5n_fp16": Case(),
    "yolov8n-seg_int8": Case(),
    "yolov8n_320_deq": Case(),
    "yolox_nano": Case(0.3),
    "yunet_n_320_320": Case(0.6),
}
OTHERS = ("deeplab_v3_voc", "osnet_x0_25_msmt17", "shufflenet-v2-12-int8", "st_ssd_mobilenet_v1_025_256")
CASES = DETECTORS | dict.fromkeys(OTHERS, Case())


def config_of(shared_data: Path, cases: dict[str, Case]) -> str:
    models = {
        name: {"path": str(shared_data / "models" / f"{name}.onnx"), "confidence": case.confidence, **case.more}
        for name, case in cases.items()
    }
    return yaml.safe_dump({"cameras": {"pictures": {"source": str(shared_data / "images")}}, "models": models})


@pytest.fixture(scope="module")
def results(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What each model found in each picture, in a daemon with all of them."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in CASES}
    with running(tmp_path_factory.mktemp("models"), config_of(shared_data, CASES)) as daemon:
        assert daemon.finish(300) == 0
        for line in daemon.lines():
            found[line["model"]].append(line)
    return found


def pictures_in(shared_data: Path) -> list[Path]:
    return sorted(file for file in (shared_data / "images").iterdir() if file.suffix in (".jpg", ".jpeg"))


@pytest.mark.parametrize("name", CASES)
def test_a_folder_of_pictures(results: dict[str, list[dict[str, Any]]], shared_data: Path, name: str) -> None:
    pictures = pictures_in(shared_data)
    model = Model(model_settings(loads(config_of(shared_data, {name: CASES[name]})), name))
    scores = np.zeros(4)
    for number, (picture, result) in enumerate(zip(pictures, results[name], strict=True)):
        if number % DIRECTLY == 0:
            bgr = np.asarray(cv2.imread(str(picture)), np.uint8)
            direct = report(model.detect(bgr)[0], model, bgr.shape[1], bgr.shape[0])
            told = {key: value for key, value in result.items() if key in Found.__struct_fields__}
            assert told == {"detections": [], **json.loads(msgspec.json.encode(direct))}
        if name in DETECTORS:
            expected = expected_in(shared_data, name, picture)
            scores += compared(result.get("detections", []), expected, DETECTORS[name].confidence)
    found, true, wanted, met = scores
    assert true >= 0.98 * found, f"precision {true / found:.3f}"
    assert met >= 0.98 * wanted, f"recall {met / wanted:.3f}"


def expected_in(shared_data: Path, name: str, picture: Path) -> list[Detection]:
    listed: list[Detection] = json.loads((shared_data / f"expected/{name}/{picture.stem}.json").read_text())[
        "detections"
    ]
    return listed


def compared(mine: list[Detection], theirs: list[Detection], threshold: float) -> tuple[int, int, int, int]:
    """How many of mine are clear, and have their like among theirs; and of theirs among mine. Keypoints must agree."""
    pairs = [(one, like(one, theirs)) for one in clear(mine, threshold)]
    for one, other in pairs:
        if other and "keypoints" in other:
            assert_alike(one, other)
    met = [like(other, mine) for other in clear(theirs, threshold)]
    return len(pairs), sum(other is not None for _, other in pairs), len(met), sum(one is not None for one in met)


def clear(detections: list[Detection], threshold: float) -> list[Detection]:
    return [one for one in detections if one["confidence"] >= threshold + MARGIN]


def like(one: Detection, others: list[Detection]) -> Detection | None:
    """The other of the same class that covers it best, if by at least three quarters."""
    best = max((o for o in others if o["class_id"] == one["class_id"]), key=lambda o: iou(one, o), default=None)
    return best if best and iou(one, best) >= 0.75 else None


def iou(one: Detection, other: Detection) -> float:
    (a1, b1, a2, b2), (c1, d1, c2, d2) = one["xyxy"], other["xyxy"]
    both = max(min(a2, c2) - max(a1, c1), 0.0) * max(min(b2, d2) - max(b1, d1), 0.0)
    return float(both / ((a2 - a1) * (b2 - b1) + (c2 - c1) * (d2 - d1) - both))


def assert_alike(one: Detection, other: Detection) -> None:
    """Keypoints are within 2% of the box's diagonal, where the other decoder is sure of them."""
    x1, y1, x2, y2 = other["xyxy"]
    mine, theirs = np.array(one["keypoints"]), np.array(other["keypoints"])
    sure = theirs[:, 2] > 0.5 if theirs.shape[1] > 2 else np.ones(len(theirs), bool)
    apart = np.hypot(*(mine[sure, :2] - theirs[sure, :2]).T) / np.hypot(x2 - x1, y2 - y1)
    assert apart.max(initial=0) < 0.02


def test_poses_are_as_good_as_decoded_independently(tmp_path: Path, shared_data: Path) -> None:
    """Object keypoint similarity with COCO's people, by COCO's own tools."""
    name = "yolo11n-pose_int8_headfixed"
    config = config_of(shared_data, {name: Case(MARGIN)})
    with running(tmp_path, config) as daemon:
        assert daemon.finish(240) == 0
    by_picture = dict(zip((file.stem for file in pictures_in(shared_data)), daemon.lines(), strict=True))
    truth = COCO(str(shared_data / "images/coco_test_coco.json"))
    people = 0
    for number, about in truth.imgs.items():
        stem = f"coco_{Path(about['file_name']).stem}"
        expected = expected_in(shared_data, name, shared_data / f"images/{stem}.jpg")
        mine = similarity(truth, number, clear(by_picture[stem]["detections"], 0.4 - MARGIN))
        theirs = similarity(truth, number, expected)
        np.testing.assert_allclose(mine, theirs, atol=0.02)
        people += len(theirs)
    assert people >= 10


def similarity(truth: COCO, picture: int, people: list[Detection]) -> list[float]:
    """For each person that COCO knows in a picture, the similarity of the most similar that was found."""
    found = [
        {
            "image_id": picture,
            "category_id": 1,
            "keypoints": [value for x, y, *_ in one["keypoints"] for value in (x, y, 1)],
            "score": one["confidence"],
        }
        for one in people
    ]
    evaluation = COCOeval(truth, truth.loadRes(found), "keypoints")
    evaluation.params.imgIds, evaluation.params.catIds = [picture], [1]
    evaluation._prepare()
    known = [one["num_keypoints"] > 0 for one in evaluation._gts[picture, 1]]
    return [float(best) for best, has in zip(evaluation.computeOks(picture, 1).max(axis=0), known, strict=True) if has]
