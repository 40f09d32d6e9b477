"""Files that exporters write beside a model: names, and how its input is prepared."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.models.files_beside import Beside, read_beside
from edge_daemon.models.neighbours import files_beside
from edge_daemon.models.preparation import BYTES, SHARES

PADDLE = """
arch: YOLO
Preprocess:
- {type: Resize, interp: 2, keep_ratio: false, target_size: [480, 640]}
- {type: NormalizeImage, is_scale: true, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}
- {type: Permute}
label_list: [pear, fig]
"""
MMDEPLOY = {
    "pipeline": {
        "tasks": [
            {
                "module": "Transform",
                "transforms": [
                    {"type": "LoadImageFromFile"},
                    {"type": "Resize", "keep_ratio": True, "size": [640, 640]},
                    {"type": "Pad", "pad_val": {"img": [114, 114, 114]}},
                    {"type": "Normalize", "mean": [103.5, 116.3, 123.7], "std": [57.4, 57.1, 58.4], "to_rgb": False},
                ],
            },
            {"module": "Net"},
        ]
    }
}
PREPROCESSOR = {
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "size": {"height": 480, "width": 640},
}
DEEPSTREAM = """
[property]
# net-scale-factor=1
net-scale-factor=0.5
offsets=10;20;30
model-color-format=1
onnx-file=m.onnx
labelfile-path=names.txt
maintain-aspect-ratio=1
symmetric-padding=1
"""


def beside(folder: Path, files: Mapping[str, str], model: str = "m.onnx") -> list[Beside]:
    path = folder / model
    path.touch()
    for name, content in files.items():
        (folder / name).write_text(content)
    return read_beside(path)


LABELS = {
    "m.txt": "pear\nfig\n",
    "m.names": "pear\n\nfig",
    "m_labels.txt": "0 pear\n1 fig\n",
    "labels.txt": "0: pear\n1: fig\n",
    "labelmap.txt": "0  pear\n1  fig\n",
    "classes.txt": "\ufeffpear\nfig",
    "labels.json": '{"0": "pear", "1": "fig"}',
    "labels.csv": "id,name\n0,pear\n1,fig\n",
    "m.yaml": "names: {0: pear, 1: fig}",
    "metadata.yaml": "task: detect\nstride: 32\nnames: {0: pear, 1: fig}",
    "config.json": '{"id2label": {"0": "pear", "1": "fig"}}',
    "infer_cfg.yml": PADDLE,
}


@pytest.mark.parametrize("name", LABELS)
def test_names(tmp_path: Path, name: str) -> None:
    (found,) = beside(tmp_path, {name: LABELS[name]})
    assert (found.file, found.sure, found.names) == (name, "known", ("pear", "fig"))


def test_numbers_that_are_left_out(tmp_path: Path) -> None:
    (found,) = beside(tmp_path, {"labelmap.txt": "1 person\n3 car\n"})
    assert found.names == ("N/A", "person", "N/A", "car")


def test_paddle(tmp_path: Path) -> None:
    (found,) = beside(tmp_path, {"infer_cfg.yml": PADDLE})
    assert found.input
    assert (found.input.color, found.input.fit, found.size) == ("rgb", "stretch", (480, 640))
    assert found.input.values == (1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    (plain,) = beside(tmp_path, {"infer_cfg.yml": "Preprocess: [{type: NormalizeImage, norm_type: none}]"})
    assert plain.input
    assert plain.input.values == SHARES
    (bare,) = beside(tmp_path, {"infer_cfg.yml": "Preprocess: [{type: Permute}]"})
    assert bare.input
    assert bare.input.values == BYTES


def test_mmdeploy(tmp_path: Path) -> None:
    (found,) = beside(tmp_path, {"pipeline.json": json.dumps(MMDEPLOY)})
    assert found.input
    assert (found.input.color, found.input.fit, found.input.pad) == ("bgr", "corner", 114)
    assert found.input.values == (1.0, (103.5, 116.3, 123.7), (57.4, 57.1, 58.4))


def test_hugging_face(tmp_path: Path) -> None:
    (found,) = beside(tmp_path, {"preprocessor_config.json": json.dumps(PREPROCESSOR)})
    assert found.input
    assert (found.input.color, found.input.fit, found.size) == ("rgb", "stretch", (480, 640))
    assert found.input.values == (1 / 255, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    for change, fit in (({"do_center_crop": True}, "crop"), ({"size": {"shortest_edge": 800}}, "corner")):
        (other,) = beside(tmp_path, {"preprocessor_config.json": json.dumps({**PREPROCESSOR, **change})})
        assert other.input
        assert other.input.fit == fit


def test_optimum_keeps_its_configuration_one_folder_up(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "config.json").write_text('{"id2label": {"0": "pear"}}')
    assert [one.names for one in beside(tmp_path / "onnx", {})] == [("pear",)]


def test_deepstream(tmp_path: Path) -> None:
    names = {"names.txt": "pear\nfig", "config_infer_primary.txt": DEEPSTREAM}
    found = next(one for one in beside(tmp_path, names) if one.file.startswith("config_infer"))
    assert found.input
    assert (found.names, found.input.color, found.input.fit) == (("pear", "fig"), "bgr", "letterbox")
    assert found.input.values == (0.5, (5.0, 10.0, 15.0), (1.0,))
    other = beside(tmp_path, {"config_infer_primary.txt": DEEPSTREAM.replace("m.onnx", "other.onnx")})
    assert not any(one.file.startswith("config_infer") for one in other)


def test_among_several_models_only_a_file_of_its_own_name_is_certain(tmp_path: Path) -> None:
    (tmp_path / "other.onnx").touch()
    found = beside(tmp_path, {"m.txt": "pear", "labels.txt": "fig"})
    assert [(one.file, one.sure) for one in found] == [("m.txt", "known"), ("labels.txt", "likely")]


@pytest.mark.parametrize(
    "name", ["labels.json", "infer_cfg.yml", "pipeline.json", "config.json", "m.yaml", "labels.txt"]
)
@given(
    content=st.text(max_size=60) | st.sampled_from(["{", "[]", "{}", "null", "- a\n- b", "names: 3", "Preprocess: [3]"])
)
def test_what_cannot_be_read_says_nothing(tmp_path_factory: pytest.TempPathFactory, name: str, content: str) -> None:
    folder = tmp_path_factory.mktemp("beside")
    for found in beside(folder, {}) + _written(folder / name, content):
        assert found.names is None or all(isinstance(one, str) for one in found.names)


def _written(path: Path, content: str) -> list[Beside]:
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    return read_beside(path.parent / "m.onnx")


def test_every_file_that_is_read_is_stamped(tmp_path: Path) -> None:
    """A reload restarts the workers of a model if one of these changes."""
    listed = {path.name for path in files_beside(tmp_path / "m.onnx")}
    assert set(LABELS) | {"pipeline.json", "preprocessor_config.json"} <= listed
    (tmp_path / "config_infer_primary.txt").touch()
    assert tmp_path / "config_infer_primary.txt" in files_beside(tmp_path / "m.onnx")
